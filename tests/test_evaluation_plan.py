"""``alref eval --plan`` and the progress of ``alref score``."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from alref.cli import run_command
from support import benchmark_fixtures

EVAL = ["eval", "mevis", "--data", "data", "--split", "valid_u", "--out", "run"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder with a miniature of MeViS, of which the embedded network looks at small images."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("alref_baseline.features.LONG_SIDE", 96)
    benchmark_fixtures.build("mevis", Path("data"))


def plan(capsys: pytest.CaptureFixture[str], *flags: str) -> dict[str, float | None]:
    capsys.readouterr()
    assert run_command([*EVAL, "--plan", "--json", *flags]) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert isinstance(found, dict)
    return found


def test_a_plan_runs_nothing_and_is_measured_by_finished_videos(capsys: pytest.CaptureFixture[str]) -> None:
    before = plan(capsys)
    assert (before["videos"], before["references"], before["done"], before["hours"]) == (2, 6, 0, None)
    assert not Path("run").exists()
    assert run_command([*EVAL, "--limit", "1", "--quiet"]) == 0
    half, (row,) = plan(capsys), Path("run/rows").glob("*.json")
    seconds = sum(json.loads(row.read_text(encoding="utf-8"))["seconds"].values())
    assert (half["done"], half["questions"], half["dollars"]) == (1, 0, 0.0)
    assert half["hours"] == pytest.approx(seconds / 3600 / 2)
    other = plan(capsys, "-o", "proposer.max_candidates=1")
    assert (other["done"], other["hours"]) == (0, None)
    assert run_command([*EVAL, "--quiet"]) == 0
    whole = plan(capsys)
    assert (whole["done"], whole["hours"]) == (2, 0.0)


def test_a_plan_without_measurements_names_the_next_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command([*EVAL, "--plan"]) == 0
    assert "--limit 3" in capsys.readouterr().out


def test_scoring_shows_progress_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command([*EVAL, "--quiet"]) == 0
    assert run_command(["score", "mevis", "--data", "data", "--split", "valid_u", "--masks", "run/masks", "--jobs", "1"]) == 0
    found = capsys.readouterr()
    assert found.err.splitlines() == [f"videos: {count} of 2" for count in range(3)]
    assert re.search("N-acc", found.out)
