"""ReVOS (Yan et al., ECCV 2024) and Ref-SAV (Yuan et al., 2025): J, F, accuracy A and robustness R by type of expression."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np

from alref import Case, ObjectScores, ScoreTable, VideoScores
from alref.components.scores import LabelMap
from alref_benchmarks.metrics.expressions import MeViSMetric
from alref_benchmarks.metrics.means import Values, compute_mean

_COLUMN = "is_"
"""Prefix of the column that tells the type of an expression."""
_WRAPPED = 257
"""The official program computes 1 - n with 8 bits, which is 257 - n for the number n of objects in a pixel, from 2 on."""


class ReVosMetric(MeViSMetric):
    """The mean of both types of expressions. An expression with a missing or wrong mask scores 0.

    A case without a type has the first one. A true frame has the number of objects in each pixel: as in the official program,
    a pixel of several objects is never accurate, and if it is predicted, it is 257 less their number wrong ones.
    """

    name = "revos"
    counts_empty_terms = False
    types: ClassVar[tuple[str, str]] = ("referring", "reasoning")
    score_names: ClassVar[tuple[str, ...]] = ("J", "F", "A", "R")
    missing_scores: ClassVar[tuple[float, ...]] = (0.0,)
    """Scores of an expression with a missing or wrong mask; none if it is left out of the mean."""

    def score_case(self, where: str, case: Case) -> list[ObjectScores]:
        """Score one expression; a predicted mask, a true mask or the foreground can be missing."""
        pixels = _PixelCounts()
        (part,) = super().score_case(where, pixels.count_frames(case))
        columns = dict(part.columns)
        foreground = columns["truth"] if case.foreground is None else case.foreground
        if not columns["predicted"] or len(foreground) < len(columns["J"]):
            columns |= {"predicted": (), **dict.fromkeys(self.score_names, self.missing_scores)}
        else:
            computed = _compute_accuracies(columns, pixels, foreground)
            columns |= {name: computed[name] for name in self.score_names if name in computed}
        return [part.model_copy(update={"columns": {**columns, f"{_COLUMN}{case.kind or self.types[0]}": (1.0,)}})]

    def build_table(self, parts: Sequence[ObjectScores]) -> ScoreTable:
        """Average the rounded scores of the expressions of each type, then the types that occur."""
        groups = {kind: self._compute_group(found) for kind in self.types if (found := _select(parts, kind))}
        names = ("J&F", *self.score_names)
        metrics = {name: compute_mean([each[name] for each in groups.values()]) for name in names}
        return ScoreTable(protocol=self.name, main_metric="J&F", metrics=metrics, groups=groups)

    def compute_terms(self, scores: VideoScores) -> tuple[Values, Values]:
        """Return the sum of J&F and the number of expressions of each type."""
        found = [_select(scores.objects, kind) for kind in self.types]
        sums = [self._compute_group(parts)["J&F"] * len(parts) if parts else 0.0 for parts in found]
        return np.array(sums), np.array([float(len(parts)) for parts in found])

    def compute_metric_terms(self, scores: VideoScores) -> dict[str, tuple[float, float]]:
        """Return nothing: each metric is a mean of two means."""
        return {}

    def _compute_group(self, parts: Sequence[ObjectScores]) -> dict[str, float]:
        """Return the means over expressions, each rounded to a hundredth of a percent as in the official program."""
        means = {
            name: compute_mean([float(round(100 * np.mean(part.columns[name]), 2)) for part in parts]) / 100
            for name in self.score_names
        }
        return {"J&F": (means["J"] + means["F"]) / 2, **means}


class RefSavMetric(ReVosMetric):
    """As ReVOS, for long and short expressions and without R. An expression with a missing or wrong mask is left out."""

    name = "ref-sav"
    types = ("long", "short")
    score_names = ("J", "F", "A")
    missing_scores = ()

    def score_case(self, where: str, case: Case) -> list[ObjectScores]:
        """Score one expression; it has no scores if a mask or the whole result is missing."""
        return super().score_case(where, case if case.predicted is not None else replace(case, predicted=()))

    def build_table(self, parts: Sequence[ObjectScores]) -> ScoreTable:
        """Add the number of expressions that are left out."""
        table = super().build_table(parts)
        dropped = float(sum(not part.columns["J"] for part in parts))
        return table.model_copy(update={"metrics": {**table.metrics, "dropped": dropped}, "counts": ("dropped",)})


@dataclass
class _PixelCounts:
    """Of each frame: the pixels, those predicted where true objects overlap, and how many wrong ones these count as."""

    sizes: list[int] = field(default_factory=list)
    repeated: list[int] = field(default_factory=list)
    wrapped: list[int] = field(default_factory=list)

    def count_frames(self, case: Case) -> Case:
        """Return a case whose frames are counted while they are read, the true one of each pair first."""
        truth: list[LabelMap] = []
        predicted = None if case.predicted is None else self._count_predicted(case.predicted, truth)
        return replace(case, truth=self._count_true(case.truth, truth), predicted=predicted)

    def _count_true(self, masks: Iterable[LabelMap], latest: list[LabelMap]) -> Iterator[LabelMap]:
        for mask in masks:
            self.sizes.append(mask.size)
            latest[:] = [mask]
            yield mask

    def _count_predicted(self, masks: Iterable[LabelMap | None], latest: list[LabelMap]) -> Iterator[LabelMap | None]:
        for mask in masks:
            (truth,) = latest
            overlaps = truth.dtype != np.bool_ and mask is not None and mask.shape == truth.shape
            objects = truth[(truth > 1) & (mask != 0)] if overlaps else truth[:0]
            self.repeated.append(objects.size)
            self.wrapped.append(_WRAPPED * objects.size - int(objects.sum(dtype=np.int64)))
            yield mask


def _compute_accuracies(
    columns: dict[str, tuple[float, ...]], pixels: _PixelCounts, foreground: Sequence[float]
) -> dict[str, tuple[float, ...]]:
    """Return A, the share of pixels that equal the truth, and R, on each frame.

    R is 1 - (wrongly predicted pixels / pixels of all annotated objects), and at least 0.
    """
    region, true, found = (np.array(columns[name]) for name in ("J", "truth", "predicted"))
    common = np.rint(region * (true + found) / (1 + region))
    sizes, wrong = np.array(pixels.sizes), found - common + pixels.wrapped
    accuracy = (sizes - true - found + 2 * common - pixels.repeated) / sizes
    robustness = np.maximum(1 - wrong / (np.array(foreground) + 1e-6), 0.0)
    return {"A": tuple(accuracy.tolist()), "R": tuple(robustness.tolist())}


def _select(parts: Sequence[ObjectScores], kind: str) -> list[ObjectScores]:
    """Return the expressions of a type that have scores."""
    return [part for part in parts if f"{_COLUMN}{kind}" in part.columns and part.columns["J"]]
