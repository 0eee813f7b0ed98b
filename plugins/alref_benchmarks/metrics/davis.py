"""The two tasks of DAVIS 2017 on label maps: 0 is background, 255 in the truth is void.

Semi-supervised: Pont-Tuset et al., arXiv 1704.00675. Unsupervised: Caelles et al., arXiv 1905.00737. Ref-DAVIS17 is the
unsupervised task with one case per annotator (four); its score is their mean.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from alref import Case, EvaluationProtocol, InputError, Mask, ObjectScores, ScoreTable, VideoScores
from alref.components.scores import LabelMap as Frame
from alref_benchmarks.metrics.contour import build_contours, compute_boundary_f, compute_region_j, find_crop
from alref_benchmarks.metrics.davis_files import format_davis_files
from alref_benchmarks.metrics.frame_pairs import iterate_frame_pairs, to_label_map
from alref_benchmarks.metrics.means import compute_decay, compute_mean, compute_published_decay, compute_recall

VOID = 255
MAX_PROPOSALS = 20
Labels = npt.NDArray[np.uint8]
Scores = npt.NDArray[np.float64]

_STATISTICS: dict[str, Callable[[Sequence[float]], float]] = {
    "": compute_mean,
    "-Recall": compute_recall,
    "-Decay": compute_published_decay,
    "-Decay-unwrapped": compute_decay,
}


class _Davis17Metric(EvaluationProtocol):
    def build_table(self, parts: Sequence[ObjectScores]) -> ScoreTable:
        """Average the statistics of each object over objects per annotator, and over annotators."""
        by_case: dict[str, list[ObjectScores]] = defaultdict(list)
        for part in parts:
            by_case[part.case].append(part)
        counts = {case: len(of_case) for case, of_case in by_case.items()}
        if len(set(counts.values())) > 1:
            raise InputError(
                f"{self.name}: expected as many objects of each annotator, got {counts}; score the videos that lack one"
            )
        groups = {case: _compute_statistics(of_case) for case, of_case in by_case.items()}
        numbers = {name: compute_mean([group[name] for group in groups.values()]) for name in next(iter(groups.values()))}
        lower = tuple(name for name in numbers if "Decay" in name)
        return ScoreTable(protocol=self.name, main_metric="J&F", metrics=numbers, groups=groups, lower_is_better=lower)

    def format_official_files(self, scores: Sequence[VideoScores], split: str) -> dict[str, str]:
        """Return the two tables of the official program for each annotator, with its names and three decimals."""
        return format_davis_files(scores, "val" if split == "valid" else split)


class Davis17SemiSupervisedMetric(_Davis17Metric):
    """Objects keep their labels; the first and last frame are ignored; void counts as background."""

    name = "davis17-semi-supervised"

    def score_case(self, where: str, case: Case) -> list[ObjectScores]:
        """Score each object of the first frame. Raises InputError for other objects, or for fewer than three frames."""
        count, frames, areas = None, [], []
        for truth, predicted in iterate_frame_pairs(where, case, include_ends=False):
            labels = _remove_void(_check_labels(where, truth))
            count = int(labels.max()) if count is None else count
            areas.append(_count_areas(labels, count))
            frames.append(
                _score_same_numbers(labels, _check_labels(where, predicted, count, " as in the true first frame"), count)
            )
        if len(frames) < 3:
            raise InputError(f"{where}: expected 3 frames or more, because the first and last are ignored, got {len(frames)}")
        scores = np.array(frames[1:-1])
        return [_make_part(case, number, number, scores[:, number - 1], areas) for number in range(1, scores.shape[1] + 1)]


class Davis17UnsupervisedMetric(_Davis17Metric):
    """All frames count, void pixels are ignored, and objects are matched to maximize the mean of J and F."""

    name = "davis17-unsupervised"

    def score_case(self, where: str, case: Case) -> list[ObjectScores]:
        """Score each object of the first frame. Raises InputError for more than 20 predicted objects."""
        count, frames, areas = None, [], []
        for truth, predicted in iterate_frame_pairs(where, case):
            labels, proposals = (
                _check_labels(where, truth),
                _check_labels(where, predicted, MAX_PROPOSALS, " as this task allows"),
            )
            count = int(_remove_void(labels).max()) if count is None else count
            areas.append(_count_areas(labels, count))
            frames.append(_score_all_pairs(labels, proposals, count))
        scores = _stack_scores(frames, count or 0)
        matches = _find_best_matches(scores.mean(axis=(0, 3)))
        return [_make_part(case, column + 1, row + 1, scores[:, row, column], areas) for row, column in matches]


def _compute_statistics(parts: Sequence[ObjectScores]) -> dict[str, float]:
    numbers = {
        f"{measure}{name}": compute_mean([statistic(part.columns[measure]) for part in parts])
        for measure in ("J", "F")
        for name, statistic in _STATISTICS.items()
    }
    return {"J&F": (numbers["J"] + numbers["F"]) / 2, **numbers}


def _make_part(case: Case, number: int, matched: int, scores: Scores, areas: Sequence[Sequence[int]]) -> ObjectScores:
    """Store ``scores`` (T, 2), J and F of every frame, of true object ``number`` and its match ``matched``.

    ``areas`` are the pixels of all true objects on each frame.
    """
    region_, boundary_ = scores.T.tolist()
    truth = tuple(counts[number - 1] for counts in areas)
    columns = {"J": region_, "F": boundary_, "matched": (matched,), "truth": truth}
    return ObjectScores(case=case.id, object=str(number), position=case.position, columns=columns)


def _count_areas(labels: Labels, count: int) -> list[int]:
    return [int(np.count_nonzero(labels == number)) for number in range(1, count + 1)]


def _check_labels(where: str, frame: Frame, highest: int = VOID, why: str = "") -> Labels:
    return to_label_map(f"object numbers 0..{highest}{why}", where, frame, highest)


def _remove_void(labels: Labels) -> Labels:
    return np.where(labels == VOID, np.uint8(0), labels) if labels.max() == VOID else labels


def _split_masks(labels: Labels, count: int) -> list[Mask]:
    return [labels == number for number in range(1, count + 1)]


def _score_same_numbers(truth: Labels, predicted: Labels, count: int) -> Scores:
    """Return J and F, (count, 2), of each object and the prediction with the same label."""
    cut = find_crop([truth, predicted])
    if not count:
        return np.zeros((0, 2))
    contours = build_contours([*_split_masks(truth[cut], count), *_split_masks(predicted[cut], count)], truth.shape)
    both = contours.select(slice(count)), contours.select(slice(count, None))
    return np.stack([compute_region_j(*both), compute_boundary_f(*both)], axis=1)


def _score_all_pairs(truth: Labels, predicted: Labels, count: int) -> Scores:
    """Return J and F, (P + 1, count, 2), of each prediction on a frame with each true object; the first row is background."""
    found, cut = int(predicted.max()), find_crop([truth, predicted])
    true, counted = truth[cut], predicted[cut]
    if truth.max() == VOID:
        counted = np.where(true == VOID, np.uint8(0), counted)
    nothing = np.zeros(true.shape, np.bool_)
    contours = build_contours([*_split_masks(true, count), nothing, *_split_masks(counted, found)], truth.shape)
    both = contours.select((None, slice(count))), contours.select((slice(count, None), None))
    return np.stack([compute_region_j(*both), compute_boundary_f(*both)], axis=2)


def _stack_scores(frames: Sequence[Scores], count: int) -> Scores:
    """Return scores (T, P, count, 2), with P padded to at least the number of true objects."""
    proposals = max([count, *(len(frame) - 1 for frame in frames)])
    missing = [proposals + 1 - len(frame) for frame in frames]
    full = [np.concatenate([frame[1:], frame[:1].repeat(lack, axis=0)]) for frame, lack in zip(frames, missing, strict=True)]
    return np.array(full).reshape(len(frames), proposals, count, 2)


def _find_best_matches(scores: Scores) -> list[tuple[int, int]]:
    """Return rows and columns of (P, count) with the highest sum, one row per column."""
    if not scores.size:
        return []
    rows = scores.argmax(axis=0)
    if len(set(rows.tolist())) == len(rows) and ((scores == scores.max(axis=0)).sum(axis=0) == 1).all():
        return sorted((int(row), column) for column, row in enumerate(rows))  # each column's best, and no other
    from scipy.optimize import linear_sum_assignment  # type: ignore[import-untyped]  # half a second to import

    return list(zip(*linear_sum_assignment(scores, maximize=True), strict=True))
