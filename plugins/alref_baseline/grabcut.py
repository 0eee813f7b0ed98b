"""Masks from soft maps: graph cut on the pixels, and what becomes of connected parts."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from alref.media.video import Frame
from alref.utils.masks import Mask
from alref_baseline.efficientnet import FloatArray

_FOREGROUND_THRESHOLD = 0.9
_MARGIN = 32
_MIN_PIXELS = 20
"""Pixels that a color model of the object, or of what surrounds it, is learned from at least."""


def run_grabcut(image: Frame, probability: FloatArray, background_threshold: float = 0.1, rounds: int = 1) -> Mask:
    """Cut the object out of ``picture`` uint8 (H, W, 3), given the chance (H, W) in 0..1 of each pixel to belong to it.

    Pixels above 0.9 are the object, those below ``never`` are not; between them ``rounds`` of cuts decide by color and edges
    (GrabCut, Rother et al., SIGGRAPH 2004). Without enough pixels of both kinds, the mask is ``chance > 0.5``.
    """
    mask = np.asarray(probability > 0.5)
    rows, columns = np.nonzero(probability > background_threshold)
    if not len(rows):
        return mask
    near = (
        slice(max(0, rows.min() - _MARGIN), rows.max() + _MARGIN + 1),
        slice(max(0, columns.min() - _MARGIN), columns.max() + _MARGIN + 1),
    )
    part = probability[near]
    marks = np.full(part.shape, cv2.GC_BGD, np.uint8)
    marks[part > background_threshold], marks[part > 0.5], marks[part > _FOREGROUND_THRESHOLD] = (
        cv2.GC_PR_BGD,
        cv2.GC_PR_FGD,
        cv2.GC_FGD,
    )
    inside = int(np.isin(marks, (cv2.GC_FGD, cv2.GC_PR_FGD)).sum())
    if min(inside, marks.size - inside) >= _MIN_PIXELS:
        cv2.setRNGSeed(0)
        around = np.ascontiguousarray(image[near])
        cv2.grabCut(around, marks, (0, 0, 1, 1), np.zeros((1, 65)), np.zeros((1, 65)), rounds, cv2.GC_INIT_WITH_MASK)
        mask[near] = np.isin(marks, (cv2.GC_FGD, cv2.GC_PR_FGD))
    return mask


def find_connected_components(mask: Mask) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Return the connected parts of a mask, numbered from 1: int32 (H, W), and the pixels of each, those of the rest at 0."""
    _, labels, statistics, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    return np.asarray(labels, np.int32), np.asarray(statistics[:, cv2.CC_STAT_AREA], np.int32)


def remove_small_components(mask: Mask, share: float = 0.12) -> Mask:
    """Drop the connected parts that are smaller than ``share`` of the largest."""
    labels, areas = find_connected_components(mask)
    areas[0] = 0
    return np.asarray((areas >= max(1.0, share * areas.max()))[labels])


def compute_bounding_box(mask: Mask) -> npt.NDArray[np.float32]:
    """Return the box of a mask that is not empty, float32 (4,) xyxy in pixels."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], np.float32)
