"""Tracking of an object by template matching."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from alref import Frame, fit_mask


@dataclass
class Follower:
    """An object that is followed from its first image and mask, bool (H, W), to its last corner ``left``, ``top``."""

    mask: npt.NDArray[np.bool_]
    pixels: Frame
    left: int
    top: int
    reach: int

    @classmethod
    def from_mask(cls, image: Frame, mask: npt.NDArray[np.bool_], reach: int) -> Follower:
        """Cut an object out of an image. It moves by at most ``reach`` pixels from one image to the next."""
        left, top, width, height = cv2.boundingRect(mask.astype(np.uint8))
        return cls(mask, image[top : top + height, left : left + width], left, top, reach)

    def follow(self, image: Frame) -> tuple[npt.NDArray[np.bool_], float]:
        """Move to the best match near the last position; return the mask there, and how well it matches, 0..1."""
        height, width = self.pixels.shape[:2]
        left, top = max(0, self.left - self.reach), max(0, self.top - self.reach)
        window = image[top : self.top + height + self.reach, left : self.left + width + self.reach]
        least, _, (x, y), _ = cv2.minMaxLoc(cv2.matchTemplate(window, self.pixels, cv2.TM_SQDIFF_NORMED))
        self.left, self.top = left + x, top + y
        box = np.array([self.left, self.top, self.left + width, self.top + height], np.float32)
        return fit_mask(self.mask, box), float(np.clip(1 - least, 0, 1))
