"""A correction that is killed at any moment is completed or was never there; nothing else is lost."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from support.corrected_runs import open_corrections, save_run
from support.kill_corrections import PROMPT

MOMENTS = 8


def start(folder: Path, kill_at: int = 0) -> subprocess.CompletedProcess[str]:
    arguments = [sys.executable, "-m", "support.kill_corrections", str(kill_at), str(folder)]
    return subprocess.run(arguments, cwd=Path(__file__).parent, capture_output=True, text=True, check=False)


def left(folder: Path) -> dict[str, bytes]:
    """Return the masks, and what the result says but for its revision."""
    masks = {path.name: path.read_bytes() for path in (folder / "masks").glob("*.png")}
    with open_corrections(folder) as corrections:
        result = corrections.result.model_copy(update={"revision": 0})
    assert not list((folder / "masks").glob(".*")), "a partial file"
    return {**masks, "result": result.model_dump_json().encode()}


def test_random_moments(tmp_path: Path) -> None:
    save_run(tmp_path / "run")
    before = left(tmp_path / "run")
    shutil.copytree(tmp_path / "run", tmp_path / "whole")
    whole = start(tmp_path / "whole")
    assert whole.returncode == 0, whole.stderr
    assert left(tmp_path / "whole") == before, "the correction was taken back"
    with open_corrections(tmp_path / "whole") as corrections:
        corrections.restore(1)
    after = left(tmp_path / "whole")
    total = int(whole.stdout.split()[-1])
    states = set()
    for moment in sorted(random.Random(5).sample(range(2, total), MOMENTS)):
        folder = tmp_path / f"killed-{moment}"
        shutil.copytree(tmp_path / "run", folder)
        assert start(folder, moment).returncode == -signal.SIGKILL
        with open_corrections(folder) as corrections:
            corrections.resume()
            lines = len(corrections.history)
        states.add(lines)
        assert left(folder) == (after if lines == 1 else before), f"killed at call {moment} of {total}, {lines} lines"
        with open_corrections(folder) as corrections:
            corrections.correct("dog", PROMPT) if lines == 0 else corrections.restore(1)
        assert left(folder) == after
    assert {0, 1} <= states or {1, 2} <= states, "the moments are before and after a line"
