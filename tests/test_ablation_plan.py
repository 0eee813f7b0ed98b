"""The plan of an ablation: calls, time, questions, before and after the first videos."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from alref.cli import run_command
from support.ablation_grids import DATA, PLANNED, SCRIPTED, ablate, prepared
from support.scripted import Script, announcing
from support.scripted_llm import ScriptedChat
from support.scripted_tracks import TrackScript


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Script:
    return prepared(monkeypatch, tmp_path)


def test_a_plan_counts_calls_and_runs_nothing(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    Path("grid.yaml").write_text(yaml.safe_dump({
        "base": SCRIPTED, "data": DATA,
        "vary": {"reasoner": [{"use": "other", "cost": 0.5}, "scripted"], "propagator": ["scripted", "grown"]},
    }))  # fmt: skip
    assert run_command(PLANNED) == 0
    plan = json.loads(capsys.readouterr().out)
    assert script.calls == []
    assert not Path("out").exists()
    assert list(plan["rows"].values()) == [0, 0, 0, 0]
    calls = {slot: (each["alone"], each["shared"], each["remaining"]) for slot, each in plan["calls"].items()}
    assert calls == {
        "unifier": (32, 8, 8),
        "temporal": (32, 16, 16),
        "proposer": (32, 16, 16),
        "spatial": (32, 16, 16),
        "propagator": (32, 32, 32),
    }
    assert plan["seconds"] is None
    assert "propagator grown" in plan["not_measured"]


def test_a_plan_checks_the_ways_to_score_too(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    grid = {"base": SCRIPTED, "data": {**DATA, "protocols": ["overlop"]}, "rows": {"a": {}}}
    Path("grid.yaml").write_text(yaml.safe_dump(grid))
    assert run_command(PLANNED) == 4
    assert "no protocol 'overlop'; did you mean 'overlap'" in capsys.readouterr().err


def test_a_plan_after_first_videos_knows_what_the_rest_takes(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    dear = {"use": "other", "cost": 0.5}
    assert ablate("--limit", "2", vary={"reasoner": [dear, "scripted"], "propagator": ["scripted", "grown"]}) == 0
    assert run_command(PLANNED) == 0
    plan = json.loads(capsys.readouterr().out)
    assert list(plan["rows"].values()) == [2, 2, 2, 2]
    assert plan["calls"]["propagator"] == {"alone": 32, "shared": 32, "remaining": 24}
    assert plan["seconds"] > 0
    assert (plan["questions"], plan["tokens"], plan["dollars"]) == (6, 600, 3.0)
    assert run_command(PLANNED[:-1]) == 0
    said = capsys.readouterr().out
    assert "cost: about $3.00" in said
    assert "4 rows of 8 videos" in said


def test_a_plan_counts_the_selection_of_tracks_and_the_review(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    script.entries += TrackScript().entries[-1:]
    script.entries += [announcing("chat", reasoners=[ScriptedChat])]
    chat = {"reasoner": {"use": "scripted-chat", "max_questions": 3}}
    rows = {
        "pivot": chat,
        "reviewed": {**chat, "review": 2},
        "tracks": {**chat, "order": "tracks", "tracker": "scripted"},
        "voted": {"order": "tracks", "tracker": "scripted", "reasoner": {"use": "scripted-chat", "votes": 3}, "rounds": 1},
    }
    plans = {}
    for names in (["pivot"], ["pivot", "reviewed"], ["tracks"], ["voted"]):
        grid = {"base": {**SCRIPTED, "tracker": "scripted"}, "data": DATA, "rows": {name: rows[name] for name in names}}
        Path("grid.yaml").write_text(yaml.safe_dump(grid))
        assert run_command(PLANNED) == 0
        plans[names[-1]] = json.loads(capsys.readouterr().out)
    videos = plans["pivot"]["calls"]["temporal"]["alone"]
    assert {name: plan["questions"] / videos for name, plan in plans.items()} == {
        "pivot": 3 + 1,
        "reviewed": 3 + 1 + 1 + 2 + 1,
        "tracks": 1 + 3 + 3 + 1,
        "voted": 1 + 3 + 3 + 1 + 3,
    }
    assert (plans["reviewed"]["calls"]["temporal"]["shared"], plans["reviewed"]["calls"]["reviewer"]["alone"]) == (
        videos,
        videos,
    )
    assert set(plans["tracks"]["calls"]) == {"unifier", "tracker", "selector"}
