"""Small faults of masks mended: holes filled and sprinkles removed, by connected components of OpenCV."""

from __future__ import annotations

import cv2
import numpy as np

from alref.utils.masks import Mask


def polished(mask: Mask, holes: int, sprinkles: int) -> Mask:
    """Return a bool (H, W) mask whose holes of at most ``holes`` pixels are filled, and then its parts of at most
    ``sprinkles`` pixels removed; 0 leaves them. Neighbours share a side or a corner.
    """  # noqa: D205
    filled = mask | _small(~mask, holes)
    return filled & ~_small(filled, sprinkles)


def _small(mask: Mask, most: int) -> Mask:
    """Return the components of at most ``most`` pixels."""
    if most == 0 or not mask.any():
        return np.zeros_like(mask)
    _, labels, facts, _ = cv2.connectedComponentsWithStats(mask.view(np.uint8), connectivity=8)
    small = facts[:, cv2.CC_STAT_AREA] <= most
    small[0] = False
    found: Mask = small[labels]
    return found
