"""Folders of small videos, and the command that segments them with components that do next to nothing."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from alref.cli import run_command

PLUGIN = Path(__file__).with_name("batch_plugin.py")
INLINE = Path(__file__).with_name("inline_runner.py")
QUICK = [word for slot in ("unifier", "reasoner", "proposer", "propagator") for word in (f"--{slot}", "quick")]
SETTINGS = ["--plugin", str(PLUGIN), *QUICK]


def write_videos(folder: Path, names: Sequence[str]) -> Path:
    """Write one small GIF for each name, each with other pixels."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(names):
        shades = [(37 * number + 11 * frame) % 250 for frame in range(3)]
        images = [Image.fromarray(np.full((16, 24, 3), shade, np.uint8)) for shade in shades]
        images[0].save(folder / f"{name}.gif", save_all=True, append_images=images[1:], duration=100)
    return folder


def run_batch(capsys: pytest.CaptureFixture[str], source: Path | str, store: Path | str, *more: str) -> list[dict[str, Any]]:
    """Run ``alref batch`` with quick components, and return its events with its exit code.

    It computes in this process, unless ``more`` names another runner.
    """
    words = ["--json", "the dog"] if "--plan" not in more else ["--json"]
    inline = ["--plugin", str(INLINE), "--runner", "inline"]
    code = run_command(["batch", str(source), *words, "--out", str(store), *SETTINGS, *inline, *more])
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return [*events, {"event": "exit", "code": code}]


def get_states(events: list[dict[str, Any]]) -> dict[str, str]:
    """Return what became of each row, by its id."""
    return {Path(each["id"]).stem: each["state"] for each in events if each["event"] == "unit"}


def read_results(store: Path) -> dict[str, bytes]:
    """Return the bytes of ``result.json`` of each unit, by key."""
    found = {}
    for path in (store / "units").glob("*.tar"):
        with tarfile.open(path) as archive:
            file = archive.extractfile("result.json")
            assert file is not None
            found[path.stem] = file.read()
    return found
