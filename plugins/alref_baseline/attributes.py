"""What can be measured of a region without knowing what it is: its colour, its motion, its growth, its change.

Colours are named in HSV with soft borders. Motion is dense optical flow less the homography of the background.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Frame = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]

COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "black", "white", "grey", "brown")
"""The colours that can be told apart; other colour words are mapped to these by the grammar."""

_BITS = 5


def colour_map(frame: Frame, name: str) -> Floats:
    """Say how well each pixel of an RGB uint8 (H, W, 3) frame fits colour ``name``: float32 (H, W), 0..1.

    Raises KeyError when ``name`` is not one of COLOURS.
    """
    levels = frame >> (8 - _BITS)
    index = (levels[..., 0].astype(np.intp) << 2 * _BITS) | (levels[..., 1].astype(np.intp) << _BITS) | levels[..., 2]
    return np.take(_table(name), index)


@lru_cache(maxsize=len(COLOURS))
def _table(name: str) -> Floats:
    """Tabulate a colour's fit over RGB at 5 bits a channel."""
    steps = np.arange(1 << _BITS, dtype=np.float32) * (1 << (8 - _BITS)) + (1 << (7 - _BITS))
    rgb = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(1, -1, 3) / np.float32(255)
    hue, saturation, value = np.moveaxis(cv2.cvtColor(rgb, cv2.COLOR_RGB2HSV)[0], -1, 0)
    return np.asarray(_fits(hue, saturation, value)[name], dtype=np.float32)


def _fits(hue: Floats, sat: Floats, val: Floats) -> dict[str, Floats]:
    """Fit of every colour from hue in degrees, saturation and value in 0..1."""
    vivid = _rise(sat, 0.2, 0.4) * _rise(val, 0.15, 0.3)
    plain = 1 - _rise(sat, 0.12, 0.28)
    dark = _rise(val, 0.1, 0.2) * (1 - _rise(val, 0.55, 0.72))
    tan = _hue(hue, 14, 20, 40, 48) * _rise(sat, 0.2, 0.35) * (1 - _rise(sat, 0.55, 0.7)) * _rise(val, 0.45, 0.6)
    pale_red = _hue(hue, -30, -15, 10, 20) * _rise(sat, 0.15, 0.25) * (1 - _rise(sat, 0.5, 0.65)) * _rise(val, 0.65, 0.8)
    return {
        "red": _hue(hue, -25, -14, 12, 20) * vivid * (1 - pale_red),
        "orange": _hue(hue, 12, 20, 36, 44) * _rise(sat, 0.45, 0.65) * _rise(val, 0.5, 0.65),
        "yellow": _hue(hue, 38, 46, 65, 75) * vivid * _rise(val, 0.4, 0.55),
        "green": _hue(hue, 65, 80, 160, 178) * _rise(sat, 0.15, 0.3) * _rise(val, 0.12, 0.25),
        "blue": _hue(hue, 165, 185, 250, 262) * vivid,
        "purple": _hue(hue, 250, 264, 300, 318) * vivid,
        "pink": np.maximum(pale_red, _hue(hue, 298, 318, 340, 350) * vivid * _rise(val, 0.4, 0.6)),
        "black": 1 - _rise(val, 0.18, 0.34),
        "white": plain * _rise(val, 0.6, 0.8),
        "grey": plain * _rise(val, 0.15, 0.3) * (1 - _rise(val, 0.7, 0.85)),
        "brown": np.maximum(tan / 2, _hue(hue, 2, 10, 38, 48) * _rise(sat, 0.2, 0.35) * dark),
    }


def _rise(values: Floats, low: float, high: float) -> Floats:
    """Rise linearly from 0 at ``low`` to 1 at ``high``."""
    return np.asarray(np.clip((values - np.float32(low)) / np.float32(high - low), 0, 1), dtype=np.float32)


def _hue(hue: Floats, start: float, full: float, end: float, stop: float) -> Floats:
    """Fit to a band of hues in degrees: 1 from ``full`` to ``end``, falling to 0 at ``start`` and ``stop``."""
    turned = np.mod(hue - np.float32(start), np.float32(360)) + np.float32(start)
    return _rise(turned, start, full) * (1 - _rise(turned, end, stop))
