"""Convert soft maps to masks by graph cut, and filter connected components."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from alref import Frame, Mask
from alref_baseline.efficientnet import FloatArray

_FOREGROUND_THRESHOLD = 0.9
_MARGIN = 16
_REFIT_INTERVAL = 8
"""Number of cuts after which color models are fitted from scratch, since a component without pixels is never used again."""
_MIN_PIXELS = 20
"""Minimum number of pixels for a color model of the object or of its background."""


class ColorModels:
    """The color models of an object and its background, from one frame to the next: fitting them takes half of a cut's time."""

    def __init__(self) -> None:
        self.background, self.foreground = np.zeros((1, 65)), np.zeros((1, 65))
        self.num_cuts = 0


def run_grabcut(
    image: Frame,
    probability: FloatArray,
    background_threshold: float = 0.1,
    rounds: int = 1,
    models: ColorModels | None = None,
) -> Mask:
    """Segment the object in ``image`` uint8 (H, W, 3), given the ``probability`` (H, W) in 0..1 that a pixel belongs to it.

    Pixels above 0.9 are object, those up to ``background_threshold`` are background; ``rounds`` of cuts decide the others by
    color and edges (GrabCut, Rother et al., SIGGRAPH 2004). Without enough pixels of both kinds, the mask is
    ``probability > 0.5``. ``models`` are those of the last frame of the same object, and are updated.
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
        models = models or ColorModels()
        mode = cv2.GC_EVAL if models.num_cuts % _REFIT_INTERVAL else cv2.GC_INIT_WITH_MASK
        cv2.grabCut(around, marks, (0, 0, 1, 1), models.background, models.foreground, rounds, mode)
        models.num_cuts += 1
        mask[near] = np.isin(marks, (cv2.GC_FGD, cv2.GC_PR_FGD))
    return mask


def find_connected_components(mask: Mask) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Return the connected components of a mask, int32 (H, W) from 1 with 0 for background, and the pixel count of each."""
    _, labels, statistics, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    return np.asarray(labels, np.int32), np.asarray(statistics[:, cv2.CC_STAT_AREA], np.int32)


def remove_small_components(mask: Mask, share: float = 0.12) -> Mask:
    """Remove the connected components that are smaller than ``share`` of the largest."""
    labels, areas = find_connected_components(mask)
    areas[0] = 0
    return np.asarray((areas >= max(1.0, share * areas.max()))[labels])


def compute_bounding_box(mask: Mask) -> npt.NDArray[np.float32]:
    """Return the box of a mask that is not empty, float32 (4,) xyxy in pixels."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], np.float32)
