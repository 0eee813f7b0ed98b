"""M_J and M_F of AVSBench (Zhou et al., ECCV 2022), as computed by two published programs.

Predicted frames are masks (bool or integer, nonzero is foreground) or logits (floats). True frames are masks, or floats 0..1:
a true mask of MS3 that is not black and white counts in fractions. The official code computes in float32, and so does this
module; the stored scores of a video are pixel counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from alref import Case, EvaluationProtocol, ObjectScores, ScoreTable, VideoScores
from alref.components.scores import LabelMap as Frame
from alref_benchmarks.metrics.frame_pairs import iterate_frame_pairs, to_foreground, to_weights
from alref_benchmarks.metrics.means import Values, compute_mean, compute_sequential_mean, compute_torch_mean
from alref_benchmarks.metrics.threshold_curve import (
    Floats,
    ThresholdSteps,
    apply_sigmoid,
    compute_f_curve,
    count_mask_steps,
    count_probability_steps,
    sum_weights,
)

_EPS = np.float32(1e-7)
_EMPTY_STEPS = np.zeros((3, 0))


class FrameCounts(NamedTuple):
    """Pixel counts of one frame: true foreground, ``intersection`` and ``union`` for J, and counts for F at every threshold.

    Pixels of a fractional truth count in fractions.

    Without an object J is the share of background pixels: ``intersection`` counts these, ``union`` all;
    there are no thresholds.
    """

    true_area: float
    intersection: float
    union: float
    steps: ThresholdSteps


class AvsBenchMetric(EvaluationProtocol):
    """The official test, video by video; M_F is the maximum of the mean curve of the frames with an object."""

    name = "avs-avsbench"
    threshold = 0.5
    side = 0

    def __init__(self, batch_size: int = 1) -> None:
        """``batch_size`` is the number of cases per call of the official code; a mean curve is computed per call."""
        self.batch_size = batch_size

    def score_case(self, where: str, case: Case) -> list[ObjectScores]:
        """Count the pixels of every frame."""
        return [_pack_part(case, [self.count_pixels(*pair) for pair in iterate_frame_pairs(where, case, side=self.side)])]

    def count_pixels(self, truth: Frame, predicted: Frame) -> FrameCounts:
        """Count the pixels of one frame."""
        if predicted.dtype.kind != "f":
            return _count_mask_pixels(to_weights(truth), to_foreground(predicted))
        values = apply_sigmoid(predicted)
        return _count_mask_pixels(to_weights(truth), values > np.float32(self.threshold), values)

    def build_table(self, parts: Sequence[ObjectScores]) -> ScoreTable:
        """Return the mean over batches of cases, whatever their number of frames."""
        calls = [_unpack_parts(parts[start : start + self.batch_size]) for start in range(0, len(parts), self.batch_size)]
        regions = [np.float32(compute_torch_mean([_compute_j(frame) for frame in call])) for call in calls]
        return self.make_table(compute_sequential_mean(regions), compute_mean([_compute_max_f(call) for call in calls]))

    def make_table(self, region: float, f_measure: float) -> ScoreTable:
        """Name the two scores."""
        return ScoreTable(protocol=self.name, main_metric="M_J", metrics={"M_J": region, "M_F": f_measure})


class AvsPerFrameMetric(AvsBenchMetric):
    """The test of AL-Ref-SAM 2: black and white masks, each frame independently; F is 0 without an object."""

    name = "avs-alref"

    def count_pixels(self, truth: Frame, predicted: Frame) -> FrameCounts:
        """Count the pixels of one frame; logits above 0 are foreground, and so are true fractions above 0.5."""
        return super().count_pixels(to_weights(truth) > np.float32(0.5), predicted > 0)

    def build_table(self, parts: Sequence[ObjectScores]) -> ScoreTable:
        """Return the mean over all frames."""
        frames = _unpack_parts(parts)
        return self.make_table(
            compute_sequential_mean([_compute_j(frame) for frame in frames]),
            compute_mean([_compute_max_f([frame]) for frame in frames]),
        )

    def compute_terms(self, scores: VideoScores) -> tuple[Values, Values]:
        """Return the sum of J over frames, and how many there are."""
        count = len(_unpack_parts(scores.objects))
        return np.array([self.build_table(scores.objects).metrics["M_J"] * count]), np.array([float(count)])


def _count_mask_pixels(truth: Frame, mask: Frame, values: Floats | None = None) -> FrameCounts:
    foreground, marked = sum_weights(truth), int(np.count_nonzero(mask))
    if not foreground:
        return FrameCounts(0, truth.size - marked, truth.size, _EMPTY_STEPS)
    steps = count_mask_steps(mask, truth) if values is None else count_probability_steps(values, truth)
    common = sum_weights(truth, mask)
    return FrameCounts(foreground, common, foreground - common + marked, steps)


def _compute_j(frame: FrameCounts) -> np.float32:
    return np.float32(frame.intersection) / (np.float32(frame.union) + _EPS)


def _compute_max_f(frames: Sequence[FrameCounts]) -> float:
    """Return the maximum of the mean curve over the frames with an object, or 0 without any."""
    total, curves = (
        np.zeros(1, np.float32),
        [compute_f_curve(frame.steps, frame.true_area) for frame in frames if frame.true_area],
    )
    for each in curves:
        total = total + each
    return float(total.max() / np.float32(max(len(curves), 1)))


def _pack_part(case: Case, frames: Sequence[FrameCounts]) -> ObjectScores:
    start, hit, marked = np.concatenate([frame.steps for frame in frames], axis=1).tolist()
    columns: dict[str, tuple[float, ...]] = {
        "truth": tuple(frame.true_area for frame in frames),
        "common": tuple(frame.intersection for frame in frames),
        "union": tuple(frame.union for frame in frames),
        "steps": tuple(frame.steps.shape[1] for frame in frames),
        "start": tuple(start),
        "hit": tuple(hit),
        "marked": tuple(marked),
    }
    return ObjectScores(case=case.id, position=case.position, columns=columns)


def _unpack_parts(parts: Sequence[ObjectScores]) -> list[FrameCounts]:
    """Undo ``_pack_part`` for several parts."""
    return [frame for part in parts for frame in _unpack_part(part)]


def _unpack_part(part: ObjectScores) -> Iterator[FrameCounts]:
    columns = {name: np.array(column, np.float64) for name, column in part.columns.items()}
    steps = np.stack([columns["start"], columns["hit"], columns["marked"]])
    frames = np.split(steps, columns["steps"].astype(np.int64).cumsum()[:-1], axis=1)
    return map(FrameCounts, columns["truth"].tolist(), columns["common"].tolist(), columns["union"].tolist(), frames)
