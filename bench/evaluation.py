"""What a whole evaluation adds beside the stages: milliseconds a video, and memory that does not grow with their number.

    python bench/evaluation.py

Videos of MeViS in miniature, four frames of 64 x 96 with three expressions each, go through ``alref eval`` one at a time:
opened, run, written (22 files), scored, reported. The stages are scripted: they fill one box on each frame. Each number of
videos runs in a process of its own; processor time is of all its threads, and of the system on its behalf.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
from collections import deque
from pathlib import Path
from time import perf_counter, process_time

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from benchmark_fixtures import mevis
from scripted import Script, entry

from alref import plugins
from alref.cli import exit_code
from alref_benchmarks.datasets import DATASETS
from alref_benchmarks.protocols import PROTOCOLS

FEW, MANY = 200, 1000
SLOTS = [f"--{slot}=scripted" for slot in ("unifier", "reasoner", "proposer", "propagator")]


def evaluate(data: Path, count: int, out: Path) -> dict[str, float]:
    """Evaluate ``count`` videos in this process; return seconds by the clock, of processors and of stages, peak MB."""
    script = Script()
    script.calls = deque(maxlen=1)  # type: ignore[assignment]
    shipped = entry("shipped", register_datasets=lambda: DATASETS, register_metrics=lambda: PROTOCOLS)
    plugins.entry_points = lambda group: [*script.entries, shipped]  # type: ignore[assignment]
    which = ["mevis", "--data", str(data), "--split", "valid_u", "--limit", str(count)]
    started, before = perf_counter(), process_time()
    assert exit_code(["eval", *which, *SLOTS, "--jobs", "1", "--out", str(out), "--quiet"]) == 0
    clock, processor = perf_counter() - started, process_time() - before
    stages = sum(json.loads((out / "summary.json").read_text())["seconds"].values())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"clock": clock, "processor": processor, "stages": stages, "peak": peak}


def measured(data: Path, count: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as out:
        command = [sys.executable, __file__, str(data), str(count), f"{out}/run"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        mevis(Path(folder), [f"v{number:04d}" for number in range(MANY)])
        few, many = measured(Path(folder), FEW), measured(Path(folder), MANY)
    each = {name: 1e3 * (many[name] - few[name]) / (MANY - FEW) for name in many}
    print(f"a video, from {FEW} to {MANY} of them:")
    print(f"  {each['clock'] - each['stages']:6.1f} ms by the clock beside the stages, which took {each['stages']:.1f} ms")
    print(f"  {each['processor']:6.1f} ms of a processor, stages included")
    print(f"peak memory: {few['peak']:.0f} MB with {FEW} videos, {many['peak']:.0f} MB with {MANY}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(evaluate(Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))))
    else:
        main()
