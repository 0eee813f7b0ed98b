"""The files that the page on ablations shows."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

import alref_benchmarks
from alref.cli import run_command
from alref.components.base import Stage, StageOptions
from alref.config import resolve_config
from alref.plugins import manager as plugins_module
from alref.plugins.manager import PluginManager
from alref.records import Reference
from alref.testing import make_moving_square, write_frames
from support.ablation_grids import PLANNED, QUIET, done
from support.scripted import Script, announcing, entry
from support.scripted_dataset import NAMES, Squares
from support.scripted_tracks import TrackScript, make_chooser

PAGE = Path(__file__).parents[1] / "docs" / "ablations.md"
SHOWN = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def test_the_first_file_of_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unifier, reasoner, proposer, propagator = Script().classes()
    kinds = {
        "unifiers": [named(unifier, name) for name in ("grammar", "energy", "whisper")],
        "reasoners": [named(reasoner, name) for name in ("rules", "middle-frame", "top-score")],
        "proposers": [named(proposer, "class-evidence")],
        "propagators": [named(propagator, "label-propagation")],
    }
    monkeypatch.setattr(plugins_module, "entry_points", lambda group: [announcing("embedded", **kinds)])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ALREF_HOME", str(tmp_path))
    write_frames(make_moving_square(frames=3, size=(32, 48), side=12)[0], tmp_path / "clip.mp4")
    Path("grid.yaml").write_text(SHOWN[0])
    assert run_command(QUIET) == 0
    assert [(row["done"], row["verdicts"], row["why"]) for row in done()["rows"]] == [(1, {"found": 1}, "")] * 4


def named(base: type[Stage], name: str) -> type[Stage]:
    """Return a scripted component in the place of an embedded one."""

    class Options(StageOptions):
        max_candidates: int = 3

    return type("StandIn", (base,), {"name": name, "Options": Options, "__doc__": "Stands in."})


def test_a_row_without_temporal_reasoning_differs_from_the_base_in_the_pivot_alone() -> None:
    rows = yaml.safe_load(SHOWN[1])["rows"]
    base, row = (resolve_config(PluginManager(), [{"temporal": each}], "paper-ms3") for each in ({}, {"pivot": "middle"}))
    assert rows["without temporal reasoning"] == {"temporal.pivot": "middle"}
    assert row.to_dict() == {**base.to_dict(), "temporal": {**base.to_dict()["temporal"], "pivot": "middle"}}


def test_the_published_ablation_of_the_page_can_be_planned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Sounding(Squares):
        """Squares under the name of a benchmark, their sound being what is asked for."""

        name = "avsbench-ms3"

        def read_references(self, video: str) -> list[Reference]:
            return [Reference(id="0", sound=True)]

    installed = plugins_module.entry_points
    own = entry("zz", register_datasets=lambda: [Sounding], register_metrics=alref_benchmarks.register_metrics)
    others = [each for each in installed(group="alref") if each.name != "benchmarks"]
    monkeypatch.setattr(plugins_module, "entry_points", lambda group: [*others, own])
    monkeypatch.chdir(tmp_path)
    Path("AVSBench").mkdir()
    Path("grid.yaml").write_text(SHOWN[1])
    assert run_command(PLANNED) == 0
    plan = json.loads(capsys.readouterr().out)
    rows = yaml.safe_load(SHOWN[1])["rows"]
    assert list(plan["rows"]) == list(rows)
    calls = {slot: (each["alone"] // len(NAMES), each["shared"] // len(NAMES)) for slot, each in plan["calls"].items()}
    assert calls == {
        "tagger": (11, 1),
        "temporal": (11, 6),
        "proposer": (11, 6),
        "spatial": (11, 8),
        "propagator": (11, 10),
        "locator": (11, 11),
    }
    frames_asked, boxes_asked = 1 + 1 + 1 + 3, 1 + 1 + 1 + 1
    assert plan["questions"] == len(NAMES) * (frames_asked + boxes_asked)
    assert plan["is_upper_bound"]
    assert plan["tokens"] > 1000 * plan["questions"]
    assert 0 < plan["dollars"] < plan["tokens"] * 30 / 1e6


def test_each_row_of_tracks_first_changes_what_it_names() -> None:
    shown = yaml.safe_load(SHOWN[3])
    base = resolve_config(PluginManager(), [{"preset": shown["base"]}]).to_dict()
    changed = {}
    for name, settings in shown["rows"].items():
        layers = [
            {slot: {option: value} if dot else value} for (slot, dot, option), value in map(split_setting, settings.items())
        ]
        config = resolve_config(PluginManager(), layers, shown["base"]).to_dict()
        changed[name] = {key for key in base if config[key] != base[key]}
    assert changed["tracks"] == set()
    assert changed["8 frames"] == changed["with appearance"] == {"selector"}
    assert changed["one round"] == {"rounds"}
    assert changed["without audit"] == {"audit"}
    assert changed["pivot with review"] == {"order", "review"}


def split_setting(item: tuple[str, object]) -> tuple[tuple[str, str, str], object]:
    return item[0].partition("."), item[1]


def test_an_ablation_of_tracks_first_runs_and_shares_the_tracking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    choose = make_chooser(lambda each, track: "accept" if track.id == 1 else "uncertain" if each.round < 2 else "reject")
    script = TrackScript(pick_tracks=choose)
    monkeypatch.setattr(plugins_module, "entry_points", lambda group: script.entries)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ALREF_HOME", str(tmp_path))
    write_frames(make_moving_square(frames=4, size=(32, 48), side=12)[0], tmp_path / "clip.mp4")
    rows = yaml.safe_load(SHOWN[3])["rows"]
    kept = {name: rows[name] for name in ("tracks", "one round", "two rounds", "one noun", "without audit", "pivot")}
    slots = dict.fromkeys(("unifier", "reasoner", "proposer", "propagator", "tracker", "selector"), "scripted")
    grid = {"base": {"order": "tracks", **slots}, "videos": {"clip.mp4": ["the dog"]}, "rows": kept}
    Path("grid.yaml").write_text(yaml.safe_dump(grid))
    assert run_command(QUIET) == 0
    assert [(row["done"], row["verdicts"], row["why"]) for row in done()["rows"]] == [(1, {"found": 1}, "")] * len(kept)
    assert len(script.asked("track")) == 1
