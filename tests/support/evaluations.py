"""Evaluations of moving squares from the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from alref.plugins import manager as plugins_module
from support.scripted import Script
from support.scripted_dataset import SLOTS, squares

EVAL = ["eval", "squares", "--data", "data", *SLOTS, "--out", "run", "--quiet"]


def prepare_evaluation(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Script:
    """Replace the installed components by scripted ones, and work in a folder with the dataset."""
    script = Script()
    monkeypatch.setattr(plugins_module, "entry_points", lambda group: [*script.entries, squares()])
    (folder / "data").mkdir()
    monkeypatch.chdir(folder)
    return script


def read_summary(folder: str = "run") -> dict[str, Any]:
    """Return the summary of an evaluation without the seconds that it took."""
    summary = json.loads(Path(folder, "summary.json").read_text())
    for line in summary["lines"]:
        del line["row"]["seconds"]
    del summary["seconds"]
    return dict(summary)
