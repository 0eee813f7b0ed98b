"""Text of models, servers and files cannot change a terminal, nor hide on a page: control characters are shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from alref.cli import run_command
from alref.cli.console import make_console
from alref.cli.progress import emit_event
from alref.errors import InputError
from alref.output.html import make_environment
from alref.plugins import manager as plugins_module
from alref.records import PivotBox, PivotFrame
from alref.testing import make_moving_square, write_frames
from alref.utils.text import escape_controls
from support.scripted import Script
from support.scripted import pick_boxes as pick_scripted_boxes

EVIL = "\x1b[31mred\x1b]0;title\x07 \x9b2J \u202e\rleft\x00"
CONTROLS = {"\x1b", "\x07", "\x9b", "\u202e", "\r", "\x00"}
SLOTS = [f"--{slot}=scripted" for slot in ("unifier", "reasoner", "proposer", "propagator")]


def assert_visible(text: str) -> None:
    assert not CONTROLS & set(text)
    assert r"\x1b[31mred" in text


@pytest.fixture
def clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return write_frames(make_moving_square(frames=4, size=(32, 48), side=8)[0], tmp_path / "clip")


def use(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins_module, "entry_points", lambda group: script.entries)


def test_a_models_reason_is_shown_in_the_terminal_and_the_report(
    clip: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def pick(video: Any, phrases: list[Any]) -> list[PivotFrame]:
        return [PivotFrame(phrase=phrase, finding="absent", why=EVIL, source="model", raw=EVIL) for phrase in phrases]

    use(Script(pick_frames=pick), monkeypatch)
    assert run_command(["run", str(clip), "the dog", *SLOTS, "--out", "out"]) == 0
    printed = capsys.readouterr()
    assert not CONTROLS & set(printed.out + printed.err)
    assert r"\x1b" in printed.out
    assert_visible(Path("out/report.html").read_text(encoding="utf-8"))
    saved = json.loads(Path("out/result.json").read_text(encoding="utf-8"))
    assert saved["verdicts"][0]["why"] == EVIL


def test_a_reason_for_a_box_is_shown_too(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def pick(video: Any, candidates: list[Any]) -> list[PivotBox]:
        return [box.model_copy(update={"why": EVIL, "raw": EVIL}) for box in pick_scripted_boxes(video, candidates)]

    use(Script(pick_boxes=pick), monkeypatch)
    assert run_command(["run", str(clip), "the dog", *SLOTS, "--out", "out", "--quiet"]) == 0
    assert_visible(Path("out/report.html").read_text(encoding="utf-8"))


@pytest.mark.parametrize("verbose", [[], ["-v"]])
def test_an_error_is_shown(
    clip: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], verbose: list[str]
) -> None:
    def fail(video: Any, phrases: list[Any]) -> list[PivotFrame]:
        raise InputError(EVIL)

    use(Script(pick_frames=fail), monkeypatch)
    assert run_command(["run", str(clip), "the dog", *SLOTS, "--out", "out", *verbose]) == InputError.exit_code
    assert_visible(capsys.readouterr().err)


def test_what_a_console_prints_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    make_console().print(EVIL)
    assert_visible(capsys.readouterr().out)


def test_what_a_page_holds_is_shown() -> None:
    assert_visible(make_environment().from_string("<p>{{ text }}</p>").render(text=EVIL))


def test_json_of_a_text_has_no_control_characters_and_is_the_text(capsys: pytest.CaptureFixture[str]) -> None:
    emit_event("finished", why=EVIL)
    line = capsys.readouterr().out.rstrip("\n")
    assert not (CONTROLS - {"\u202e"}) & set(line)
    assert json.loads(line)["why"] == EVIL


def test_text_in_any_script_stays_as_it_is() -> None:
    text = "a\tb\nمی\u200cشود 👩\u200d👧 \xa0é"
    assert escape_controls(text) == text
    assert escape_controls("a\r\nb") == "a\nb"
