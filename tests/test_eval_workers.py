"""``alref eval`` and ``alref ablate`` on workers and in shares give the numbers of one process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from alref.cli import run_command
from alref.evaluation.folder import VIDEOS_FOLDER
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


def read_masks(out: str) -> dict[str, bytes]:
    """Return the files of masks by their path in the folder of an evaluation."""
    found = {str(path.relative_to(out)): path.read_bytes() for path in sorted(Path(out).rglob("*.png"))}
    assert found
    return found


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
    assert read_masks("threads") == read_masks("workers") == read_masks("shares")


def test_actors_of_ray_give_the_same_numbers(folder: Path, cluster: None) -> None:
    assert evaluate("threads") == 0
    assert evaluate("actors", "--runner", "ray", "--jobs", "2") == 0
    assert read_tables("threads") == read_tables("actors")
    assert read_masks("threads") == read_masks("actors")
    grid = write_grid(folder)
    assert run_command([*grid, "--out", "threads-of-rows"]) == 0
    assert run_command([*grid, "--out", "actors-of-rows", "--runner", "ray", "--jobs", "2"]) == 0
    assert read_rows("threads-of-rows") == read_rows("actors-of-rows")


def test_a_share_removes_nothing(folder: Path) -> None:
    assert evaluate("shares", "--shard", "0/2", "--force") == 4
    assert evaluate("shares", "--shard", "2/2") == 3


def write_grid(folder: Path) -> list[str]:
    """Write an ablation of three clips, and return the words of the command that runs it."""
    for seed in range(3):
        write_frames(make_moving_square(frames=3, seed=seed)[0], folder / f"clip-{seed}")
    quick = dict.fromkeys(("unifier", "reasoner", "proposer", "propagator"), "quick")
    videos = {f"clip-{seed}": ["the square"] for seed in range(3)}
    grid = {"base": quick, "rows": {"first": {}, "second": {"fallback": "first-frame"}}, "videos": videos}
    Path("grid.yaml").write_text(yaml.safe_dump(grid))
    return ["ablate", "grid.yaml", "--plugin", str(PLUGIN), "--quiet"]


def read_rows(out: str) -> Any:
    """Return what the rows of an ablation found: counts, names and masks, without times."""
    rows = json.loads(Path(out, "ablation.json").read_text())["rows"]
    results = sorted(Path(out).glob(f"*/*/{VIDEOS_FOLDER}/*"))
    assert results
    tracks = {str(path.relative_to(out)): json.loads(path.read_text())["tracks"] for path in results}
    return [(row["name"], row["verdicts"]) for row in rows], tracks


def test_an_ablation_in_shares_is_that_of_one_process(folder: Path) -> None:
    words = write_grid(folder)
    assert run_command([*words, "--out", "whole"]) == 0
    for index in range(2):
        assert run_command([*words, "--out", "shares", "--shard", f"{index}/2", "--runner", "local", "--jobs", "1"]) == 0
    assert not Path("shares/ablation.json").exists()
    assert run_command([*words, "--out", "shares"]) == 0
    assert read_rows("whole") == read_rows("shares")
    assert all(verdicts == {"found": 3} for _, verdicts in read_rows("whole")[0])
