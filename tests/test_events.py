"""``--json``: standard output holds one event a line and nothing else, whatever components print."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from alref.cli import run_command
from alref.plugins import manager as plugins_module
from alref.testing import make_moving_square, write_frames
from support.scripted import Script, pick_boxes
from support.scripted_dataset import SLOTS, squares

FLAGS = ["--out", "out", "--json"]
SAID = "thinking aloud"
ROW = dict.fromkeys(("unifier", "reasoner", "proposer", "propagator"), "scripted")


def loud(video: Any, candidates: Any) -> Any:
    print(SAID)
    return pick_boxes(video, candidates)


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Install components of which one prints, and a data set; enter a folder with a clip and a file for an ablation."""
    script = Script(pick_boxes=loud)
    monkeypatch.setattr(plugins_module, "entry_points", lambda group: [*script.entries, squares()])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ALREF_HOME", str(tmp_path / "home"))
    Path("data").mkdir()
    write_frames(make_moving_square(frames=4, size=(32, 48), side=8)[0], Path("clip"))
    grid = {"data": {"dataset": "squares", "root": "data"}, "base": ROW, "rows": {"one": {}}}
    Path("grid.yaml").write_text(json.dumps(grid))


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "clip", "the dog", *SLOTS],
        ["eval", "squares", "--data", "data", "--limit", "2", *SLOTS],
        ["ablate", "grid.yaml", "--limit", "2"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_what_a_component_prints_is_no_event(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command([*arguments, *FLAGS]) == 0
    printed = capsys.readouterr()
    assert [json.loads(line)["event"] for line in printed.out.splitlines()][-1] == "finished"
    assert SAID in printed.err
    print("as before")
    assert capsys.readouterr().out == "as before\n"


@pytest.mark.parametrize(
    "arguments",
    [["run", "clip", ""], ["eval", "squares", "--data", "nowhere"], ["ablate", "nofile.yaml"]],
    ids=lambda each: each[0],
)
def test_an_error_is_the_last_event(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    code = run_command([*arguments, *FLAGS])
    (event,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert (event["event"], event["exit_code"]) == ("error", code)
