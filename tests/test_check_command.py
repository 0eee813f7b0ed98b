"""``alref plugins check``: every promise is said with what became of it, and what to do about those that are broken."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from alref.cli import run_command
from alref.testing import PropagatorContract
from alref.testing.runner import SLOW_TESTS, list_tests
from support.benchmark_fixtures import save_sound
from support.folder_dataset import draw

SQUARES = Path(__file__).parent / "support" / "folder_dataset.py"
PLUGIN = '''
import alref
from alref.components.base import Proposer, StageOptions, Transcriber
from alref.errors import Problem
from pydantic import Field


class Options(StageOptions):
    share: float = Field(0.5, gt=0, le=1, description="share of each side that the box covers")


class Center(Proposer):
    """Propose the middle of the picture."""

    name = "center"
    Options = Options

    def propose(self, video, pivots):
        from alref.records import Candidates

        print("proposing")
        width, height = video.width * self.options.share, video.height * self.options.share
        return [Candidates(pivot=pivot, xyxy=[[0, 0, width, height]], scores=[1.0]) for pivot in pivots]


class Wide(Center):
    """Propose a box that sticks out."""

    name = "wide"

    def propose(self, video, pivots):
        from alref.records import Candidates

        width = video.width + 1 if video.width == 3840 else video.width + 40
        return [Candidates(pivot=pivot, xyxy=[[0, 0, width, 5]], scores=[1.0]) for pivot in pivots]


class Lacking(Center):
    """Say that something is missing."""

    name = "lacking"

    def problems(self):
        return [Problem(option="share", message="needs the file weights.bin", hint="alref models pull", value="0.5")]

    def load(self):
        raise AssertionError("loaded all the same")


class Bound(Center):
    """Run on one device alone."""

    name = "bound"
    devices = ("cpu",)

    def load(self):
        raise AssertionError("loaded all the same")


class Confused(Center):
    """Fail when asked what is missing."""

    name = "confused"

    def problems(self):
        return self.options.nothing


class Fragile(Center):
    """Fail when made."""

    name = "fragile"

    def __init__(self, options, device="auto"):
        super().__init__(options, device)
        raise RuntimeError("no luck")


class Stopped(Center):
    """Be interrupted at work."""

    name = "stopped"

    def load(self):
        raise KeyboardInterrupt


class Scribe(Transcriber):
    """Write down a sentence that is always the same."""

    name = "scribe"

    def transcribe(self, video, reference):
        from alref.media.audio_decoder import read_audio
        from alref.records import Transcript

        read_audio(reference.spoken.path, 16000)
        return [Transcript(reference=reference.id, text="the dog")]


@alref.hookimpl
def register_proposers():
    return [Center, Wide, Lacking, Bound, Confused, Fragile, Stopped]


@alref.hookimpl
def register_unifiers():
    return [Scribe]
'''


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("plugin") / "mine.py"
    path.write_text(PLUGIN, encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def _narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def checked(*arguments: str | Path) -> int:
    return run_command(["plugins", "check", *map(str, arguments)])


def told(text: str) -> dict[str, Any]:
    """Return what ``--json`` printed: each promise by its test, and the summary as ``finished``."""
    events = [json.loads(line) for line in text.splitlines()]
    return {event.get("test", event["event"]).removeprefix("test_"): event for event in events}


def test_a_right_component_leaves_with_0_and_says_every_promise(plugin: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert checked("center", "--plugin", plugin, "--quick") == 0
    said = capsys.readouterr().out
    assert said.startswith("center  Propose the middle of the picture.\nproposer, from mine.py ")
    assert "single frame" in said
    assert "failed" not in said
    assert max(map(len, said.splitlines())) <= 80


def test_what_takes_longest_is_left_out_when_it_is_to_be_quick_and_said_so(
    plugin: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    states = {}
    for flags in ([], ["--quick"]):
        assert checked("center", "--plugin", plugin, "--json", *flags) == 0
        states[len(flags)] = told(capsys.readouterr().out)["takes_4k_frames"]
    assert states[0]["state"] == "passed"
    assert states[1]["state"] == "skipped"


def test_what_is_left_out_are_tests_that_there_are() -> None:
    assert SLOW_TESTS.keys() <= set(list_tests(PropagatorContract))


def test_a_wrong_component_leaves_with_6_and_is_told_what_to_do(plugin: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert checked("wide", "--plugin", plugin, "--quick") == 6
    said = capsys.readouterr().out
    assert "single frame" in said
    report = " ".join(said[said.index("\n1  ") :].split())
    assert "single frame" in report
    assert max(map(len, said.splitlines())) <= 80


def test_json_is_one_line_for_each_promise_and_a_summary_whatever_the_component_prints(
    plugin: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert checked("wide", "--plugin", plugin, "--quick", "--json") == 6
    said = told(capsys.readouterr().out)
    finished = said.pop("finished")
    assert [sum(each["state"] == state for each in said.values()) for state in ("passed", "failed", "skipped")] == [
        finished[state] for state in ("passed", "failed", "skipped")
    ]
    assert (finished["component"], finished["completed"]) == ("wide", True)
    assert said["takes_odd_sizes"]["state"] == "failed"
    assert said["takes_odd_sizes"]["advice"].startswith("Resize or pad inside the component")
    assert checked("center", "--plugin", plugin, "--quick", "--json") == 0
    captured = capsys.readouterr()
    assert len(told(captured.out)) > 20
    assert "proposing" in captured.err


def test_an_exception_is_said_with_its_place_in_the_component(plugin: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = PLUGIN.splitlines().index("        return self.options.nothing") + 1
    assert checked("confused", "--plugin", plugin, "--quick") == 6
    captured = capsys.readouterr()
    assert captured.out == ""
    assert f"AttributeError: 'Options' object has no attribute 'nothing' ({plugin}:{line})" in captured.err


def test_a_component_that_cannot_be_made_is_one_error(plugin: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert checked("fragile", "--plugin", plugin) == 6
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("RuntimeError") == 1


def test_problems_are_said_and_nothing_is_run(plugin: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert checked("lacking", "--plugin", plugin) == 5
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "proposer.share: " in captured.err
    assert "-o proposer.share=0.5" in captured.err
    assert checked("lacking", "--plugin", plugin, "--json") == 5
    (problem,) = json.loads(capsys.readouterr().out)["problems"]
    assert (problem["slot"], problem["option"]) == ("proposer", "share")
    assert problem["hint"] == "alref models pull, or -o proposer.share=0.5"


def test_a_device_that_is_not_declared_is_a_problem(plugin: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert checked("bound", "--plugin", plugin, "--device", "cuda", "--json") == 5
    (problem,) = json.loads(capsys.readouterr().out)["problems"]
    assert (problem["slot"], problem["hint"]) == ("proposer", "--device cpu")


def test_ctrl_c_leaves_with_what_is_known(plugin: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert checked("stopped", "--plugin", plugin, "--quick") == 130
    captured = capsys.readouterr()
    assert "Its name" in captured.out
    assert captured.out.splitlines()[-1].startswith("stopped early: ")
    assert captured.err.strip() == "interrupted"
    assert checked("stopped", "--plugin", plugin, "--quick", "--json") == 130
    assert told(capsys.readouterr().out)["finished"]["completed"] is False


@pytest.mark.parametrize("option", ["share=1", "proposer.share=1"])
def test_options_are_given_with_or_without_the_kind(option: str, plugin: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert checked("center", "--plugin", plugin, "--quick", "--json", "-o", option) == 0
    assert told(capsys.readouterr().out)["finished"]["failed"] == 0


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("share=2", "center.share: Input should be less than or equal to 1, got 2"),
        ("shaer=1", "center.shaer: no such option; did you mean 'share'?"),
        ("propagator.share=1", "expected OPTION=VALUE with an option of center; see: alref plugins center"),
        ("share", "expected OPTION=VALUE with an option of center"),
    ],
)
def test_a_wrong_option_is_one_error(option: str, said: str, plugin: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert checked("center", "--plugin", plugin, "-o", option) == 4
    assert said in capsys.readouterr().err


def test_an_unknown_name_is_one_error_with_the_nearest(plugin: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert checked("cetnre", "--plugin", plugin) == 4
    assert "'center'" in capsys.readouterr().err


def test_a_component_that_is_installed_is_checked_by_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert checked("uniform", "--quick", "-o", "reasoner.count=2") == 0
    assert "temporal" in capsys.readouterr().out


def test_a_transcriber_is_checked_on_a_recording(plugin: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert checked("scribe", "--plugin", plugin, "--json") == 6
    unheard = told(capsys.readouterr().out)["transcribes_speech_in_order"]
    assert unheard["state"] == "not exercised"
    save_sound(tmp_path / "spoken.wav", 1)
    assert checked("scribe", "--plugin", plugin, "--json", "--spoken", tmp_path / "spoken.wav") == 0
    assert told(capsys.readouterr().out)["transcribes_speech_in_order"]["state"] == "passed"


def test_a_data_set_is_checked_in_its_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    draw(tmp_path)
    assert checked("squares", "--plugin", SQUARES, "--data", tmp_path) == 0
    assert "references" in capsys.readouterr().out
    assert checked("squares", "--plugin", SQUARES, "--data", tmp_path, "--split", "test", "--json") == 0
    assert told(capsys.readouterr().out)["scores_the_truth_as_perfect"]["state"] == "skipped"


def test_a_data_set_needs_its_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert checked("squares", "--plugin", SQUARES) == 4
    assert "alref plugins check squares --data DIR" in capsys.readouterr().err
    assert checked("squares", "--plugin", SQUARES, "--data", tmp_path) == 3
    assert "video 0" in capsys.readouterr().err
