"""The numbers of an ablation, computed again from the files that it leaves and the truth, in plain numpy."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from ablating import DATA, GROWN, ablate, prepared
from evaluated import NAMES
from scripted import Script, entry

from alref import plugins as plugins_module
from alref_benchmarks import register_metrics

MANY, SHIPPED = 100_000, 2_000
"""Draws of this test, and of alref."""
ERRORS = 4
"""Standard errors of its rank by which an end from few draws may miss that of many."""
Masks = npt.NDArray[np.bool_]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Script:
    made = prepared(monkeypatch, tmp_path)
    published = entry("published", register_metrics=register_metrics)
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


def test_the_interval_of_a_difference_is_that_of_videos_drawn_in_pairs(script: Script) -> None:
    assert ablate(rows={"base": {}, "grown": GROWN}) == 0
    base, grown = (np.array([(a & b).sum() / b.sum() for a, b in masks(row)]) for row in ("base", "grown"))
    record = records()["grown"]
    told = [float(record[f"overlap difference{end}"]) for end in ("", " low", " high")]
    assert told[0] == pytest.approx((grown - base).mean(), abs=1e-12)
    picks = np.random.default_rng(1).integers(len(NAMES), size=(MANY, len(NAMES)))
    drawn = (grown - base)[picks].mean(axis=1)
    for end, rank in zip(told[1:], (0.025, 0.975), strict=True):
        miss = ERRORS * np.sqrt(rank * (1 - rank) / SHIPPED)
        low, high = np.quantile(drawn, [rank - miss, rank + miss])
        assert low <= end <= high
