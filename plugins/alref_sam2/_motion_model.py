"""Select reliable frames for memory, by predicted quality and agreement with the object's motion.

This follows SAMURAI (Yang et al. 2024, arXiv 2411.11922) and DAM4SAM (Videnovic et al. 2025, arXiv 2411.17576): a memory is
read only if the object is present, the predicted IoU of its mask is high, and its box is where the motion predicts it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from alref import Mask

MIN_QUALITY = 0.5
"""Minimum predicted IoU of a reliable mask."""
MIN_BOX_IOU = 0.3
"""Minimum IoU of its box with the box predicted from motion."""
WARMUP_FRAMES = 3
"""Frames before the motion prediction is used."""
FILTER_GAIN = 0.5
"""Gain of the filter for the box; the gain for the velocity is a quarter of it."""

Box = npt.NDArray[np.float64]


class MotionModel:
    """Predicts the box of one object that moves and grows steadily, with an alpha-beta filter on its sides."""

    def __init__(self) -> None:
        self._box: Box | None = None
        self._velocity: Box = np.zeros(4)
        self._frame_count = 0

    def check_and_update(self, mask: Mask, score: float, quality: float) -> bool:
        """Return whether the mask (h, w) of the next frame is reliable, and update the filter."""
        seen = _compute_box(mask)
        if seen is None or score <= 0:
            self._frame_count = 0
            return False
        if self._box is None or self._frame_count == 0:
            self._box, self._velocity, self._frame_count = seen, np.zeros(4), 1
            return quality >= MIN_QUALITY
        expected = self._box + self._velocity
        steady = self._frame_count < WARMUP_FRAMES or _compute_iou(expected, seen) >= MIN_BOX_IOU
        self._box = expected + FILTER_GAIN * (seen - expected)
        self._velocity = self._velocity + FILTER_GAIN / 4 * (seen - expected)
        self._frame_count += 1
        return quality >= MIN_QUALITY and steady


def _compute_box(mask: Mask) -> Box | None:
    """Return the bounding box (x0, y0, x1, y1) of a mask, or None."""
    rows, columns = np.nonzero(mask)
    if len(rows) == 0:
        return None
    return np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], np.float64)


def _compute_iou(one: Box, other: Box) -> float:
    sides = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
    shared = float(np.prod(np.maximum(sides, 0)))
    areas = [float(np.prod(np.maximum(box[2:] - box[:2], 0))) for box in (one, other)]
    return shared / max(sum(areas) - shared, 1e-9)
