"""What keeps a component from working is a record: where it is, what is wrong, and the next command with the real flag."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest

from alref.cli import run_command
from alref.errors import MissingError, Problem
from alref.pipeline.contracts import find_problems
from alref.testing import make_moving_square, write_frames
from alref_baseline.reasoners import TopScoreReasoner

WRONG_MODEL = Problem(option="model", message="x has no config.json", hint="hf download NAME", value="FOLDER")


def test_a_problem_writes_itself_in_one_line_with_the_flag() -> None:
    assert str(WRONG_MODEL.assign_slot("proposer")) == (
        "proposer.model: x has no config.json: hf download NAME, or -o proposer.model=FOLDER"
    )
    assert str(WRONG_MODEL) == "x has no config.json: hf download NAME, or -o model=FOLDER"
    assert str(Problem(slot="proposer", message="needs a key")) == "proposer: needs a key"
    assert str(Problem(slot="proposer", option="model", message="wrong", hint="other")) == "proposer.model: wrong: other"


def test_a_slot_that_is_set_stays() -> None:
    assert WRONG_MODEL.assign_slot("tagger").assign_slot("proposer").slot == "tagger"


def test_a_problem_as_json_has_the_whole_hint() -> None:
    assert WRONG_MODEL.assign_slot("proposer").to_dict() == {
        "slot": "proposer",
        "option": "model",
        "message": "x has no config.json",
        "hint": "hf download NAME, or -o proposer.model=FOLDER",
    }


def test_an_error_keeps_the_problems_that_it_was_made_from() -> None:
    error = pickle.loads(pickle.dumps(MissingError(WRONG_MODEL, Problem(message="no key"))))
    assert error.problems == [WRONG_MODEL, Problem(message="no key")]
    assert str(error).splitlines() == [str(WRONG_MODEL), "no key"]
    assert MissingError("no server").problems == [Problem(message="no server")]


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    folder = tmp_path / "empty"
    folder.mkdir()
    return folder


def test_every_command_names_the_slot_of_a_wrong_folder(
    empty: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = write_frames(make_moving_square(frames=2)[0], tmp_path / "clip")
    chosen = ["--propagator", "sam2", "-o", f"propagator.model={empty}"]
    commands = [
        ["plugins", "check", "sam2", "-o", f"model={empty}"],
        ["run", str(clip), "the dog", *chosen, "--dry-run", "--out", str(tmp_path / "out")],
        ["models", *chosen],
        ["models", "pull", *chosen],
    ]
    for command in commands:
        run_command(command)
        captured = capsys.readouterr()
        shown = " ".join((captured.out + captured.err).split())
        assert "KIND." not in shown, command
        assert "-o propagator.model=FOLDER" in shown, command
    assert run_command(["plugins", "check", "sam2", "--json", "-o", f"model={empty}"]) == 5
    (problem,) = json.loads(capsys.readouterr().out)["problems"]
    assert (problem["slot"], problem["option"]) == ("propagator", "model")


def test_doctor_shows_no_placeholder(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], empty: Path) -> None:
    from alref_sam2 import Sam2

    monkeypatch.setattr(Sam2, "problems", lambda _: [WRONG_MODEL])
    monkeypatch.setattr(Sam2, "weights", lambda _: [])
    monkeypatch.setenv("COLUMNS", "200")
    assert run_command(["doctor"]) == 0
    shown = capsys.readouterr().out
    assert "KIND." not in shown
    assert "-o propagator.model=FOLDER" in shown


def test_a_device_that_a_component_does_not_declare_is_a_problem() -> None:
    cls = type("OnCpu", (TopScoreReasoner,), {"devices": ("cpu",)})
    (problem,) = find_problems(cls(cls.Options(), "cuda"), "spatial")
    assert (problem.slot, problem.hint) == ("spatial", "--device cpu")
    assert "cuda" in problem.message
    for device in ("cpu", "auto"):
        assert find_problems(cls(cls.Options(), device), "spatial") == []
    assert find_problems(TopScoreReasoner(TopScoreReasoner.Options(), "cuda"), "spatial") == []
