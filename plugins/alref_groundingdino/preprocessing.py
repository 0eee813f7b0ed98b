"""Pictures as each detector saw them in its training; the library's own processors ask for torchvision or scipy."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from alref.errors import ConfigError
from alref.media.video import Frame

Pixels = npt.NDArray[np.float32]


@dataclass(frozen=True)
class ImagePreprocessing:
    """How a model looks at pictures: the sides they are made to have in pixels, and the mean and spread of its colors."""

    size: dict[str, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def get_side(self, name: str) -> int:
        """Return one of the sides. Raises ConfigError when the model has no such side."""
        if name not in self.size:
            raise ConfigError(f"expected the model to see pictures of a {name}, got {self.size}: get the whole model again")
        return self.size[name]

    def normalize_images(self, images: Sequence[Pixels]) -> Pixels:
        """Return pictures float32 (H, W, 3) of 0 to 1 as one batch (B, 3, H, W) around the model's mean."""
        batch = (np.stack(images) - np.array(self.mean, np.float32)) / np.array(self.std, np.float32)
        return np.ascontiguousarray(batch.transpose(0, 3, 1, 2))


def read_preprocessing(folder: Path) -> ImagePreprocessing:
    """Read how a model looks at pictures. Raises ConfigError when its folder does not say."""
    try:
        said = _read_processor_settings(folder)
        return ImagePreprocessing(dict(said["size"]), tuple(said["image_mean"]), tuple(said["image_std"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{folder} does not say how pictures are prepared ({error!r}): get the whole model again") from None


def _read_processor_settings(folder: Path) -> dict[str, Any]:
    """Return the settings of the picture processor: a part of one file, or a file of their own."""
    whole = folder / "processor_config.json"
    both = json.loads(whole.read_text(encoding="utf-8")) if whole.is_file() else {}
    alone = folder / "preprocessor_config.json"
    settings: dict[str, Any] = both.get("image_processor") or json.loads(alone.read_text(encoding="utf-8"))
    return settings


def resize_to_fit(image: Frame, short: int, long: int) -> Pixels:
    """Resize the shorter side to ``short`` pixels, or the longer one to ``long`` where that is less; float32 of 0 to 1."""
    height, width = compute_fitted_size(image.shape[0], image.shape[1], short, long)
    resized = Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(resized, np.float32) / np.float32(255)


def compute_fitted_size(height: int, width: int, short: int, long: int) -> tuple[int, int]:
    """Return the (height, width) that ``fitted`` resizes to, rounded as the models saw it in their training."""
    least, most = min(height, width), max(height, width)
    exact = min(short, long * least / most)
    if round(exact) == least:
        return height, width
    sides = round(exact), int(exact * most / least)
    return sides if height <= width else sides[::-1]


def resize_to_square(image: Frame, side: int) -> Pixels:
    """Pad with black to a square at the right and below, and resize to ``side``; float32 of 0 to 1.

    What shrinks is blurred first, by half a pixel of standard deviation for each time that it gets smaller.
    """
    height, width = image.shape[:2]
    longest = max(height, width)
    square = np.zeros((longest, longest, 3), np.float32)
    square[:height, :width] = image / np.float32(255)
    blur = (longest / side - 1) / 2
    if (radius := int(4 * blur + 0.5)) > 0:
        square = cv2.GaussianBlur(square, (2 * radius + 1,) * 2, blur, borderType=cv2.BORDER_REFLECT_101)
    return np.asarray(cv2.resize(square, (side, side), interpolation=cv2.INTER_LINEAR), np.float32)
