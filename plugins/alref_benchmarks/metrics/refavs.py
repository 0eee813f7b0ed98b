"""The metrics of Ref-AVS (Wang et al., ECCV 2024): those of AVSBench with other settings, and S of the null split."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from alref import Case, EvaluationProtocol, ObjectScores, ScoreTable
from alref.components.scores import LabelMap as Frame
from alref_benchmarks.metrics.avs import AvsBenchMetric, FrameCounts
from alref_benchmarks.metrics.frame_pairs import iterate_frame_pairs, to_foreground
from alref_benchmarks.metrics.means import compute_sequential_mean
from alref_benchmarks.metrics.threshold_curve import apply_sigmoid

PACKED_COLOR = np.dtype(np.uint32)
_SIDE = 256
_BATCH_SIZE = 4
_MAX_LOGIT = 1e4


def pack_colors(colors: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint32]:
    """Pack BGR (H, W, 3) into numbers (H, W), 0 for black: a true mask whose colors count when it is resized."""
    return np.dstack([colors, np.zeros_like(colors[..., :1])]).view(PACKED_COLOR)[..., 0]


def unpack_colors(truth: Frame) -> npt.NDArray[np.uint8]:
    """Return the colors of ``pack_colors``, BGR and 0, (H, W, 4)."""
    return np.ascontiguousarray(truth)[..., None].view(np.uint8)


class RefAvsMetric(AvsBenchMetric):
    """J above a probability of 0.4, F over batches of four expressions in the order of ``Case.position``, on 256x256 pixels."""

    name = "ref-avs"
    threshold = 0.4
    side = _SIDE

    def __init__(self, batch_size: int = _BATCH_SIZE) -> None:
        """``batch_size`` is the number of expressions per call of the official code."""
        super().__init__(batch_size)

    def count_pixels(self, truth: Frame, predicted: Frame) -> FrameCounts:
        """Count the pixels of one frame; a true pixel is foreground if its resized gray value is above 0, as officially."""
        if truth.dtype == PACKED_COLOR:
            resized = cv2.resize(unpack_colors(truth), (_SIDE, _SIDE))
            touched = cv2.cvtColor(resized, cv2.COLOR_BGRA2GRAY)
        else:
            touched = cv2.resize(to_foreground(truth).astype(np.uint8) * 255, (_SIDE, _SIDE))
        return super().count_pixels(touched, _resize_predicted(predicted))

    def make_table(self, region: float, f_measure: float) -> ScoreTable:
        """Name the scores as the paper does."""
        numbers = {"J&F": (region + f_measure) / 2, "J": region, "F": f_measure}
        return ScoreTable(protocol=self.name, main_metric="J&F", metrics=numbers)


class RefAvsNullMetric(EvaluationProtocol):
    """S for expressions of nothing: root of the share of pixels that are foreground, in batches of four; lower is better."""

    name = "ref-avs-null"

    def score_case(self, where: str, case: Case) -> list[ObjectScores]:
        """Count the pixels that are foreground in each frame."""
        masks = [
            _threshold_foreground(_resize_predicted(predicted)) for _, predicted in iterate_frame_pairs(where, case, side=_SIDE)
        ]
        marked, pixels = tuple(int(np.count_nonzero(mask)) for mask in masks), tuple(mask.size for mask in masks)
        return [ObjectScores(case=case.id, position=case.position, columns={"marked": marked, "pixels": pixels})]

    def build_table(self, parts: Sequence[ObjectScores]) -> ScoreTable:
        """Take the mean over batches."""
        shares = [_compute_s(parts[start : start + _BATCH_SIZE]) for start in range(0, len(parts), _BATCH_SIZE)]
        return ScoreTable(
            protocol=self.name, main_metric="S", metrics={"S": compute_sequential_mean(shares)}, lower_is_better=("S",)
        )


def _compute_s(batch: Sequence[ObjectScores]) -> np.float32:
    marked, pixels = (sum(sum(part.columns[name]) for part in batch) for name in ("marked", "pixels"))
    return np.float32(np.sqrt(np.float32(marked) / np.float32(pixels)))


def _threshold_foreground(predicted: Frame) -> Frame:
    return apply_sigmoid(predicted) > np.float32(0.5) if predicted.dtype.kind == "f" else to_foreground(predicted)


def _resize_predicted(predicted: Frame) -> Frame:
    """Resize to 256x256: masks by the nearest pixel, logits linearly; infinite logits are made finite to have a mean."""
    if predicted.dtype.kind == "f":
        return np.asarray(cv2.resize(predicted.clip(-_MAX_LOGIT, _MAX_LOGIT).astype(np.float32), (_SIDE, _SIDE)))
    return np.asarray(cv2.resize(to_foreground(predicted).astype(np.uint8), (_SIDE, _SIDE), interpolation=cv2.INTER_NEAREST))
