"""``alref eval`` and ``alref ablate`` on workers and in shares give the numbers of one process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from alref.cli import run_command
from alref.testing import make_moving_square, write_frames
from support.batch_plugin import LOG
from support.batches import PLUGIN, SETTINGS
from support.benchmark_fixtures import build


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ALREF_HOME", str(tmp_path / "home"))
    monkeypatch.setenv(LOG, str(tmp_path / "log"))
    build("mevis", tmp_path / "mevis")
    return tmp_path


def evaluate(out: str, *more: str) -> int:
    words = ["eval", "mevis", "--data", "mevis", "--split", "valid_u", *SETTINGS, "--out", out, "--quiet"]
    return run_command([*words, *more])


def read_tables(out: str) -> Any:
    summary = json.loads(Path(out, "summary.json").read_text())
    return summary["tables"], summary["verdicts"]


def test_workers_and_shares_give_the_same_numbers(folder: Path) -> None:
    assert evaluate("threads") == 0
    whole = sorted((folder / "log").read_text().split())
    assert evaluate("workers", "--runner", "local", "--jobs", "2") == 0
    for index in range(2):
        assert evaluate("shares", "--shard", f"{index}/2") == 0
        assert not Path("shares/summary.json").exists()
    assert sorted((folder / "log").read_text().split()) == sorted(3 * whole)
    assert evaluate("shares") == 0
    assert read_tables("threads") == read_tables("workers") == read_tables("shares")
    assert len((folder / "log").read_text().split()) == 3 * len(whole)


def test_a_share_removes_nothing(folder: Path) -> None:
    assert evaluate("shares", "--shard", "0/2", "--force") == 4
    assert evaluate("shares", "--shard", "2/2") == 3


def test_an_ablation_in_shares_is_that_of_one_process(folder: Path) -> None:
    for seed in range(3):
        write_frames(make_moving_square(frames=3, seed=seed)[0], folder / f"clip-{seed}")
    quick = dict.fromkeys(("unifier", "reasoner", "proposer", "propagator"), "quick")
    videos = {f"clip-{seed}": ["the square"] for seed in range(3)}
    grid = {"base": quick, "rows": {"first": {}, "second": {"fallback": "first-frame"}}, "videos": videos}
    Path("grid.yaml").write_text(yaml.safe_dump(grid))
    words = ["ablate", "grid.yaml", "--plugin", str(PLUGIN), "--quiet"]
    assert run_command([*words, "--out", "whole"]) == 0
    for index in range(2):
        assert run_command([*words, "--out", "shares", "--shard", f"{index}/2", "--runner", "local", "--jobs", "1"]) == 0
    assert not Path("shares/ablation.json").exists()
    assert run_command([*words, "--out", "shares"]) == 0
    rows = [json.loads(Path(out, "ablation.json").read_text())["rows"] for out in ("whole", "shares")]
    assert [[row["verdicts"] for row in each] for each in rows] == [[{"found": 3}] * len(rows[0])] * 2
