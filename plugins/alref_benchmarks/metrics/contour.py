"""Region J and boundary F of DAVIS (Perazzi et al., CVPR 2016), equal to the official code to the last bit.

A mask is kept as one long integer, a bit for each pixel, row after row. Shifting it moves the whole mask, so that its outline,
and all that is near the outline, take a few shifts each, and counting common pixels takes one ``&``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from math import ceil, hypot, isqrt

import cv2
import numpy as np
import numpy.typing as npt

from alref.utils.masks import Mask

_TOLERANCE = 0.008


@dataclass(frozen=True)
class MaskContour:
    """The pixels of a mask, of its outline, and of all that is near the outline, as bits."""

    pixels: int
    outline: int
    near_outline: int

    @property
    def area(self) -> int:
        """Number of pixels in the mask."""
        return self.pixels.bit_count()


def build_contours(masks: Sequence[Mask], frame_size: tuple[int, ...] = ()) -> list[MaskContour]:
    """Measure masks of one frame, bool (H, W) each, together, so that they can be compared with each other.

    ``frame`` is the size (H, W) of the whole frame, if they are what lies ``around`` them.
    """
    radius = ceil(_TOLERANCE * hypot(*(frame_size or masks[0].shape)))
    rows, columns = find_crop(masks)
    crops = [mask[rows, columns] for mask in masks]
    inside = _pack_bits(np.ones(crops[0].shape, np.bool_), 0, radius, cv2.BORDER_CONSTANT)
    return [_build_contour(crop, inside, radius) for crop in crops]


def find_crop(maps: Sequence[Mask | npt.NDArray[np.uint8]]) -> tuple[slice, slice]:
    """Rows and columns that hold all that is not zero with a pixel around it, as far as the frame goes."""
    together = reduce(np.bitwise_or, [each.view(np.uint8) for each in maps])
    left, top, width, height = cv2.boundingRect(together)
    return slice(max(top - 1, 0), top + height + 1), slice(max(left - 1, 0), left + width + 1)


def compute_region_j(one: MaskContour, other: MaskContour) -> float:
    """J: intersection over union, 1 if both are empty."""
    union = (one.pixels | other.pixels).bit_count()
    return (one.pixels & other.pixels).bit_count() / union if union else 1.0


def compute_boundary_f(truth: MaskContour, predicted: MaskContour) -> float:
    """F: harmonic mean of precision and recall of the outlines, 0.8 % of the diagonal being near enough."""
    if not (truth.outline and predicted.outline):
        return float(truth.outline == predicted.outline)
    precision = (predicted.outline & truth.near_outline).bit_count() / predicted.outline.bit_count()
    recall = (truth.outline & predicted.near_outline).bit_count() / truth.outline.bit_count()
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _build_contour(mask: Mask, inside: int, radius: int) -> MaskContour:
    """Find pixels that differ from their right, lower or lower right neighbor; the last row and column repeat for ever."""
    stride = mask.shape[1] + radius
    wide = _pack_bits(mask, 1, radius, cv2.BORDER_REPLICATE)
    outline = (wide ^ wide >> 1 | wide ^ wide >> stride | wide ^ wide >> stride + 1) & inside
    return MaskContour(wide & inside, outline, _grow_outline(outline, radius, stride))


def _pack_bits(mask: Mask, below: int, right: int, border: int) -> int:
    """Pixel (y, x) becomes bit y * (W + right) + x; ``border`` says how rows ``below`` and columns ``right`` are filled."""
    wide = np.asarray(cv2.copyMakeBorder(mask.view(np.uint8), 0, below, 0, right, border), np.uint8)
    return int.from_bytes(np.packbits(wide, bitorder="little").tobytes(), "little")


def _grow_outline(outline: int, radius: int, stride: int) -> int:
    """Add all pixels within ``radius`` of a set one; what leaves a row falls into the ``radius`` empty columns after it."""
    spans = [outline, outline | outline << 1 | outline << 2]
    while len(spans) <= radius:
        spans.append(spans[-1] | spans[-1] << 2)
    grown = spans[radius] >> radius
    for rows in range(1, radius + 1):
        half, shift = isqrt(radius**2 - rows**2), rows * stride
        grown |= spans[half] << shift - half | spans[half] >> shift + half
    return grown
