"""Attributes of a region that need no classifier: color, motion, growth and change.

Colors are ranges in HSV with soft borders. Growth is computed from the motion field, and change from the appearance of a
region over time.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
Frame = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]

COLORS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "black", "white", "gray", "brown")
"""The supported colors; the grammar maps other color words to these."""

_BITS = 5


def compute_color_map(frame: Frame, name: str) -> FloatArray:
    """Return how well each pixel of an RGB uint8 (H, W, 3) frame fits color ``name``: float32 (H, W), 0..1.

    Raises KeyError if ``name`` is not in COLORS.
    """
    levels = frame >> (8 - _BITS)
    index = (levels[..., 0].astype(np.intp) << 2 * _BITS) | (levels[..., 1].astype(np.intp) << _BITS) | levels[..., 2]
    return np.take(_build_color_table(name), index)


def compute_color_share(frame: Frame, mask: Mask, names: Sequence[str]) -> float:
    """Return the share 0..1 of a region's pixels that have any of the named colors; 0 for an empty region."""
    if not mask.any():
        return 0.0
    smooth = np.asarray(cv2.GaussianBlur(frame, (5, 5), 0), np.uint8)
    return float(np.maximum.reduce([compute_color_map(smooth, name)[mask] for name in names]).mean())


@lru_cache(maxsize=len(COLORS))
def _build_color_table(name: str) -> FloatArray:
    """Tabulate the fit of a color over RGB at 5 bits per channel."""
    steps = np.arange(1 << _BITS, dtype=np.float32) * (1 << (8 - _BITS)) + (1 << (7 - _BITS))
    rgb = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(1, -1, 3) / np.float32(255)
    hue, saturation, value = np.moveaxis(cv2.cvtColor(rgb, cv2.COLOR_RGB2HSV)[0], -1, 0)
    return np.asarray(_score_colors(hue, saturation, value)[name], dtype=np.float32)


def _score_colors(hue: FloatArray, sat: FloatArray, val: FloatArray) -> dict[str, FloatArray]:
    """Return the fit of every color from hue in degrees, saturation and value in 0..1."""
    vivid = _interpolate_ramp(sat, 0.2, 0.4) * _interpolate_ramp(val, 0.15, 0.3)
    plain = 1 - _interpolate_ramp(sat, 0.12, 0.28)
    dark = _interpolate_ramp(val, 0.1, 0.2) * (1 - _interpolate_ramp(val, 0.55, 0.72))
    tan = (
        _score_hue(hue, 14, 20, 40, 48)
        * _interpolate_ramp(sat, 0.2, 0.35)
        * (1 - _interpolate_ramp(sat, 0.55, 0.7))
        * _interpolate_ramp(val, 0.45, 0.6)
    )
    pale_red = (
        _score_hue(hue, -30, -15, 10, 20)
        * _interpolate_ramp(sat, 0.15, 0.25)
        * (1 - _interpolate_ramp(sat, 0.5, 0.65))
        * _interpolate_ramp(val, 0.65, 0.8)
    )
    return {
        "red": _score_hue(hue, -25, -14, 12, 20) * vivid * (1 - pale_red),
        "orange": _score_hue(hue, 12, 20, 36, 44) * _interpolate_ramp(sat, 0.45, 0.65) * _interpolate_ramp(val, 0.5, 0.65),
        "yellow": _score_hue(hue, 38, 46, 65, 75) * vivid * _interpolate_ramp(val, 0.4, 0.55),
        "green": _score_hue(hue, 65, 80, 160, 178) * _interpolate_ramp(sat, 0.15, 0.3) * _interpolate_ramp(val, 0.12, 0.25),
        "blue": _score_hue(hue, 165, 185, 250, 262) * vivid,
        "purple": _score_hue(hue, 250, 264, 300, 318) * vivid,
        "pink": np.maximum(pale_red, _score_hue(hue, 298, 318, 340, 350) * vivid * _interpolate_ramp(val, 0.4, 0.6)),
        "black": 1 - _interpolate_ramp(val, 0.18, 0.34),
        "white": plain * _interpolate_ramp(val, 0.6, 0.8),
        "gray": plain * _interpolate_ramp(val, 0.15, 0.3) * (1 - _interpolate_ramp(val, 0.7, 0.85)),
        "brown": np.maximum(tan / 2, _score_hue(hue, 2, 10, 38, 48) * _interpolate_ramp(sat, 0.2, 0.35) * dark),
    }


def _interpolate_ramp(values: FloatArray, low: float, high: float) -> FloatArray:
    """Return a linear ramp from 0 at ``low`` to 1 at ``high``."""
    return np.asarray(np.clip((values - np.float32(low)) / np.float32(high - low), 0, 1), dtype=np.float32)


def _score_hue(hue: FloatArray, start: float, full: float, end: float, stop: float) -> FloatArray:
    """Return the fit to a band of hues in degrees: 1 from ``full`` to ``end``, falling to 0 at ``start`` and ``stop``."""
    turned = np.mod(hue - np.float32(start), np.float32(360)) + np.float32(start)
    return _interpolate_ramp(turned, start, full) * (1 - _interpolate_ramp(turned, end, stop))


def compute_saliency(frame: Frame) -> FloatArray:
    """Return the color saliency of each pixel, float32 (H, W) in 0..1, lower towards the edges.

    It is the distance of each color from the mean color (after Achanta et al., CVPR 2009).
    """
    colors = _convert_to_lab(frame)
    apart = np.linalg.norm(colors - colors.mean(axis=(0, 1)), axis=2)
    inwards = np.minimum.outer(np.hanning(len(apart) + 2)[1:-1], np.hanning(apart.shape[1] + 2)[1:-1])
    middle = apart * np.sqrt(inwards)
    return np.asarray(middle / max(float(middle.max()), 1e-6), np.float32)


def compute_growth(motion: FloatArray, mask: Mask) -> float:
    """Return the growth of a region per frame: the slope of its pixels' motion (h, w, 2) over their position."""
    rows, columns = np.nonzero(mask)
    if len(rows) < 2:
        return 0.0
    places = np.stack([columns, rows], axis=1) - np.array([columns.mean(), rows.mean()])
    moves = motion[rows, columns] - motion[rows, columns].mean(axis=0)
    return float((places * moves).sum() / max(float((places**2).sum()), 1e-9))


def compute_change(image: Frame, others: Sequence[Frame], mask: Mask) -> float:
    """Return how much more the appearance of a region changes than the rest of the image, in CIELAB units, at least 0.

    ``others`` are later or earlier frames of the same size as ``image``; the largest change counts. A region that stays in
    place and fills, burns or melts changes. A region that moves away changes too, so compare the change with its motion.
    """
    changes = [np.linalg.norm(_convert_to_lab(image) - _convert_to_lab(other), axis=2) for other in others]
    rest = [float(np.median(each)) for each in changes]
    inside = [float(each[mask].mean()) if mask.any() else 0.0 for each in changes]
    return max((max(0.0, one - other) for one, other in zip(inside, rest, strict=True)), default=0.0)


def _convert_to_lab(frame: Frame) -> FloatArray:
    smooth = cv2.GaussianBlur(frame, (7, 7), 0).astype(np.float32) / np.float32(255)
    return np.asarray(cv2.cvtColor(smooth, cv2.COLOR_RGB2LAB), np.float32)
