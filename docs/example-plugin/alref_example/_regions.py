"""Regions of a color."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
from alref.media.video import Frame
from alref.records import Candidates, PivotFrame

from alref_example._words import colors_in

HUES = {"red": 0, "orange": 15, "yellow": 28, "green": 60, "blue": 112, "purple": 145}
"""The hue of each color on OpenCV's circle of 180."""
FAR = 12
"""How far from it a pixel's hue may be."""
PALE, DARK = 80, 40
"""A pixel whose saturation or brightness, 0..255, is below these has no color."""


def propose(picture: Frame, pivot: PivotFrame, smallest: float) -> Candidates:
    """Return the connected regions of the colors that the phrase names. A score is the share of these colors, 0..1."""
    colored = np.zeros(picture.shape[:2], np.uint8)
    for color in colors_in(pivot.phrase.text):
        colored |= of_hue(picture, HUES[color])
    _, labels, stats, _ = cv2.connectedComponentsWithStats(colored)
    areas = stats[:, cv2.CC_STAT_AREA]
    large = [number for number in range(1, len(areas)) if areas[number] >= smallest * colored.size]
    best = sorted(large, key=lambda number: -areas[number])
    left, top, width, height = stats[best, :4].astype(np.float32).T
    return Candidates(
        pivot=pivot,
        xyxy=np.stack([left, top, left + width, top + height], axis=1),
        scores=areas[best] / max(int(colored.sum()), 1),
        masks=labels == np.array(best).reshape(-1, 1, 1),
    )


def of_hue(picture: Frame, wanted: int) -> npt.NDArray[np.uint8]:
    """Return uint8 (H, W), 1 where a pixel is of a hue and 0 elsewhere."""
    hue, saturation, brightness = cv2.split(cv2.cvtColor(picture, cv2.COLOR_RGB2HSV))
    around = np.abs(hue.astype(np.int16) - wanted)
    near = np.minimum(around, 180 - around) <= FAR
    return (near & (saturation >= PALE) & (brightness >= DARK)).astype(np.uint8)
