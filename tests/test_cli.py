from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from alref.cli import COMMANDS, run_command
from alref.errors import ConfigError, Problem
from alref.plugins import manager as plugins_module
from alref.testing import make_moving_square, write_frames
from support.scripted import Script

SLOTS = ["--unifier", "scripted", "--reasoner", "scripted", "--proposer", "scripted", "--propagator", "scripted"]


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_frames(make_moving_square(frames=4, size=(32, 48), side=8)[0], tmp_path / "clip")


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Script:
    """Scripted components in place of the installed ones, in an empty working folder."""
    made = Script()
    monkeypatch.setattr(plugins_module, "entry_points", lambda group: made.entries)
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return made


def events(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_run_leaves_its_folder_and_prints_the_verdict(script: Script, clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["run", str(clip), "the dog", "the cat", *SLOTS]) == 0
    folder = Path("alref-out/clip-the-dog")
    assert {path.name for path in folder.iterdir()} >= {"run.yaml", "result.json", "masks", "overlay.mp4", "report.html"}
    printed = capsys.readouterr()
    assert "the cat" in printed.out
    assert "found" in printed.out
    assert "4 of 4" in printed.out
    assert "propagator" in printed.err


def test_brackets_are_shown_as_typed(script: Script, clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["run", str(clip), "the [red] dog[/]", *SLOTS, "--out", "out"]) == 0
    assert "the [red] dog[/]" in capsys.readouterr().out


def test_the_same_command_returns_what_is_there(script: Script, clip: Path) -> None:
    arguments = ["run", str(clip), "the dog", *SLOTS, "--out", "out", "--quiet"]
    assert run_command(arguments) == 0
    count, written = len(script.calls), Path("out/overlay.mp4").stat().st_mtime_ns
    assert run_command(arguments) == 0
    assert len(script.calls) == count
    assert Path("out/overlay.mp4").stat().st_mtime_ns == written


def test_another_run_in_the_folder_is_refused_until_forced(
    script: Script, clip: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["run", str(clip), "the dog", *SLOTS, "--out", "out"]) == 0
    before = Path("out/result.json").read_bytes()
    capsys.readouterr()
    assert run_command(["run", str(clip), "the cat", *SLOTS, "--out", "out"]) == 7
    message = capsys.readouterr().err
    assert "the dog" in message
    assert "--force" in message
    assert Path("out/result.json").read_bytes() == before
    assert run_command(["run", str(clip), "the cat", *SLOTS, "--out", "out", "--force"]) == 0
    assert "the cat" in Path("out/result.json").read_text()


def test_json_prints_one_event_a_line(script: Script, clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["run", str(clip), "the dog", *SLOTS, "--json"]) == 0
    seen = events(capsys.readouterr().out)
    assert [event["stage"] for event in seen if event["event"] == "stage_finished"][:5] == [
        "unifier",
        "temporal",
        "proposer",
        "spatial",
        "propagator",
    ]
    assert seen[-1]["event"] == "finished"
    assert seen[-1]["verdicts"][0]["finding"] == "found"
    assert Path(seen[-1]["out"], "result.json").exists()


def test_json_ends_with_the_error(script: Script, clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["run", str(clip), "", *SLOTS, "--json"]) == 3
    (event,) = events(capsys.readouterr().out)
    assert (event["event"], event["exit_code"]) == ("error", 3)


def test_quiet_prints_nothing(script: Script, clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["run", str(clip), "the dog", *SLOTS, "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")


def test_a_dry_run_prints_the_configuration_and_writes_nothing(
    script: Script, clip: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["run", str(clip), "the dog", *SLOTS, "--dry-run", "--every", "2"]) == 0
    printed = capsys.readouterr().out
    assert "48 x 32" in printed
    assert "every: 2" in printed
    assert script.calls == []
    assert list(Path.cwd().iterdir()) == []


def test_a_dry_run_reports_problems(script: Script, clip: Path) -> None:
    script.answers["problems"] = lambda: [Problem(message="no key")]
    assert run_command(["run", str(clip), "the dog", *SLOTS, "--dry-run"]) == 5


def test_a_box_and_a_file_of_references(script: Script, clip: Path, tmp_path: Path) -> None:
    assert run_command(["run", str(clip), "--box", "4,4, 20,20", "--frame", "2", *SLOTS, "--out", "box", "--quiet"]) == 0
    result = json.loads(Path("box/result.json").read_text())
    assert result["boxes"][0]["pivot"]["frame"] == 2
    (tmp_path / "many.yaml").write_text("rex: the dog\ncup: {box: [1, 1, 9, 9]}\n")
    arguments = ["run", str(clip), "-r", str(tmp_path / "many.yaml"), *SLOTS, "--out", "many", "--quiet"]
    assert run_command(arguments) == 0
    assert [each["id"] for each in json.loads(Path("many/result.json").read_text())["references"]] == ["rex", "cup"]


def test_flags_win_over_the_file(script: Script, clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.yaml").write_text(
        "unifier: scripted\nproposer: scripted\npropagator: scripted\n"
        "reasoner: {use: scripted, patience: 5}\nvideo: {every: 2}\n"
    )
    arguments = ["run", str(clip), "the dog", "-c", str(tmp_path / "mine.yaml"), "-o", "spatial.patience=8", "--dry-run"]
    assert run_command(arguments) == 0
    printed = capsys.readouterr().out
    assert printed.index("patience: 5") < printed.index("patience: 8")
    assert "every: 2" in printed


WRONG: dict[str, tuple[list[str], int, str]] = {
    "no such video": (["run", "none.mp4", "the dog"], 3, "none.mp4"),
    "empty expression": (["run", "CLIP", ""], 3, "empty"),
    "endless expression": (["run", "CLIP", "a" * 10_000], 3, "2000"),
    "no expression": (["run", "CLIP"], 3, "alref run clip.mp4 'the dog'"),
    "three corners": (["run", "CLIP", "--box", "1,2,3"], 3, "X0,Y0,X1,Y1"),
    "box and two expressions": (["run", "CLIP", "a", "b", "--box", "1,2,3,4"], 3, "-r references.yaml"),
    "no such mask": (["run", "CLIP", "--mask", "none.png"], 3, "none.png"),
    "unknown component": (["run", "CLIP", "the dog", "--propagator", "scriptd"], 4, "'scripted'"),
    "unknown option": (["run", "CLIP", "the dog", "-o", "temporal.patienc=3"], 4, "'patience'"),
    "wrong type": (["run", "CLIP", "the dog", "-o", "temporal.patience=long"], 4, "temporal.patience"),
    "option without value": (["run", "CLIP", "the dog", "-o", "patience"], 4, ".OPTION=VALUE"),
    "no such file": (["run", "CLIP", "the dog", "-c", "none.yaml"], 4, "none.yaml"),
    "window of nothing": (["run", "CLIP", "the dog", "--every", "0"], 4, "video.every"),
    "window beyond the end": (["run", "CLIP", "the dog", "--start", "99"], 3, "99"),
    "unknown flag": (["run", "CLIP", "the dog", "--propagater", "x"], 2, "--propagator"),
    "unknown command": (["runn"], 2, "'runn'"),
    "unknown plugin": (["plugins", "scriptd"], 4, "'scripted'"),
}


@pytest.mark.parametrize(("arguments", "code", "message"), WRONG.values(), ids=WRONG)
def test_bad_input_is_one_message_with_its_exit_code(
    script: Script, clip: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, message: str
) -> None:
    slots = SLOTS if arguments[0] == "run" and "--propagator" not in arguments else []
    filled = [str(clip) if each == "CLIP" else each for each in arguments]
    assert run_command(filled + slots) == code
    printed = capsys.readouterr()
    assert message in printed.err
    assert "Traceback" not in printed.err + printed.out
    assert not Path("alref-out").exists()


def test_v_shows_where_a_plugin_failed(script: Script, clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script.answers["propose"] = lambda video, pivots: 1 / 0
    assert run_command(["run", str(clip), "the dog", *SLOTS]) == 6
    assert "Traceback" not in capsys.readouterr().err
    assert run_command(["run", str(clip), "the dog", *SLOTS, "-v"]) == 6
    assert "ZeroDivisionError" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["-v", "plugins", "nothing-here"],
        ["plugins", "-v", "nothing-here"],
        ["plugins", "nothing-here", "-v"],
        ["models", "--preset", "x", "-v"],
    ],
)
def test_v_is_an_option_before_and_after_the_command(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(arguments) == ConfigError.exit_code
    assert "Traceback" in capsys.readouterr().err


def test_a_defect_of_alref_is_one_message_too(
    script: Script, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(plugins_module.PluginManager, "list_components", lambda *_: 1 / 0)
    assert run_command(["config", "--schema"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "ZeroDivisionError" in line


def test_an_interruption_keeps_what_is_done_and_the_same_command_goes_on(
    script: Script, clip: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(video: Any, boxes: Any) -> Any:
        raise KeyboardInterrupt

    script.answers["propagate"] = interrupted
    arguments = ["run", str(clip), "the dog", *SLOTS, "--out", "out"]
    assert run_command(arguments) == 130
    (line,) = capsys.readouterr().err.splitlines()[-1:]
    assert "interrupted" in line
    del script.answers["propagate"]
    script.calls.clear()
    assert run_command(arguments) == 0
    assert [name for name, _ in script.calls] == ["propagate"]


def test_plugins_says_which_extra_to_install(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from alref_baseline import LabelPropagator

    monkeypatch.setattr(LabelPropagator, "needs", ("no_such_library",))
    monkeypatch.setattr(LabelPropagator, "extra", "x")
    assert run_command(["plugins", "label-propagation"]) == 0
    printed = capsys.readouterr().out
    assert "no_such_library" in printed
    assert "pip install 'alref[x]'" in printed


def test_plugins_lists_and_shows(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["plugins"]) == 0
    assert capsys.readouterr().out.count("scripted") >= 4
    assert run_command(["plugins", "scripted"]) == 0
    assert "patience" in capsys.readouterr().out


def test_config_prints_yaml_and_schema(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["config", *SLOTS]) == 0
    assert "use: scripted" in capsys.readouterr().out
    assert run_command(["config", "--schema"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "alref configuration"


def test_doctor_says_that_the_default_pipeline_is_ready(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["doctor"]) == 0
    assert "alref demo" in capsys.readouterr().out


def test_doctor_says_what_is_missing_and_what_to_type(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from alref_baseline import LabelPropagator

    monkeypatch.setattr(LabelPropagator, "problems", lambda _: [Problem(message="no x", hint="get alref[x]")])
    assert run_command(["doctor"]) == 0
    printed = capsys.readouterr().out
    assert "get alref[x]" in printed
    assert "alref demo" not in printed
    assert printed.count("label-propagation") == 2, "in the table, and in the list of what waits"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["completion", shell]) == 0
    assert "_ALREF_COMPLETE" in capsys.readouterr().out


def test_component_names_complete() -> None:
    words = {"COMP_WORDS": "alref run clip.mp4 dog --propagator lab", "COMP_CWORD": "5", "_ALREF_COMPLETE": "bash_complete"}
    alref = Path(sys.executable).with_name("alref")
    done = subprocess.run([alref], env={**os.environ, **words}, capture_output=True, text=True, check=True)
    assert "label-propagation" in done.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command([command, "--help"]) == 0
    assert f"alref {command}" in capsys.readouterr().out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["--version"]) == 0
    assert capsys.readouterr().out.startswith("alref 0.")


def test_ctrl_c_in_a_terminal_ends_with_130(clip: Path, tmp_path: Path) -> None:
    alref = Path(sys.executable).with_name("alref")
    arguments = [alref, "run", clip, "the red square", "--out", tmp_path / "out", "--json"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, printed = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted" in printed
    assert "Traceback" not in printed


BUSY = """
import sys, threading, cv2, numpy
from alref import cli
def work():
    while True:
        cv2.blur(numpy.zeros((1500, 1500), numpy.float32), (5, 5))
def stop(*_, **__):
    raise KeyboardInterrupt
for _ in range(3):
    threading.Thread(target=work, daemon=True).start()
cli.cli.main = stop
cli.main(["score"])
"""


def test_ctrl_c_ends_with_130_while_threads_are_at_work_in_a_compiled_library() -> None:
    done = subprocess.run([sys.executable, "-c", BUSY], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr.splitlines()) == (130, ["interrupted"])
