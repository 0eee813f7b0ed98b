"""The F of AVSBench over 255 thresholds (Zhou et al., ECCV 2022), from two histograms, in float32 as the official code.

Threshold k marks the pixels whose probability is at least t_k; t_0 = 0 marks all. Only steps are stored: thresholds at which
something changes, two for a mask, whose probabilities are 0 and 1. ``ThresholdSteps`` are (3, N): the first threshold of each
step, and from there on the numbers of marked pixels that are truly foreground, and of marked pixels. The truth is bool, or
floats 0..1 that say how much a pixel counts.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from alref import Mask
from alref.components.scores import LabelMap as Frame

THRESHOLD_COUNT = 255
_BETA2 = 0.3
Floats = npt.NDArray[np.float32]
ThresholdSteps = npt.NDArray[np.float64]


def _compute_thresholds() -> Floats:
    """Return 255 numbers 0..1, rounded as in the official code: up from 0 in the lower half, down from 1 in the upper half."""
    number, step = np.arange(THRESHOLD_COUNT), np.float64(np.float32(1 / (THRESHOLD_COUNT - 1)))
    return np.where(number < THRESHOLD_COUNT // 2, step * number, 1 - step * (THRESHOLD_COUNT - 1 - number)).astype(np.float32)


THRESHOLDS = _compute_thresholds()
_THRESHOLD_TABLE = np.append(THRESHOLDS, np.float32(2))  # no value passes the last one, which fills a table of 256


def apply_sigmoid(logits: Frame) -> Floats:
    """Return the sigmoid in float32."""
    with np.errstate(over="ignore"):
        return np.asarray(1 / (1 + np.exp(-logits.astype(np.float32, copy=False))))


def sum_weights(truth: Frame, mask: Mask | None = None) -> float:
    """Return how many pixels are truly foreground, or how many of those in ``mask``; fractions count in part."""
    if truth.dtype.kind == "f":
        return float(np.sum(truth, dtype=np.float64, where=True if mask is None else mask))
    return float(np.count_nonzero(truth if mask is None else truth & mask))


def count_mask_steps(mask: Mask, truth: Frame) -> ThresholdSteps:
    """Return the steps of a predicted mask, bool (H, W) like the truth."""
    return np.array([[0, 1], [sum_weights(truth), sum_weights(truth, mask)], [truth.size, np.count_nonzero(mask)]], np.float64)


def count_probability_steps(probabilities: Floats, truth: Frame) -> ThresholdSteps:
    """Return the steps of predicted probabilities, float32 (H, W) in 0..1."""
    nearest = np.rint(probabilities * np.float32(THRESHOLD_COUNT - 1)).astype(np.uint8)
    passed = nearest + (probabilities >= cv2.LUT(nearest, _THRESHOLD_TABLE))
    marked = _count_passing_pixels(passed.ravel())
    weights = truth[truth > 0].astype(np.float64) if truth.dtype.kind == "f" else None
    hit = _count_passing_pixels(passed[truth > 0], weights)
    starts = np.flatnonzero(np.diff(marked, prepend=-1))
    return np.stack([starts, hit[starts], marked[starts]]).astype(np.float64)


def compute_f_curve(steps: ThresholdSteps, true_area: float) -> Floats:
    """Return F at all thresholds, float32 (255,), given ``true_area`` > 0 true foreground pixels; 0 where no pixel is hit."""
    starts, hit, marked = steps
    precision = hit.astype(np.float32) / np.maximum(marked, 1).astype(np.float32)
    share = hit.astype(np.float32) / np.float32(true_area)
    above = (1 + _BETA2) * precision * share
    below = _BETA2 * precision + share
    values: Floats = np.divide(above, below, out=np.zeros_like(above), where=hit > 0)
    return values.repeat(np.diff(starts.astype(np.int64), append=THRESHOLD_COUNT))


def _count_passing_pixels(passed: npt.NDArray[np.uint8], weights: npt.NDArray[np.float64] | None = None) -> npt.NDArray[Any]:
    """Return how many pixels passed each threshold, (255,), given how many thresholds each pixel passed."""
    histogram = np.bincount(passed, weights, minlength=THRESHOLD_COUNT + 1)
    return histogram[:0:-1].cumsum()[::-1]
