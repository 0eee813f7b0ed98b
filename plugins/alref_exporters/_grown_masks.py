"""Masks with a margin around them."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from alref.components.finished_run import MaskCrop

Place = tuple[slice, slice]


def grow_crop(crop: MaskCrop, size: tuple[int, int], kernel: npt.NDArray[np.uint8]) -> tuple[Place, npt.NDArray[np.uint8]]:
    """Return a mask grown by a square ``kernel`` of odd side: its rows and columns in a frame, and the part, 0 and 1."""
    margin = len(kernel) // 2
    top, left = max(0, crop.top - margin), max(0, crop.left - margin)
    bottom, right = min(size[0], crop.bottom + margin), min(size[1], crop.right + margin)
    part = np.zeros((bottom - top, right - left), np.uint8)
    part[crop.top - top : crop.bottom - top, crop.left - left : crop.right - left] = crop.mask
    return (slice(top, bottom), slice(left, right)), np.asarray(cv2.dilate(part, kernel), np.uint8)
