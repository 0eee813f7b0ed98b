"""ReVOS (Yan et al., ECCV 2024): J, F, pixel accuracy A and robustness R, averaged by type of expression."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from alref.components.scores import Case, LabelMap, ObjectScores, ScoreTable, VideoScores
from alref_benchmarks.metrics.expressions import MeViSMetric
from alref_benchmarks.metrics.means import Values, compute_mean

_TYPES = ("referring", "reasoning")
_SCORES = ("J", "F", "A", "R")
_COLUMN = "is_"
"""Prefix of the column that tells the type of an expression."""


class ReVosMetric(MeViSMetric):
    """The mean of both types of expressions. An expression with a missing or wrong mask scores 0.

    A case without a type is a referring expression.
    """

    name = "revos"
    counts_empty_terms = False

    def score_case(self, where: str, case: Case) -> list[ObjectScores]:
        """Score one expression; it scores 0 if a predicted mask, a true mask or the foreground is missing."""
        sizes: list[int] = []
        (part,) = super().score_case(where, replace(case, truth=_iterate_sized(case.truth, sizes)))
        columns = dict(part.columns)
        foreground = columns["truth"] if case.foreground is None else case.foreground
        if not columns["predicted"] or len(foreground) < len(columns["J"]):
            columns |= {"predicted": (), **dict.fromkeys(_SCORES, (0.0,))}
        else:
            columns |= _compute_accuracies(columns, sizes, foreground)
        return [part.model_copy(update={"columns": {**columns, f"{_COLUMN}{case.kind or _TYPES[0]}": (1.0,)}})]

    def build_table(self, parts: Sequence[ObjectScores]) -> ScoreTable:
        """Average the rounded scores of the expressions of each type, then the types that occur."""
        groups = {kind: _compute_means(found) for kind in _TYPES if (found := _select(parts, kind))}
        names = ("J&F", *_SCORES)
        metrics = {name: compute_mean([each[name] for each in groups.values()]) for name in names}
        return ScoreTable(protocol=self.name, main_metric="J&F", metrics=metrics, groups=groups)

    def compute_terms(self, scores: VideoScores) -> tuple[Values, Values]:
        """Return the sum of J&F and the number of expressions of each type."""
        found = [_select(scores.objects, kind) for kind in _TYPES]
        sums = [_compute_means(parts)["J&F"] * len(parts) if parts else 0.0 for parts in found]
        return np.array(sums), np.array([float(len(parts)) for parts in found])

    def compute_metric_terms(self, scores: VideoScores) -> dict[str, tuple[float, float]]:
        """Return nothing: each metric is a mean of two means."""
        return {}


def _iterate_sized(truth: Iterable[LabelMap], sizes: list[int]) -> Iterator[LabelMap]:
    """Yield true masks, and append the number of pixels of each to ``sizes``."""
    for mask in truth:
        sizes.append(mask.size)
        yield mask


def _compute_accuracies(
    columns: dict[str, tuple[float, ...]], sizes: Sequence[int], foreground: Sequence[float]
) -> dict[str, tuple[float, ...]]:
    """Return A, the share of pixels that equal the truth, and R, on each frame.

    R is 1 - (wrongly predicted pixels / pixels of all annotated objects), and at least 0.
    """
    region, true, found = (np.array(columns[name]) for name in ("J", "truth", "predicted"))
    common = np.rint(region * (true + found) / (1 + region))
    pixels, wrong = np.array(sizes), found - common
    accuracy = (pixels - true - found + 2 * common) / pixels
    robustness = np.maximum(1 - wrong / (np.array(foreground) + 1e-6), 0.0)
    return {"A": tuple(accuracy.tolist()), "R": tuple(robustness.tolist())}


def _select(parts: Sequence[ObjectScores], kind: str) -> list[ObjectScores]:
    return [part for part in parts if f"{_COLUMN}{kind}" in part.columns]


def _compute_means(parts: Sequence[ObjectScores]) -> dict[str, float]:
    """Return the means over expressions, each rounded to a hundredth of a percent as in the official program."""
    means = {
        name: compute_mean([float(round(100 * np.mean(part.columns[name]), 2)) for part in parts]) / 100 for name in _SCORES
    }
    return {"J&F": (means["J"] + means["F"]) / 2, **means}
