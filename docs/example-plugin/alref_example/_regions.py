"""Regions of a color."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
from alref import Candidates, Frame, PivotFrame

from alref_example._words import find_colors

HUES = {"red": 0, "orange": 15, "yellow": 28, "green": 60, "blue": 112, "purple": 145}
"""The hue of each color on OpenCV's circle of 180."""
MAX_HUE_DISTANCE = 12
"""Maximum distance of a pixel from the hue of its color."""
MIN_SATURATION, MIN_BRIGHTNESS = 80, 40
"""Minimum saturation and brightness of a colored pixel, 0..255."""


def propose_regions(image: Frame, pivot: PivotFrame, smallest: float) -> Candidates:
    """Return the connected regions of the colors that the phrase names. A score is the share of these colors, 0..1."""
    colored = np.zeros(image.shape[:2], np.uint8)
    for color in find_colors(pivot.phrase.text):
        colored |= mask_hue(image, HUES[color])
    _, labels, stats, _ = cv2.connectedComponentsWithStats(colored)
    areas = stats[:, cv2.CC_STAT_AREA]
    large = [number for number in range(1, len(areas)) if areas[number] >= smallest * colored.size]
    masks = [labels == number for number in large]
    return Candidates.from_masks(pivot, masks, areas[large] / max(int(colored.sum()), 1))


def mask_hue(image: Frame, wanted: int) -> npt.NDArray[np.uint8]:
    """Return uint8 (H, W): 1 for pixels of the hue, 0 for others."""
    hue, saturation, brightness = cv2.split(cv2.cvtColor(image, cv2.COLOR_RGB2HSV))
    around = np.abs(hue.astype(np.int16) - wanted)
    near = np.minimum(around, 180 - around) <= MAX_HUE_DISTANCE
    return (near & (saturation >= MIN_SATURATION) & (brightness >= MIN_BRIGHTNESS)).astype(np.uint8)
