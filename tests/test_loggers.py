"""Loggers get the numbers of a finished evaluation; one that fails costs nothing but its own record."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from alref.cli import run_command
from alref.components.logger import EvaluationLogger, FinishedEvaluation
from alref.errors import Problem
from alref.plugins import manager as plugins_module
from alref.testing import LoggerContract
from alref.testing.runner import run_checks
from support.scripted import Script, entry
from support.scripted_dataset import NAMES, SLOTS, squares

EVAL = ["eval", "squares", "--data", "data", *SLOTS, "--out", "run", "--quiet"]
LOGGED: list[FinishedEvaluation] = []


class Notes(EvaluationLogger):
    """Keeps what it gets."""

    name = "notes"

    def log_evaluation(self, evaluation: FinishedEvaluation) -> str:
        LOGGED.append(evaluation)
        return "notes"


class Unreachable(EvaluationLogger):
    """Never reaches its server."""

    name = "unreachable"

    def log_evaluation(self, evaluation: FinishedEvaluation) -> str:
        raise ConnectionError("nobody answers")


class Missing(Notes):
    """Needs a library that is not there."""

    name = "missing"
    needs = ("a_library_that_is_not_there",)


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Script:
    made = Script()
    loggers = entry("loggers", register_loggers=lambda: [Notes, Unreachable, Missing])
    monkeypatch.setattr(plugins_module, "entry_points", lambda group: [*made.entries, squares(), loggers])
    (tmp_path / "data").mkdir()
    monkeypatch.chdir(tmp_path)
    LOGGED.clear()
    return made


def test_a_logger_gets_the_numbers_and_the_rows_of_the_reports(script: Script) -> None:
    assert run_command([*EVAL, "--logger", "notes"]) == 0
    (logged,) = LOGGED
    done = json.loads(Path("run/summary.json").read_text())
    assert logged.metrics == {"overlap/overlap": done["tables"][0]["metrics"]["overlap"]}
    assert list(logged.intervals["overlap/overlap"]) == done["intervals"]["overlap"]
    assert [row[list(logged.columns).index("video")] for row in logged.rows] == NAMES
    assert (logged.videos, logged.requested, logged.dollars) == (len(NAMES), len(NAMES), None)
    assert all(path.is_file() for path in logged.files)
    assert logged.config["temporal"]["patience"] == 3


def test_the_same_command_has_the_same_key_and_other_settings_another(script: Script) -> None:
    assert run_command([*EVAL, "--logger", "notes", "--limit", "1"]) == 0
    assert run_command([*EVAL, "--logger", "notes"]) == 0
    assert run_command([*EVAL, "--logger", "notes", "-o", "temporal.patience=4", "--force"]) == 0
    first, again, other = (logged.key for logged in LOGGED)
    assert first == again
    assert other != first


def test_a_logger_that_fails_is_named_and_nothing_is_lost(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command([*EVAL, "--logger", "unreachable", "--logger", "notes"]) == 6
    said = capsys.readouterr().err
    assert "'unreachable'" in said
    assert "nobody answers" in said
    assert "Traceback" not in said
    assert len(LOGGED) == 1
    assert len(json.loads(Path("run/summary.json").read_text())["lines"]) == len(NAMES)
    assert run_command([*EVAL, "--logger", "notes"]) == 0
    assert len(script.asked("propagate")) == len(NAMES)


def test_programs_read_where_each_logger_recorded(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command([*EVAL, "--json", "--logger", "unreachable", "--logger", "notes"]) == 6
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    logged = {each["logger"]: each for each in events if each["event"] == "logged"}
    assert logged["notes"]["place"] == "notes"
    assert "nobody answers" in logged["unreachable"]["error"]


@pytest.mark.parametrize(("name", "code"), [("note", 4), ("missing", 5)])
def test_a_logger_that_cannot_work_is_said_before_anything_runs(script: Script, name: str, code: int) -> None:
    assert run_command([*EVAL, "--logger", name]) == code
    assert not script.calls


def find_failures(cls: type[EvaluationLogger]) -> set[str]:
    contract = type("Contract", (LoggerContract,), {"make_logger": lambda _: cls()})
    return {each.test for each in run_checks(contract, cls, {}) if each.state == "failed"}


def rename(evaluation: FinishedEvaluation) -> str:
    evaluation.config["order"] = "changed"  # type: ignore[index]
    return "here"


def overwrite(evaluation: FinishedEvaluation) -> str:
    evaluation.files[0].write_text("mine")
    return "here"


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "says nothing": ({"log_evaluation": lambda self, evaluation: None}, "test_returns_where"),
    "wants scores": ({"log_evaluation": lambda self, each: each.tables[0].protocol}, "test_takes_an_evaluation_without_truth"),
    "changes settings": ({"log_evaluation": lambda self, evaluation: rename(evaluation)}, "test_changes_nothing"),
    "changes files": ({"log_evaluation": lambda self, evaluation: overwrite(evaluation)}, "test_changes_nothing"),
    "hides what is missing": ({"problems": lambda self: list[Problem]()}, "test_says_what_to_install"),
    "no docstring": ({"__doc__": ""}, "test_explains_itself"),
    "only once": (
        {"log_evaluation": lambda self, each: each.folder.joinpath("once").mkdir() or "here"},
        "test_records_again",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_logger_is_caught(what: str) -> None:
    members, test = WRONG[what]
    assert test in find_failures(type("Wrong", (Notes,), {"__doc__": "Wrong.", **members}))


def test_a_right_logger_passes() -> None:
    assert find_failures(Notes) == set()
