"""Which frames are worth remembering, by how sure the model is and by how well the mask goes on as it moved before.

In the manner of SAMURAI (Yang et al. 2024, arXiv 2411.11922) and DAM4SAM (Videnovic et al. 2025, arXiv 2411.17576): a memory is
read only if the object is there, its mask is predicted to be good, and its box lies where its motion leads.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

MIN_QUALITY = 0.5
"""The least predicted IoU of a mask that is trusted."""
MIN_BOX_IOU = 0.3
"""The least IoU of its box with the box that the motion leads to."""
WARMUP_FRAMES = 3
"""Frames after which the motion is known well enough to be asked."""
FILTER_GAIN = 0.5
"""How far the expected box, and a quarter of it how far its velocity, follow what is seen."""

Box = npt.NDArray[np.float64]


class MotionModel:
    """The box of one object, expected to move and grow steadily: an alpha-beta filter on its sides."""

    def __init__(self) -> None:
        self._box: Box | None = None
        self._velocity: Box = np.zeros(4)
        self._frame_count = 0

    def check_and_update(self, logits: torch.Tensor, score: float, quality: float) -> bool:
        """Say whether the mask logits (h, w) of the next frame are to be trusted, and learn from them."""
        seen = _compute_box(logits)
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


def _compute_box(logits: torch.Tensor) -> Box | None:
    """Return the sides (x0, y0, x1, y1) of what is above 0, or None."""
    rows, columns = np.nonzero((logits > 0).cpu().numpy())
    if len(rows) == 0:
        return None
    return np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], np.float64)


def _compute_iou(one: Box, other: Box) -> float:
    sides = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
    shared = float(np.prod(np.maximum(sides, 0)))
    areas = [float(np.prod(np.maximum(box[2:] - box[:2], 0))) for box in (one, other)]
    return shared / max(sum(areas) - shared, 1e-9)
