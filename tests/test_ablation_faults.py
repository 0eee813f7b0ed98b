"""What is wrong with an ablation is said in its own words, once, and before any work."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from alref.cli import run_command
from alref.components.base import Reasoner
from alref.media.video import Video
from alref.plugins import manager as plugins_module
from alref.records import Candidates, Phrase, PivotBox, PivotFrame
from alref.testing import make_moving_square, write_frames
from alref_benchmarks.datasets import DATASETS
from alref_benchmarks.protocols import PROTOCOLS
from support.scripted import Script, announcing, entry, pick_boxes, pick_frames

SCRIPTED = dict.fromkeys(("unifier", "reasoner", "proposer", "propagator"), "scripted")
ROWS: dict[str, Any] = {"first": {}, "second": {"temporal.patience": 9}}


class Asking(Reasoner):
    """Asks a model in a way of its own."""

    name = "asking"

    def pick_frames(self, video: Video, phrases: list[Phrase]) -> list[PivotFrame]:
        return pick_frames(video, phrases)

    def pick_boxes(self, video: Video, candidates: list[Candidates]) -> list[PivotBox]:
        return pick_boxes(video, candidates)


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Script:
    """Scripted components in place of what is installed, in a folder with one clip."""
    made = Script()
    shipped = entry("shipped", register_datasets=lambda: DATASETS, register_metrics=lambda: PROTOCOLS)
    entries = [*made.entries, announcing("asking", reasoners=[Asking]), shipped]
    monkeypatch.setattr(plugins_module, "entry_points", lambda group: entries)
    monkeypatch.setenv("ALREF_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    write_frames(make_moving_square(frames=4, size=(32, 48))[0], Path("clip"))
    return made


def ablate(*flags: str, **grid: Any) -> int:
    """Write a grid over the clip, and run it."""
    Path("grid.yaml").write_text(
        yaml.safe_dump({"base": SCRIPTED, "videos": {"clip": ["a"]}, "rows": ROWS, **grid}, sort_keys=False)
    )
    return run_command(["ablate", "grid.yaml", *flags])


@pytest.mark.parametrize("flags", [["--plan"], ["--quiet"], ["--limit", "1"]], ids=" ".join)
def test_videos_that_are_not_there_are_named_at_once(
    script: Script, capsys: pytest.CaptureFixture[str], flags: list[str]
) -> None:
    assert ablate(*flags, videos={"clip": ["a"], "nope.mp4": ["x"], "no/such": ["y"]}) == 3
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert re.search(rf"videos: .*nope\.mp4, no/such.*{re.escape(str(Path.cwd()))}", said)
    assert not script.calls
    assert not Path("alref-out").exists()


def test_all_files_that_are_not_there_are_named_with_the_grid(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    assert ablate("--plan", videos={"clip": "no.yaml", "nope.mp4": "none.yaml"}) == 3
    said = capsys.readouterr().err
    assert re.search(r"grid\.yaml: videos: .*nope\.mp4;", said)
    assert re.search(r"grid\.yaml: videos: clip: .*'no\.yaml'", said)
    assert re.search(r"grid\.yaml: videos: nope\.mp4: .*'none\.yaml'", said)


def test_a_data_set_that_is_not_there_is_named_by_the_plan(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    assert ablate("--plan", videos={}, data={"dataset": "mevis", "root": "nowhere"}) == 3
    assert "nowhere" in capsys.readouterr().err


def test_a_video_that_cannot_be_read_is_named_once(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    Path("bad.png").write_bytes(b"no picture")
    assert ablate(videos={"clip": ["a"], "bad.png": ["x"]}) == 3
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("first: bad.png")]
    assert len(told) == 1
    assert told[0].count("bad.png") == 1 + told[0].count("'bad.png'")


def test_a_home_in_a_path_is_found(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(Path.cwd()))
    Path("asked.yaml").write_text("[a]")
    assert ablate("--quiet", videos={"~/clip": "~/asked.yaml"}) == 0
    assert script.asked("propagate")


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "mode beside rows": ({"mode": "grid"}, "mode applies only to vary"),
    "no name": ({"rows": {"": {}}}, "rows: expected a name for each row, got a blank one"),
    "a blank name": ({"rows": {" ": {}}}, "rows: expected a name for each row, got a blank one"),
    "a number": ({"rows": {1: {}}}, "grid.yaml.rows.1: expected text, got 1; write it in quotes"),
    "a truth": ({"rows": {False: {}}}, "expected text, got False; write it in quotes"),
    "a blank expression": ({"videos": {"clip": ["a", " "]}}, "videos: clip: blank expression"),
}


@pytest.mark.parametrize(("grid", "message"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_with_the_file_is_said(
    script: Script, capsys: pytest.CaptureFixture[str], grid: dict[str, Any], message: str
) -> None:
    assert ablate("--plan", **grid) in (3, 4)
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1


def test_all_rows_that_would_share_a_folder_are_named(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    assert ablate("--plan", rows={"A": {}, "a": {}, "B": {}, "b": {}}) == 4
    said = capsys.readouterr().err
    assert "'A' and 'a'" in said
    assert "'B' and 'b'" in said


def test_a_row_of_which_nothing_is_said_is_the_base(script: Script) -> None:
    assert ablate("--quiet", rows={"as it is": None, "patient": {"temporal.patience": 9}}) == 0


def test_a_cache_that_cannot_be_written_is_said_once_before_any_work(
    script: Script, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("file").write_text("")
    monkeypatch.setenv("ALREF_HOME", "file/below")
    assert ablate() == 7
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "file/below/stages: " in said
    assert "ALREF_HOME" in said
    assert not script.calls


def test_of_reasoners_of_others_it_is_not_known_what_they_ask(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    grid: dict[str, Any] = {"base": {**SCRIPTED, "reasoner": "asking"}, "rows": {"only": {}}}
    assert ablate("--plan", **grid) == 0
    assert "language models: " in capsys.readouterr().out
    assert ablate("--plan", "--json", **grid) == 0
    planned = json.loads(capsys.readouterr().out)
    assert (planned["questions"], planned["tokens"], planned["dollars"]) == (None, None, None)
    assert ablate("--quiet", **grid) == 0
    assert ablate("--plan", **grid) == 0
    assert "language models: " in capsys.readouterr().out
