"""J and F of referring video segmentation: Ref-YouTube-VOS (Seo et al., ECCV 2020) and MeViS (Ding et al., ICCV 2023).

A frame is a mask; nonzero pixels are foreground. Both scores are means over frames, then over expressions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, repeat

import numpy as np

from alref import Case, EvaluationProtocol, InputError, Mask, ObjectScores, ScoreTable, VideoScores
from alref.components.scores import LabelMap as Frame
from alref_benchmarks.metrics.contour import build_contours, compute_boundary_f, compute_region_j
from alref_benchmarks.metrics.frame_pairs import check_predicted, iterate_frame_pairs, to_foreground
from alref_benchmarks.metrics.means import Values, compute_mean

_GROUP_PIXELS = 2**23
"""Number of pixels of the masks that are scored together: enough that calls cost little, few enough for the memory."""


class RefYouTubeVosMetric(EvaluationProtocol):
    """The mean over expressions; every frame is required."""

    name = "ref-youtube-vos"

    def score_case(self, where: str, case: Case) -> list[ObjectScores]:
        """Score one expression; ``truth`` and ``predicted`` are areas in pixels."""
        return [_make_part(case, _score_frames(where, iterate_frame_pairs(where, case)))]

    def build_table(self, parts: Sequence[ObjectScores]) -> ScoreTable:
        """Take the mean over expressions."""
        return ScoreTable(protocol=self.name, main_metric="J&F", metrics=_compute_means(parts))


class MeViSMetric(RefYouTubeVosMetric):
    """The official evaluator, with the accuracies on expressions with and without a target.

    A video without a result scores 0. An expression with a missing frame is excluded from the official mean, and so is one
    without true masks; the numbers named ``strict`` count it as 0.
    """

    name = "mevis"

    def score_case(self, where: str, case: Case) -> list[ObjectScores]:
        """Score one expression: J = F = 0 if the video has no result, no scores if a frame is missing."""
        handed_in = chain(() if case.predicted is None else case.predicted, repeat(None))
        areas: list[int] = []
        rows = _score_frames(where, _iterate_found(where, zip(case.truth, handed_in, strict=False), areas))
        if rows and len(rows) == len(areas):
            return [_make_part(case, rows)]
        lost = (0.0,) if case.predicted is None else ()
        return [
            ObjectScores(
                case=case.id, position=case.position, columns={"J": lost, "F": lost, "truth": tuple(areas), "predicted": ()}
            )
        ]

    def compute_terms(self, scores: VideoScores) -> tuple[Values, Values]:
        """Return the sum of J&F over the expressions that have scores, and how many have."""
        scored = [part for part in scores.objects if part.columns["J"]]
        total = _compute_means(scored)["J&F"] * len(scored) if scored else 0.0
        return np.array([total]), np.array([float(len(scored))])

    def compute_metric_terms(self, scores: VideoScores) -> dict[str, tuple[float, float]]:
        """Return the sum and the count of one video for each metric; the accuracies count only their expressions."""
        metrics = self.build_table(scores.objects).metrics
        known = [any(part.columns["truth"]) for part in scores.objects if part.columns["truth"]]
        counts = {"N-acc": known.count(False), "T-acc": known.count(True), "J&F-strict": len(scores.objects)}
        scored = sum(bool(part.columns["J"]) for part in scores.objects)
        counted = {name: counts.get(name, scored) for name in metrics if name != "dropped"}
        return {name: (metrics[name] * count if count else 0.0, float(count)) for name, count in counted.items()}

    def build_table(self, parts: Sequence[ObjectScores]) -> ScoreTable:
        """Return the mean over the expressions with scores, and the accuracies over all."""
        scored = [part for part in parts if part.columns["J"]]
        numbers = _compute_means(scored)
        strict = numbers["J&F"] * len(scored) / len(parts) if scored else 0.0
        dropped = float(len(parts) - len(scored))
        numbers |= {
            "J&F-strict": strict,
            "dropped": dropped,
            "N-acc": _compute_accuracy(parts, False),
            "T-acc": _compute_accuracy(parts, True),
        }
        return ScoreTable(protocol=self.name, main_metric="J&F", metrics=numbers, counts=("dropped",))


def _iterate_found(where: str, pairs: Iterable[tuple[Frame, Frame | None]], areas: list[int]) -> Iterator[tuple[Frame, Frame]]:
    """Yield the pairs with a prediction, and append the true area of every frame to ``areas``."""
    for number, (truth, predicted) in enumerate(pairs):
        areas.append(int(np.count_nonzero(truth)))
        if predicted is not None:
            yield truth, check_predicted(f"{where}, frame {number}", truth, predicted)


def _score_frames(where: str, pairs: Iterable[tuple[Frame, Frame]]) -> list[tuple[float, float, int, int]]:
    """Return J, F and the areas in pixels of each frame. Raises InputError for scores instead of a mask."""
    rows: list[tuple[float, float, int, int]] = []
    for group in _group_pairs(where, pairs):
        contours = build_contours(group)
        true, found = contours.select(slice(0, None, 2)), contours.select(slice(1, None, 2))
        columns = compute_region_j(true, found), compute_boundary_f(true, found), true.areas, found.areas
        rows += zip(*(column.tolist() for column in columns), strict=True)
    return rows


def _group_pairs(where: str, pairs: Iterable[tuple[Frame, Frame]]) -> Iterator[list[Mask]]:
    """Yield true and predicted masks by turns, of as many frames of one size as are scored together."""
    group: list[Mask] = []
    for truth, predicted in pairs:
        if predicted.dtype.kind not in "bui":
            raise InputError(f"{where}: expected bool or integer masks, got {predicted.dtype}; threshold them: scores > 0.5")
        if group and (truth.shape != group[0].shape or len(group) * truth.size >= _GROUP_PIXELS):
            yield group
            group = []
        group += [to_foreground(truth), to_foreground(predicted)]
    if group:
        yield group


def _make_part(case: Case, rows: Sequence[tuple[float, float, int, int]]) -> ObjectScores:
    region_, boundary_, truth, predicted = zip(*rows, strict=True)
    return ObjectScores(
        case=case.id, position=case.position, columns={"J": region_, "F": boundary_, "truth": truth, "predicted": predicted}
    )


def _compute_means(parts: Sequence[ObjectScores]) -> dict[str, float]:
    region_, boundary_ = (compute_mean([compute_mean(part.columns[name]) for part in parts]) for name in ("J", "F"))
    return {"J&F": (region_ + boundary_) / 2, "J": region_, "F": boundary_}


def _compute_accuracy(parts: Sequence[ObjectScores], has_target: bool) -> float:
    """Return the share of expressions with (or without) a target that have a (or no) prediction; NaN for none.

    An expression without true masks is neither.
    """
    known = [part.columns for part in parts if part.columns["truth"]]
    areas_of_cases = [columns["predicted"] for columns in known if any(columns["truth"]) == has_target]
    return compute_mean([bool(areas) and any(areas) == has_target for areas in areas_of_cases])
