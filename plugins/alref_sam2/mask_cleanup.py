"""Fill holes and remove sprinkles of masks, with connected components of OpenCV."""

from __future__ import annotations

import cv2
import numpy as np

from alref.utils.masks import Mask


def clean_mask(mask: Mask, max_hole_area: int, max_sprinkle_area: int) -> Mask:
    """Return a bool (H, W) mask whose holes of at most ``max_hole_area`` pixels are filled, and then its components of at most
    ``max_sprinkle_area`` pixels removed; 0 disables a step. Connectivity is 8.
    """  # noqa: D205
    filled = mask | _find_small_components(~mask, max_hole_area)
    return filled & ~_find_small_components(filled, max_sprinkle_area)


def _find_small_components(mask: Mask, max_area: int) -> Mask:
    """Return the components of at most ``max_area`` pixels."""
    if max_area == 0 or not mask.any():
        return np.zeros_like(mask)
    _, labels, facts, _ = cv2.connectedComponentsWithStats(mask.view(np.uint8), connectivity=8)
    small = facts[:, cv2.CC_STAT_AREA] <= max_area
    small[0] = False
    found: Mask = small[labels]
    return found
