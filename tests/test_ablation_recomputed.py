"""The numbers of an ablation, computed again from the files that it leaves and the truth, in plain numpy."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from pycocotools import mask as runs

from alref.evaluation.bootstrap import RESAMPLES, SEED
from alref.plugins import manager as plugins_module
from alref_benchmarks import register_datasets, register_metrics
from support.ablation_grids import DATA, GROWN, ablate, prepared
from support.benchmark_fixtures import build
from support.scripted import Script, entry
from support.scripted_dataset import NAMES

MANY = 100_000
"""Draws of a test."""
ERRORS = 4
"""Standard errors of its rank by which an end from few draws may miss that of many."""
Masks = npt.NDArray[np.bool_]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Script:
    made = prepared(monkeypatch, tmp_path)
    published = entry("published", register_datasets=register_datasets, register_metrics=register_metrics)
    others = plugins_module.entry_points(group="alref")
    monkeypatch.setattr(plugins_module, "entry_points", lambda group: [*others, published])
    return made


def masks(row: str) -> list[tuple[Masks, Masks]]:
    """Read for each video the masks of a row from disk, beside the true ones, (T, H, W) both."""
    pairs = []
    for number in range(len(NAMES)):
        found = np.array(json.loads(Path(f"out/rows/{row}/masks/{number}.json").read_text()), np.bool_)
        true = np.zeros(found.shape, np.bool_)
        true[:, 2 : 14 + number, 2:12] = True
        pairs.append((found, true))
    return pairs


def records() -> dict[str, dict[str, str]]:
    with Path("out/table.csv").open() as file:
        return {record["row"]: record for record in csv.DictReader(file)}


def test_j_of_a_row_is_that_of_its_masks(script: Script) -> None:
    data = {**DATA, "protocols": ["ref-youtube-vos"]}
    assert ablate(rows={"base": {}, "grown": GROWN}, data=data) == 0
    j = {row: np.mean([(a & b).sum((1, 2)) / (a | b).sum((1, 2)) for a, b in masks(row)]) for row in records()}
    assert len(set(j.values())) == 2
    for row, record in records().items():
        assert float(record["ref-youtube-vos J"]) == pytest.approx(j[row], abs=1e-12)


def true_masks() -> dict[str, dict[str, Masks]]:
    """Read the true masks of MeViS from disk, (T, H, W) for each expression of each video."""
    told = json.loads(Path("mevis/valid_u/meta_expressions.json").read_text())["videos"]
    drawn = json.loads(Path("mevis/valid_u/mask_dict.json").read_text())
    found: dict[str, dict[str, Masks]] = {}
    for video, listed in told.items():
        found[video] = {}
        for name, said in listed["expressions"].items():
            true = found[video][name] = np.zeros((len(listed["frames"]), 64, 96), np.bool_)
            for number in said["anno_id"]:
                for mask, run in zip(true, drawn[str(number)], strict=True):
                    mask |= runs.decode(run).astype(np.bool_) if run else False
    return found


def j_on_disk(row: str) -> float:
    """Compute J from the pictures that a row left, two empty masks being alike."""
    overlaps = []
    for video, expressions in true_masks().items():
        for name, true in expressions.items():
            files = sorted(Path("out/rows", row, "masks", video, name).glob("*.png"))
            for mask, file in zip(true, files, strict=True):
                predicted = np.array(Image.open(file)) > 0
                union = (mask | predicted).sum()
                overlaps.append((mask & predicted).sum() / union if union else 1.0)
    return float(np.mean(overlaps))


def test_j_of_a_row_on_a_benchmark_is_that_of_its_pictures_and_of_the_truth_on_disk(script: Script) -> None:
    build("mevis", Path("mevis"))
    data = {"dataset": "mevis", "root": "mevis", "split": "valid_u", "protocols": ["ref-youtube-vos"]}
    beside = {"use": "other", "box": 1}
    rows = {"base": {}, "beside": {"spatial": beside}, "larger": {"spatial": beside, "propagator": {"use": "grown", "by": 9}}}
    assert ablate(rows=rows, data=data) == 0
    j = {row: j_on_disk(row) for row in rows}
    assert len(set(j.values())) == 3
    for row, record in records().items():
        assert float(record["ref-youtube-vos J"]) == pytest.approx(j[row], abs=1e-12)


def test_seconds_and_dollars_are_the_sums_of_what_the_videos_of_the_row_say(script: Script) -> None:
    dear = {"temporal": {"use": "other", "cost": 0.25}}
    assert ablate(rows={"base": dear, "kept": {**dear, **GROWN}, "free": {}}) == 0
    for row, record in records().items():
        lines = [json.loads(file.read_text()) for file in Path("out/rows", row, "rows").glob("*.json")]
        assert len(lines) == len(NAMES)
        seconds = sum(sum(line["seconds"].values()) for line in lines)
        full, spent = (sum(usage[name] for line in lines for usage in line["usage"]) for name in ("uncached_cost", "cost"))
        assert float(record["seconds"]) == pytest.approx(seconds / len(NAMES))
        assert float(record["dollars"]) == full / len(NAMES) == (0.0 if row == "free" else 0.25)
        assert float(record["spent"]) == spent == (2.0 if row == "base" else 0.0)


def test_the_interval_of_a_difference_is_that_of_videos_drawn_in_pairs(script: Script) -> None:
    assert ablate(rows={"base": {}, "grown": GROWN}) == 0
    base, grown = (np.array([(a & b).sum() / b.sum() for a, b in masks(row)]) for row in ("base", "grown"))
    record = records()["grown"]
    told = [float(record[f"overlap difference{end}"]) for end in ("", " low", " high")]
    assert told[0] == pytest.approx((grown - base).mean(), abs=1e-12)
    picks = np.random.default_rng(1).integers(len(NAMES), size=(MANY, len(NAMES)))
    drawn = (grown - base)[picks].mean(axis=1)
    for end, rank in zip(told[1:], (0.025, 0.975), strict=True):
        miss = ERRORS * np.sqrt(rank * (1 - rank) / RESAMPLES)
        low, high = np.quantile(drawn, [rank - miss, rank + miss])
        assert low <= end <= high
    counts = np.random.default_rng(SEED).multinomial(len(NAMES), np.full(len(NAMES), 1 / len(NAMES)), RESAMPLES)
    ends = np.quantile(counts @ (grown - base) / len(NAMES), [0.025, 0.975])
    assert told[1:] == pytest.approx(ends.tolist(), abs=1e-12)
