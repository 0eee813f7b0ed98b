"""A batch on Ray whose workers, commands and store fail at random moments, compared with an undisturbed one.

    python bench/batch_chaos.py
    python bench/batch_chaos.py --runner local --videos 60 --events 20

Two commands, with Ray each with a cluster of its own, write to one S3-compatible store on the loopback address, and ask one
server with a language model. Prints what was done to them, and how many units were computed and how many answers were paid
beyond those of an undisturbed batch. Ends with exit code 1 if a result differs.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.batch_chaos import ANSWER, UNDER_WAY, Chaos, count_questions
from support.batches import write_videos
from support.llm_server import serving
from support.s3_server import run_s3_server


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runner", default="ray", choices=["ray", "local"])
    parser.add_argument("--videos", type=int, default=60)
    parser.add_argument("--events", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    os.environ["NO_PROXY"] = "127.0.0.1"
    folder, jobs = Path(tempfile.mkdtemp(prefix="alref-chaos-")), 2
    videos = write_videos(folder / "videos", [f"v{number:03d}" for number in range(given.videos)])
    patch = pytest.MonkeyPatch()
    try:
        with serving(ANSWER) as llm, run_s3_server(patch) as bucket:
            started = perf_counter()
            whole = Chaos(videos, folder / "whole", llm, None, given.runner, jobs)
            whole.run_undisturbed()
            undisturbed, asked = perf_counter() - started, count_questions(llm)
            llm.asked.clear()
            chaos = Chaos(videos, folder / "chaos", llm, bucket, given.runner, jobs, given.seed, seconds=0.3)
            started = perf_counter()
            chaos.run_disturbed(given.events, pause=2.0)
            same = chaos.read_results() == whole.read_results()
            computed, questions = chaos.count_computed(), count_questions(llm)
            kills = chaos.done_to["worker"] + chaos.done_to["command"]
            print(f"{given.videos} videos, runner {given.runner}, 2 commands with {jobs} workers each")
            print(f"undisturbed {undisturbed:.0f} s; disturbed {perf_counter() - started:.0f} s, {dict(chaos.done_to)}")
            print(f"units computed again: {computed.total() - given.videos}, at most {UNDER_WAY * jobs * kills} were under way")
            print(
                f"answers paid again: {questions.total() - asked.total()}; questions that nobody asked before: "
                f"{len(questions.keys() - asked.keys())}"
            )
            left = {name: len(chaos.open_store().list_objects(name)) for name in ("units", "failed", "claims")}
            print(f"left in the store: {left}; results equal byte for byte: {same}")
            return 0 if same and left["units"] == given.videos else 1
    finally:
        patch.undo()


if __name__ == "__main__":
    sys.exit(main())
