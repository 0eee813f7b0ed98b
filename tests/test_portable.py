"""alref starts on systems without the names that only POSIX has, as Windows."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HIDE_POSIX_NAMES = """
import errno, os, signal, sys
for owner, name in [(signal, "pthread_sigmask"), (signal, "SIGKILL"), (errno, "EDQUOT"), (os, "sched_getaffinity"),
                    (os, "sched_setaffinity"), (os, "fork")]:
    if hasattr(owner, name):
        delattr(owner, name)
sys.modules.update(dict.fromkeys(("fcntl", "resource")))
"""


def run_hidden(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", HIDE_POSIX_NAMES + code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_module_of_the_engine_can_be_imported() -> None:
    files = [path for path in (ROOT / "alref").rglob("*.py") if "templates" not in path.parts]
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in sorted(files)]
    assert "alref.evaluation.scoring" in names
    run_hidden(f"from importlib import import_module\nfor name in {names}:\n    import_module(name)")


@pytest.mark.parametrize("arguments", [["--help"], ["plugins"]])
def test_the_command_line_starts(arguments: list[str]) -> None:
    output = run_hidden(f"from alref.cli import run_command\nassert run_command({arguments}) == 0")
    assert "broken" not in output
    assert "run" in output or "uniform" in output


def test_masks_are_scored_by_several_processes_without_signal_masks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from alref.evaluation.scoring import score_videos
    from support.scripted_dataset import NAMES, Overlap, Squares

    monkeypatch.setattr("multiprocessing.resource_tracker._HAVE_SIGMASK", False)
    monkeypatch.delattr("signal.pthread_sigmask")
    found = list(score_videos(Squares(tmp_path), NAMES[:2], tmp_path, [Overlap()], jobs=2))
    assert sorted(each.video for each in found) == sorted(NAMES[:2])
