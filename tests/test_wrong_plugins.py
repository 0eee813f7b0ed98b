"""Faults of plugin authors, each tried on the command line: what catches it, and that it is caught by its name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from alref.cli import run_command
from alref.errors import ConfigError, ContractError, MissingError
from alref.media.write import write_video
from alref.testing import make_moving_square
from support.wrong import plugin

FILE = Path(plugin.__file__)
FINDS = "test_finds_something_in_the_test_video"
INSIDE = "test_answers_each_pivot_in_order_with_boxes_inside_the_image"


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    video = make_moving_square(6)[0]
    write_video(tmp_path / "clip.mp4", video, video.times)
    return tmp_path / "clip.mp4"


def call(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str, str]:
    """Run a command with the plugin; return the exit code and what it printed. No message may be a traceback."""
    code = run_command([*map(str, arguments), "--plugin", str(FILE)])
    captured = capsys.readouterr()
    assert "Traceback" not in captured.out + captured.err
    return code, captured.out, captured.err


def check(capsys: pytest.CaptureFixture[str], name: str, *flags: str | Path) -> tuple[int, dict[str, str], list[Any]]:
    """Check a component; return the exit code, the state of each promise by its test, and the problems."""
    code, out, _ = call(capsys, "plugins", "check", name, "--quick", "--json", *flags)
    lines = [json.loads(line) for line in out.splitlines()]
    states = {line["test"]: line["state"] for line in lines if "test" in line}
    return code, states, [problem for line in lines for problem in line.get("problems", [])]


def test_the_right_one_passes(capsys: pytest.CaptureFixture[str]) -> None:
    code, states, _ = check(capsys, "sighted")
    assert code == 0
    assert {*states.values()} == {"passed", "skipped"}


@pytest.mark.parametrize(
    ("fault", "flags", "option", "hint"),
    [
        ("imports", [], "", "install the package that provides sklearnish"),
        ("processor", ["--device", "cuda"], "", "--device cpu"),
        ("filed", ["-o", "model=absent.tflite"], "model", "-o proposer.model=FILE"),
    ],
)
def test_a_problem_ends_the_check_and_the_run_before_any_work(
    fault: str, flags: list[str], option: str, hint: str, clip: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, states, problems = check(capsys, fault, *flags)
    assert (code, states) == (MissingError.exit_code, {})
    assert [(each["slot"], each["option"] or "", each["hint"]) for each in problems] == [("proposer", option, hint)]
    own = [flag.replace("model=", "proposer.model=") for flag in flags]
    run = ["run", clip, "the square", "--proposer", fault, "--preset", "baseline", *own, "--out", clip.parent / "out", "--json"]
    code, out, _ = call(capsys, *run)
    assert code == MissingError.exit_code
    assert [each["hint"] for each in json.loads(out)["problems"]] == [hint]


def test_an_error_in_problems_ends_the_check_once(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = call(capsys, "plugins", "check", "unwell")
    assert (code, out) == (ContractError.exit_code, "")
    assert err.count("ZeroDivisionError") == 1
    assert f"{FILE.name}:" in err
    (row,) = json.loads(call(capsys, "plugins", "unwell", "--json")[1])
    assert row["state"] == "broken"


def test_a_hook_that_does_not_exist_is_named_with_the_nearest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = tmp_path / "misspelt.py"
    mine.write_text("import alref\n\n@alref.hookimpl\ndef register_propossers():\n    return []\n")
    assert run_command(["plugins", "--plugin", str(mine)]) == ConfigError.exit_code
    assert "did you mean 'register_proposers'" in capsys.readouterr().err


def test_a_name_that_alref_has_changes_nothing_until_it_is_typed(clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    versions = []
    for number, flags in enumerate(([], ["--proposer", "class-evidence"])):
        out = clip.parent / f"run-{number}"
        code, _, err = call(capsys, "run", clip, "the red square", "--every", "5", *flags, "--out", out)
        assert code == 0
        versions.append(
            (
                yaml.safe_load((out / "run.yaml").read_text())["config"]["proposer"]["use"],
                err.count(f"{FILE.name}:class-evidence"),
            )
        )
    assert versions == [(versions[0][0], 0), (versions[0][0], 1)]


def test_a_class_in_several_hooks_is_one_component_of_several_slots(capsys: pytest.CaptureFixture[str]) -> None:
    rows = json.loads(call(capsys, "plugins", "several", "--json")[1])
    assert [row["slots"] for row in rows] == [["proposer", "tracker"]]
    code, states, _ = check(capsys, "several")
    assert (code, states[FINDS]) == (ContractError.exit_code, "failed")


def test_a_closed_vocabulary_is_wrong_only_where_it_sees_its_words(clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, states, _ = check(capsys, "cars")
    assert (code, states[FINDS], states[INSIDE]) == (ContractError.exit_code, "failed", "not exercised")
    code, states, _ = check(capsys, "cars", "--video", clip, "--text", "the red car")
    assert (code, states[FINDS], states[INSIDE]) == (ContractError.exit_code, "passed", "failed")


def test_promises_of_a_component_that_does_nothing_are_not_exercised(capsys: pytest.CaptureFixture[str]) -> None:
    code, states, _ = check(capsys, "idle")
    assert (code, states[FINDS]) == (ContractError.exit_code, "failed")
    assert states[INSIDE] == states["test_gives_the_same_answers_twice"] == "not exercised"


@pytest.mark.parametrize(
    ("name", "hint"), [("manual", "ask its authors"), ("remote", f"alref models pull --proposer remote --plugin {FILE.name}")]
)
def test_missing_weights_are_listed_with_what_gets_them(
    name: str, hint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ALREF_HOME", str(tmp_path))
    for rows in (["plugins"], ["plugins", name]):
        (row,) = [row for row in json.loads(call(capsys, *rows, "--json")[1]) if row["name"] == name]
        assert row["state"] == "weights missing"
        assert hint in row["reason"]
