"""The ablation of both orders that the documentation shows runs as it is, here with a scripted tracker and a scripted model."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from alref.cli import run_command
from alref.llm.messages import Question
from alref.plugins import manager as plugins_module
from alref.testing import make_moving_square, write_frames
from support.ablation_grids import QUIET, by_name
from support.docs_commands import ROOT, read
from support.object_tracks import list_ids, read_task, say_choices
from support.scripted import announcing
from support.scripted_llm import ScriptedChat
from support.scripted_tracks import TrackScript, track_two

FRAMES = 48
EXPRESSION = "the thing that walks away"
ASKED: list[Question] = []
QUESTIONS = {
    "tracks": 2 + 3 + 1,
    "one round": 2 + 1 + 1,
    "two rounds": 2 + 2 + 1,
    "8 frames": 2 + 3 + 1,
    "32 frames": 2 + 3 + 1,
    "one noun": 1,
    "without audit": 2 + 3,
    "with appearance": 2 + 3 + 1 + 1 + 2,
    "with review": 2 + 3 + 1 + 2,
    "pivot": 2,
    "pivot with review": 2 + 2,
}
"""Nouns, rounds, the audit; whether appearance matters and how the tracks look; the mask, the behavior.

The answers of later rounds that were given before come from the store, and count.
"""


def read_documented_grid() -> dict[str, Any]:
    """Return the grid of the page that has rows for rounds."""
    blocks = (yaml.safe_load(shown.text) for shown in read(ROOT / "docs" / "ablations.md") if shown.language == "yaml")
    return next(grid for grid in blocks if "one round" in grid.get("rows", {}))


def find_task(question: Question) -> str:
    """Return the task of a question of either order."""
    wanted: Any = question.answer_schema
    return next((name for name in ("frame", "box") if name in wanted["properties"]), "") or read_task(question)


def answer(question: Question) -> str:
    """Name a noun without tracks first; reject the second track in the third round; confirm everything else."""
    ASKED.append(question)
    match find_task(question):
        case "frame":
            return json.dumps({"why": "it is seen well", "finding": "found", "frame": 1})
        case "box":
            return json.dumps({"why": "it is whole", "finding": "found", "box": 1})
        case "concept":
            return json.dumps({"why": "it walks", "kind": "explicit", "noun": "robot", "broader": ""})
        case "concept_shown":
            return json.dumps({"why": "a dog", "noun": "dog", "broader": ""})
        case "tracks":
            return say_choices({number: "accept" if number == 1 else "uncertain" for number in list_ids(question)})
        case "audit":
            return json.dumps({"why": "", "verdict": "present", "criterion": "", "evidence": ""})
        case "appearance_needed":
            return json.dumps({"why": "walks", "answer": "yes"})
        case "appearance":
            return json.dumps({"description": "brown"})
        case "review":
            frames = [{"id": number, "answer": "yes", "why": ""} for number in list_ids(question)]
            return json.dumps({"why": "a dog", "frames": frames})
        case _:
            return json.dumps({"why": "it walks", "verdict": "fits", "evidence": "it walks"})


@pytest.fixture
def ablated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, Any]]:
    """Run the documented grid, but for the row of the embedded rules, and return its rows by name."""
    ASKED.clear()
    chat = type("Chat", (ScriptedChat,), {"script": staticmethod(answer)})
    script = TrackScript(track=lambda video, nouns: track_two(video, [noun for noun in nouns if noun == "dog"]))
    entries = [*script.entries, announcing("chat", reasoners=[chat])]
    monkeypatch.setattr(plugins_module, "entry_points", lambda group: entries)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ALREF_HOME", str(tmp_path / "home"))
    write_frames(make_moving_square(frames=FRAMES, size=(32, 48), side=8)[0], tmp_path / "clip")
    rows = {name: row for name, row in read_documented_grid()["rows"].items() if name != "rules"}
    slots = dict.fromkeys(("unifier", "proposer", "propagator", "tracker"), "scripted")
    grid = {"base": {**slots, "reasoner": "scripted-chat", "order": "tracks"}, "videos": {"clip": [EXPRESSION]}, "rows": rows}
    Path("grid.yaml").write_text(yaml.safe_dump(grid, sort_keys=False))
    assert run_command(QUIET) == 0
    return by_name()


def count_frames(question: Question) -> int:
    told = re.search(r"The frames are at (.*) seconds", question.messages[0].text)
    assert told
    return len(told[1].split(", "))


def test_the_documented_ablation_of_both_orders_runs(ablated: dict[str, dict[str, Any]]) -> None:
    assert [(name, row["failed"], row["done"]) for name, row in ablated.items() if row["failed"] or row["done"] != 1] == []
    assert {name: row["questions"] for name, row in ablated.items()} == QUESTIONS
    assert {name for name, row in ablated.items() if row["verdicts"] == {"absent": 1}} == {"one noun"}
    shown = {count_frames(question) for question in ASKED if find_task(question) == "tracks"}
    assert shown == {8, 16, 32}


def test_rows_share_their_questions(ablated: dict[str, dict[str, Any]]) -> None:
    asked = Counter(map(find_task, ASKED))
    assert asked["concept"] == asked["frame"] == asked["box"] == 1
    assert len(ASKED) < sum(QUESTIONS.values())
