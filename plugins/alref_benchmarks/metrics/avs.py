"""M_J and M_F of AVSBench (Zhou et al., ECCV 2022) as two published programs take them.

Predicted frames are masks (bool or integer, not zero is foreground) or logits (floats). The official code computes in float32,
and so does this; what is kept of a video are counts of pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from alref.components.protocol import Protocol
from alref.components.scores import Case, Part, Table, VideoScores
from alref.components.scores import Map as Frame
from alref_benchmarks.metrics.frame_pairs import foreground, pairs
from alref_benchmarks.metrics.means import Values, mean, mean32, mean_in_turn
from alref_benchmarks.metrics.threshold_curve import Floats, Steps, curve, probabilities, steps_of_mask, steps_of_probabilities

_EPS = np.float32(1e-7)
_NO_STEPS = np.zeros((3, 0), np.int64)


class Counts(NamedTuple):
    """Pixels of one frame: truly foreground, ``common`` and ``union`` that make J, and what makes F at every threshold.

    Without an object J is the share of pixels left background: ``common`` counts these, ``union`` all; there are no steps.
    """

    truth: int
    common: int
    union: int
    steps: Steps


class AvsBench(Protocol):
    """The official test: one video at a time; M_F is the top of the mean curve of its frames that have an object."""

    name = "avs-avsbench"
    threshold = 0.5
    side = 0

    def __init__(self, batch: int = 1) -> None:
        """``batch`` is how many cases one call of the official code scores; a mean curve is that of one call."""
        self.batch = batch

    def parts(self, where: str, case: Case) -> list[Part]:
        """Count the pixels of every frame."""
        return [_part(case, [self.count(*pair) for pair in pairs(where, case, side=self.side)])]

    def count(self, truth: Frame, predicted: Frame) -> Counts:
        """Count the pixels of one frame."""
        if predicted.dtype.kind != "f":
            return _counts(foreground(truth), foreground(predicted))
        values = probabilities(predicted)
        return _counts(foreground(truth), values > np.float32(self.threshold), values)

    def table(self, parts: Sequence[Part]) -> Table:
        """Take the mean over calls of ``batch`` cases each, however many frames they have."""
        calls = [_frames(parts[start : start + self.batch]) for start in range(0, len(parts), self.batch)]
        regions = [np.float32(mean32([_region(frame) for frame in call])) for call in calls]
        return self.named(mean_in_turn(regions), mean([_top(call) for call in calls]))

    def named(self, region: float, f_measure: float) -> Table:
        """Name the two scores."""
        return Table(protocol=self.name, main="M_J", numbers={"M_J": region, "M_F": f_measure})


class PerFrame(AvsBench):
    """The published system's own test: binary masks, each frame alone; F is 0 where there is no object."""

    name = "avs-alref"

    def count(self, truth: Frame, predicted: Frame) -> Counts:
        """Count the pixels of one frame; logits above 0 are foreground."""
        return super().count(truth, predicted > 0)

    def table(self, parts: Sequence[Part]) -> Table:
        """Take the mean over all frames."""
        frames = _frames(parts)
        return self.named(mean([float(_region(frame)) for frame in frames]), mean([_top([frame]) for frame in frames]))

    def terms(self, scores: VideoScores) -> tuple[Values, Values]:
        """Return the sum of J over frames, and how many there are."""
        count = len(_frames(scores.parts))
        return np.array([self.table(scores.parts).numbers["M_J"] * count]), np.array([float(count)])


def _counts(truth: Frame, mask: Frame, values: Floats | None = None) -> Counts:
    foreground = int(np.count_nonzero(truth))
    if not foreground:
        return Counts(0, truth.size - int(np.count_nonzero(mask)), truth.size, _NO_STEPS)
    steps = steps_of_mask(mask, truth) if values is None else steps_of_probabilities(values, truth)
    return Counts(foreground, int(np.count_nonzero(mask & truth)), int(np.count_nonzero(mask | truth)), steps)


def _region(frame: Counts) -> np.float32:
    return np.float32(frame.common) / (np.float32(frame.union) + _EPS)


def _top(frames: Sequence[Counts]) -> float:
    """Highest point of the mean curve over the frames with an object, 0 if none has one."""
    total, curves = np.zeros(1, np.float32), [curve(frame.steps, frame.truth) for frame in frames if frame.truth]
    for each in curves:
        total = total + each
    return float(total.max() / np.float32(max(len(curves), 1)))


def _part(case: Case, frames: Sequence[Counts]) -> Part:
    start, hit, marked = np.concatenate([frame.steps for frame in frames], axis=1).tolist()
    columns: dict[str, tuple[float, ...]] = {
        "truth": tuple(frame.truth for frame in frames),
        "common": tuple(frame.common for frame in frames),
        "union": tuple(frame.union for frame in frames),
        "steps": tuple(frame.steps.shape[1] for frame in frames),
        "start": tuple(start),
        "hit": tuple(hit),
        "marked": tuple(marked),
    }
    return Part(case=case.id, place=case.place, columns=columns)


def _frames(parts: Sequence[Part]) -> list[Counts]:
    """Undo ``_part`` for several of them."""
    return [frame for part in parts for frame in _frames_of(part)]


def _frames_of(part: Part) -> Iterator[Counts]:
    whole = {name: np.array(column, np.int64) for name, column in part.columns.items()}
    steps = np.stack([whole["start"], whole["hit"], whole["marked"]])
    each = np.split(steps, whole["steps"].cumsum()[:-1], axis=1)
    return map(Counts, whole["truth"].tolist(), whole["common"].tolist(), whole["union"].tolist(), each)
