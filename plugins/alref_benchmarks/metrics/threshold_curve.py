"""The F of AVSBench over 255 thresholds (Zhou et al., ECCV 2022), from two histograms, in float32 as the official code.

Threshold k marks the pixels whose probability is at least t_k; t_0 = 0 marks all. Only steps are kept, the thresholds at which
something changes: two for a mask, whose probabilities are 0 and 1. ``Steps`` are int64 (3, N): the first threshold of each, how
many marked pixels are truly foreground from there on, and how many are marked.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from alref.components.scores import Map as Frame
from alref.utils.masks import Mask

COUNT = 255
_BETA2 = 0.3
Floats = npt.NDArray[np.float32]
Steps = npt.NDArray[np.int64]


def _thresholds() -> Floats:
    """255 numbers 0..1, rounded as the official code's are: upwards from 0 in the lower half, downwards from 1 in the upper."""
    number, step = np.arange(COUNT), np.float64(np.float32(1 / (COUNT - 1)))
    return np.where(number < COUNT // 2, step * number, 1 - step * (COUNT - 1 - number)).astype(np.float32)


THRESHOLDS = _thresholds()
_EACH_BYTE = np.append(THRESHOLDS, np.float32(2))  # no value passes the last, which is there to fill a table of 256


def probabilities(logits: Frame) -> Floats:
    """Sigmoid in float32."""
    with np.errstate(over="ignore"):
        return np.asarray(1 / (1 + np.exp(-logits.astype(np.float32, copy=False))))


def steps_of_mask(mask: Mask, truth: Mask) -> Steps:
    """Count for a predicted mask, bool (H, W) as the truth."""
    hit, marked = np.count_nonzero(mask & truth), np.count_nonzero(mask)
    return np.array([[0, 1], [np.count_nonzero(truth), hit], [truth.size, marked]], np.int64)


def steps_of_probabilities(values: Floats, truth: Mask) -> Steps:
    """Count for predicted probabilities, float32 (H, W) in 0..1."""
    nearest = np.rint(values * np.float32(COUNT - 1)).astype(np.uint8)
    passed = nearest + (values >= cv2.LUT(nearest, _EACH_BYTE))
    marked, hit = _at_least(passed.ravel()), _at_least(passed[truth])
    starts = np.flatnonzero(np.diff(marked, prepend=-1))
    return np.stack([starts, hit[starts], marked[starts]])


def curve(steps: Steps, truth: int) -> Floats:
    """F at all thresholds, float32 (255,), where ``truth`` > 0 pixels are truly foreground; 0 where nothing is hit."""
    starts, hit, marked = steps
    precision = hit.astype(np.float32) / np.maximum(marked, 1).astype(np.float32)
    share = hit.astype(np.float32) / np.float32(truth)
    above = (1 + _BETA2) * precision * share
    below = _BETA2 * precision + share
    values: Floats = np.divide(above, below, out=np.zeros_like(above), where=hit > 0)
    return values.repeat(np.diff(starts, append=COUNT))


def _at_least(passed: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """From how many thresholds each pixel passed to how many pixels passed each threshold, (255,)."""
    histogram = np.bincount(passed, minlength=COUNT + 1)
    return histogram[:0:-1].cumsum()[::-1]
