"""The file of an ablation: what its rows become, and what is wrong with it, said before any work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from alref.ablation.grid import read_ablation
from alref.plugins.manager import PluginManager
from support.ablation_grids import DATA, SCRIPTED, ablate, done, prepared
from support.scripted import Script


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Script:
    return prepared(monkeypatch, tmp_path)


def test_one_at_a_time_changes_one_setting_of_the_base_in_each_row(script: Script) -> None:
    vary = {"reasoner.patience": [3, 4], "propagator": ["scripted", "grown"]}
    assert ablate(mode="one-at-a-time", vary=vary, data={**DATA, "limit": 1}) == 0
    assert [row["name"] for row in done()["rows"]] == ["base", "reasoner.patience=4", "propagator=grown"]


def test_components_are_set_before_their_options_whatever_the_order(script: Script) -> None:
    rows = {"base": {}, "grown": {"propagator.by": 3, "propagator": "grown"}}
    assert ablate(rows=rows, data={**DATA, "limit": 1}) == 0
    asked = yaml.safe_load(Path("out/rows/grown/eval.yaml").read_text())
    assert asked["config"]["propagator"] == {"use": "grown", "by": 3, "missing": False}


def test_the_base_may_be_a_configuration_file_beside_the_grid(script: Script) -> None:
    Path("base.yaml").write_text(yaml.safe_dump({**SCRIPTED, "reasoner": {"use": "scripted", "patience": 7}}))
    Path("grids").mkdir()
    grid = {"base": "../base.yaml", "data": {**DATA, "root": "../data"}, "rows": {"a": {}}}
    Path("grids/grid.yaml").write_text(yaml.safe_dump(grid))
    (row,) = read_ablation(Path("grids/grid.yaml"), script.plugins).rows
    assert row.config.to_dict()["spatial"]["patience"] == 7


WRONG = {
    "no rows": ({}, "expected one of vary and rows"),
    "both": ({"rows": {"a": {}}, "vary": {"reasoner": ["other"]}}, "expected one of vary and rows"),
    "no values": ({"vary": {"reasoner": []}}, "vary.reasoner: expected a list of values"),
    "a value twice": ({"vary": {"propagator.by": [1, 2, 1]}}, "vary.propagator.by: expected different values, got '1' twice\n"),
    "no mapping": ({"rows": {"a": 1}}, "grid.yaml.rows.a: expected a mapping, got 1"),
    "an expression without a list": (
        {"rows": {"a": {}}, "videos": {"v.mp4": "the dog"}},
        "videos: v.mp4: no such file of references: 'the dog'",
    ),
    "no expression": ({"rows": {"a": {}}, "videos": {"v.mp4": []}}, "videos: v.mp4: no expressions"),
    "a mode": ({"mode": "grit", "rows": {"a": {}}}, "grid.yaml.mode: Input should be 'grid' or 'one-at-a-time'"),
    "a key": ({"row": {"a": {}}}, "grid.yaml.row: no such option; did you mean 'rows'?"),
    "a component": ({"rows": {"a": {}, "b": {"propagator": "grow"}}}, "row 'b': propagator: no component 'grow'; did"),
    "an option": ({"vary": {"propagator.bye": [1]}}, "propagator.bye: no such option"),
    "a data set": ({"rows": {"a": {}}, "data": {"dataset": "square", "root": "data"}}, "did you mean 'squares'?"),
    "a key of data": ({"rows": {"a": {}}, "data": {**DATA, "limits": 3}}, "data.limits: no such option; did you mean 'limit'?"),
    "a video": ({"rows": {"a": {}}, "data": {**DATA, "videos": ["e55"]}}, "no video 'e55' in split valid; did you mean 'e5'?"),
    "a window": ({"rows": {"a": {"video.every": 2}}}, "row 'a': video: not allowed"),
    "one folder": ({"rows": {"A": {}, "a": {}}}, "rows 'A' and 'a' would share a folder"),
}  # fmt: skip


@pytest.mark.parametrize(("grid", "message"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_said_before_any_work(
    script: Script, capsys: pytest.CaptureFixture[str], grid: dict[str, Any], message: str
) -> None:
    assert ablate(**grid) in (3, 4)
    said = capsys.readouterr().err
    assert message in said
    assert "Traceback" not in said
    assert script.calls == []


def test_a_row_with_a_model_does_not_change_the_slots_that_the_base_leaves_open(tmp_path: Path) -> None:
    path = tmp_path / "grid.yaml"
    rows = {"own": {}, "model": {"propagator": "sam2"}}
    (tmp_path / "clip.mp4").touch()
    path.write_text(yaml.safe_dump({"base": {"spatial": "top-score"}, "videos": {"clip.mp4": ["the dog"]}, "rows": rows}))
    ablation = read_ablation(path, PluginManager())
    assert [row.config.slots["proposer"].use for row in ablation.rows] == ["class-evidence", "class-evidence"]
