"""Preprocess images as in the training of each detector; the processors of transformers require torchvision or scipy."""

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

from alref import ConfigError, Frame

Pixels = npt.NDArray[np.float32]


@dataclass(frozen=True)
class ImagePreprocessing:
    """Preprocessing of images: target sides in pixels, mean and standard deviation of colors."""

    size: dict[str, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def get_side(self, name: str) -> int:
        """Return one of the sides. Raises ConfigError if the model has no such side."""
        if name not in self.size:
            raise ConfigError(f"preprocessor_config.json: expected the size {name}, got {self.size}: download the model again")
        return self.size[name]

    def normalize_images(self, images: Sequence[Pixels]) -> Pixels:
        """Return images float32 (H, W, 3), 0 to 1, as one normalized batch (B, 3, H, W)."""
        batch = (np.stack(images) - np.array(self.mean, np.float32)) / np.array(self.std, np.float32)
        return np.ascontiguousarray(batch.transpose(0, 3, 1, 2))


def read_preprocessing(folder: Path) -> ImagePreprocessing:
    """Read the preprocessing of a model. Raises ConfigError if its folder does not specify it."""
    try:
        settings = _read_processor_settings(folder)
        return ImagePreprocessing(dict(settings["size"]), tuple(settings["image_mean"]), tuple(settings["image_std"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{folder}: preprocessor_config.json cannot be used ({error!r}): download the model again") from None


def _read_processor_settings(folder: Path) -> dict[str, Any]:
    """Return the settings of the image processor: a part of one file, or a separate file."""
    path = folder / "processor_config.json"
    processor = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    image_path = folder / "preprocessor_config.json"
    settings: dict[str, Any] = processor.get("image_processor") or json.loads(image_path.read_text(encoding="utf-8"))
    return settings


def resize_to_fit(image: Frame, short: int, long: int) -> Pixels:
    """Resize the shorter side to ``short`` pixels, or the longer one to ``long`` if that is smaller; float32, 0 to 1."""
    height, width = compute_fitted_size(image.shape[0], image.shape[1], short, long)
    resized = Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(resized, np.float32) / np.float32(255)


def compute_fitted_size(height: int, width: int, short: int, long: int) -> tuple[int, int]:
    """Return the (height, width) that ``resize_to_fit`` resizes to, rounded as in the training of the models."""
    least, most = min(height, width), max(height, width)
    exact = min(short, long * least / most)
    if round(exact) == least:
        return height, width
    sides = round(exact), int(exact * most / least)
    return sides if height <= width else sides[::-1]


def resize_to_square(image: Frame, side: int) -> Pixels:
    """Pad with black to a square at the right and bottom, and resize to ``side``; float32, 0 to 1.

    Larger images are blurred first; the standard deviation is (size / ``side`` - 1) / 2 pixels.
    """
    height, width = image.shape[:2]
    longest = max(height, width)
    square = np.zeros((longest, longest, 3), np.float32)
    square[:height, :width] = image / np.float32(255)
    blur = (longest / side - 1) / 2
    if (radius := int(4 * blur + 0.5)) > 0:
        square = cv2.GaussianBlur(square, (2 * radius + 1,) * 2, blur, borderType=cv2.BORDER_REFLECT_101)
    return np.asarray(cv2.resize(square, (side, side), interpolation=cv2.INTER_LINEAR), np.float32)
