"""Protocols that follow MeViS: MeViS v2, Long-RVOS (Liang et al., CVPR 2026) and ReasonVOS (Bai et al., NeurIPS 2024)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from alref import Case, ObjectScores, ScoreTable, VideoScores
from alref_benchmarks.metrics.expressions import MeViSMetric
from alref_benchmarks.metrics.means import Values, compute_mean

_FINAL = ("J&F", "N-acc", "T-acc")


class MeViSv2Metric(MeViSMetric):
    """MeViS with its accuracies: ``Final`` is the mean of J&F, N-acc and T-acc, of those that the expressions allow."""

    name = "mevis-v2"
    counts_empty_terms = False

    def compute_terms(self, scores: VideoScores) -> tuple[Values, Values]:
        """Return the sums and counts of the three numbers."""
        terms = self.compute_metric_terms(scores)
        return np.array([terms[name][0] for name in _FINAL]), np.array([terms[name][1] for name in _FINAL])

    def compute_metric_terms(self, scores: VideoScores) -> dict[str, tuple[float, float]]:
        """Return the sum and the count of one video for each metric but Final, which is a mean of three."""
        return {name: terms for name, terms in super().compute_metric_terms(scores).items() if name != "Final"}

    def build_table(self, parts: Sequence[ObjectScores]) -> ScoreTable:
        """Add the mean of the three numbers."""
        table = super().build_table(parts)
        known = [table.metrics[name] for name in _FINAL if not np.isnan(table.metrics[name])]
        metrics = {"Final": compute_mean(known), **table.metrics}
        return ScoreTable(protocol=self.name, main_metric="Final", metrics=metrics, counts=table.counts)


class LongRvosMetric(MeViSMetric):
    """J and F of all frames, and how well the frames with the object are found: tIoU, and vIoU, which weighs them by J."""

    name = "long-rvos"

    def build_table(self, parts: Sequence[ObjectScores]) -> ScoreTable:
        """Return the means over the expressions with scores."""
        table = super().build_table(parts)
        spans = [_compare_spans(part) for part in parts if part.columns["J"]]
        temporal, volume = (compute_mean([each[place] for each in spans]) for place in (0, 1))
        means = {name: table.metrics[name] for name in ("J&F", "J", "F")}
        metrics = {**means, "tIoU": temporal, "vIoU": volume, "dropped": table.metrics["dropped"]}
        return ScoreTable(protocol=self.name, main_metric="J&F", metrics=metrics, counts=("dropped",))


class ReasonVosMetric(MeViSMetric):
    """J and F of the expressions that have true masks and a result; all others are left out."""

    name = "reasonvos"

    def score_case(self, where: str, case: Case) -> list[ObjectScores]:
        """Score one expression; it has no scores if a frame or the whole result is missing."""
        return super().score_case(where, case if case.predicted is not None else replace(case, predicted=()))

    def build_table(self, parts: Sequence[ObjectScores]) -> ScoreTable:
        """Return the means over the expressions with scores."""
        table = super().build_table(parts)
        metrics = {name: table.metrics[name] for name in ("J&F", "J", "F", "dropped")}
        return ScoreTable(protocol=self.name, main_metric="J&F", metrics=metrics, counts=("dropped",))


def _compare_spans(part: ObjectScores) -> tuple[float, float]:
    """Return tIoU and vIoU of one expression: 0 without a result, 1 if neither has the object in any frame."""
    if not part.columns["predicted"]:
        return 0.0, 0.0
    true, found, region = (np.array(part.columns[name]) for name in ("truth", "predicted", "J"))
    both, either = (true > 0) & (found > 0), int(np.count_nonzero((true > 0) | (found > 0)))
    return (np.count_nonzero(both) / either, float(region[both].sum() / either)) if either else (1.0, 1.0)
