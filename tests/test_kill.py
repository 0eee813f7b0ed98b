"""A run that is killed at any moment goes on by the same command, and ends as if nothing had happened."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from alref.testing import make_moving_square, write_frames

SLOTS = ["--unifier", "scripted", "--reasoner", "scripted", "--proposer", "scripted", "--propagator", "scripted"]


def run(folder: Path, out: str, kill_at: int = 0) -> subprocess.CompletedProcess[str]:
    arguments = [
        sys.executable,
        "-m",
        "support.kill_cli",
        str(kill_at),
        "run",
        "clip",
        "the dog",
        *SLOTS,
        "--out",
        out,
        "--quiet",
    ]
    return subprocess.run(arguments, cwd=folder, capture_output=True, text=True, check=False)


def left(folder: Path) -> dict[str, Any]:
    """Return what a finished run leaves, without the times it took."""
    result = json.loads((folder / "result.json").read_text())
    del result["seconds"]
    masks = {path.name: path.read_bytes() for path in (folder / "masks").iterdir()}
    names = {path.name for path in folder.iterdir() if path.is_file()}
    return {"result": result, "masks": masks, "names": names, "overlay": (folder / "overlay.mp4").read_bytes()}


def test_random_moments(tmp_path: Path) -> None:
    write_frames(make_moving_square(frames=4, size=(32, 48), side=8)[0], tmp_path / "clip")
    whole = run(tmp_path, "whole")
    assert whole.returncode == 0, whole.stderr
    expected = left(tmp_path / "whole")
    total = int(whole.stdout.splitlines()[-1])
    moments = random.Random(11).sample(range(total // 2, total - 20), 10)
    for number, moment in enumerate(moments):
        out = f"killed-{number}"
        assert run(tmp_path, out, kill_at=moment).returncode == -signal.SIGKILL
        again = run(tmp_path, out)
        assert again.returncode == 0, f"killed at call {moment} of {total}: {again.stderr}"
        assert left(tmp_path / out) == expected
