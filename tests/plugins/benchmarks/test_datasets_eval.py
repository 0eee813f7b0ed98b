"""``alref eval`` with the embedded components on every data set, from its layout on disk to its table."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import cv2
import pytest

from alref.cli import run_command
from alref_benchmarks.datasets import DATASETS
from support.benchmark_fixtures import BUILDERS, build

SPLIT = {"ref-youtube-vos": "train", "mevis": "valid_u", "mevis-v2": "valid_u"}
QUICK = ["--temporal", "uniform", "-o", "temporal.count=1"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Work in an empty folder, with small images, and with one thread of OpenCV: more wait for each other on a busy machine."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("alref_baseline.features.LONG_SIDE", 96)
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    yield
    cv2.setNumThreads(threads)


def evaluation(name: str, split: str) -> tuple[list[str], list[str]]:
    """Build a data set; return the commands that evaluate one of its videos, and that score its masks."""
    build(name, Path("data"))
    one = ["--videos", "y z_1000_11000"] if name == "ref-avs" else ["--limit", "1"]
    which = [name, "--data", "data", "--split", split, *one]
    return (
        ["eval", *which, "--out", "run", "--quiet", *QUICK],
        ["score", *which, "--masks", "run/masks", "--json", "--jobs", "1"],
    )


def masks() -> dict[Path, int]:
    """Return when each mask was written."""
    return {path: path.stat().st_mtime_ns for path in Path("run/masks").rglob("*.png")}


@pytest.mark.parametrize("cls", DATASETS, ids=lambda cls: cls.name)
def test_a_data_set_is_evaluated_once_and_its_masks_score_the_same(cls: Any, capsys: pytest.CaptureFixture[str]) -> None:
    evaluate, score = evaluation(cls.name, SPLIT.get(cls.name, cls.splits[0]))
    assert run_command(evaluate) == 0
    done, written = json.loads(Path("run/summary.json").read_text()), masks()
    assert [table["protocol"] for table in done["tables"]] == list(cls.protocols)
    assert (done["failed"], len(done["lines"])) == ({}, 1)
    assert run_command(evaluate) == 0
    assert masks() == written
    capsys.readouterr()
    assert run_command(score) == 0
    assert json.loads(capsys.readouterr().out)["tables"] == done["tables"]


def test_a_split_without_public_truth_is_predicted_and_packed(monkeypatch: pytest.MonkeyPatch) -> None:
    evaluate, _ = evaluation("ref-youtube-vos", "valid")
    assert run_command(evaluate) == 0
    done = json.loads(Path("run/summary.json").read_text())
    assert (done["tables"], done["failed"], len(done["lines"])) == ([], {}, 1)
    with monkeypatch.context() as elsewhere:
        elsewhere.chdir("run")
        assert run_command(["submit", "."]) == 0
    with ZipFile("run/submission.zip") as archive:
        assert len(archive.namelist()) == len(masks()) == 6


def test_a_mask_that_was_removed_is_made_again_as_the_message_says(capsys: pytest.CaptureFixture[str]) -> None:
    evaluate, _ = evaluation("ref-youtube-vos", "valid")
    assert run_command(evaluate) == 0
    lost, *_ = masks()
    lost.unlink()
    assert run_command(["submit", "run"]) == 3
    said = capsys.readouterr().err
    assert f"1 of 6 masks are missing ({lost.relative_to('run/masks')})" in said
    assert "run/rows/NAME.json" in said
    assert "--force" in said
    Path("run/rows", f"{lost.relative_to('run/masks').parts[0]}.json").unlink()
    assert run_command(evaluate) == 0
    assert run_command(["submit", "run"]) == 0
    lost.unlink()
    assert run_command([*evaluate, "--force"]) == 0
    assert run_command(["submit", "run"]) == 0


def test_every_miniature_is_tried() -> None:
    assert set(BUILDERS) == {cls.name for cls in DATASETS}
