"""Random worlds of masks for the differential tests of protocols: sizes, gaps and dirt of any kind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from alref.media.draw import build_color_map

Array = npt.NDArray[Any]


class World:
    """What one seed makes: a size, a number of frames, and masks of any shape that often agree."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.height, self.width = (int(side) for side in self.random.integers(3, 40, 2))
        self.frames = int(self.random.integers(1, 6))

    def happens(self, share: float) -> bool:
        return bool(self.random.random() < share)

    def draw_mask(self) -> Array:
        """Draw an ellipse that may leave the image, sometimes with noise, sometimes nothing or everything."""
        mask = np.zeros((self.height, self.width), np.uint8)
        if self.happens(0.15):
            return np.full_like(mask, self.happens(0.3)).astype(np.bool_)
        center, axes = self.random.integers(-5, 45, 2).tolist(), self.random.integers(1, 20, 2).tolist()
        cv2.ellipse(mask, center, axes, float(self.random.uniform(0, 180)), 0, 360, 1, -1)
        if self.happens(0.2):
            mask ^= (self.random.random(mask.shape) < 0.05).astype(np.uint8)
        return mask.astype(np.bool_)

    def vary_mask(self, mask: Array) -> Array:
        """Return the mask moved a little, or another one."""
        if self.happens(0.2):
            return self.draw_mask()
        return np.roll(mask, self.random.integers(-2, 3, 2).tolist(), axis=(0, 1))


def save(path: Path, pixels: Array, palette: bool = False) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(pixels)
    if palette:
        image.putpalette(build_color_map().tobytes())
    image.save(path)


def save_expressions(path: Path, expressions: dict[str, Any], frames: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"videos": {"v": {"expressions": expressions, "frames": frames}}}), encoding="utf-8")


def save_dirty_mask(world: World, path: Path, mask: Array) -> None:
    """Write a mask in one of the ways that programs write them; the gray values of all count as foreground."""
    kind = int(world.random.integers(0, 5))
    if kind == 0:
        save(path, mask.astype(np.uint8), palette=True)
    elif kind == 1:
        save(path, np.repeat(mask[..., None] * np.uint8(255), 3, axis=2))
    elif kind == 2:
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), mask * np.uint8(world.random.integers(1, 256)))
    else:
        save(path, mask * np.uint8(255))
