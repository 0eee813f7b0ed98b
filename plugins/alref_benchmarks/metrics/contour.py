"""Region J and boundary F of DAVIS (Perazzi et al., CVPR 2016), equal to the official code to the last bit.

A mask is stored as one long integer with one bit per pixel, row by row. Shifts move the whole mask, so the contour and its
dilation take a few shifts each, and counting common pixels takes one ``&``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, hypot, isqrt

import cv2
import numpy as np
import numpy.typing as npt

from alref.utils.masks import Mask

_TOLERANCE = 0.008


@dataclass(frozen=True)
class MaskContour:
    """A mask, its contour, and the dilated contour, as bits."""

    pixels: int
    outline: int
    near_outline: int

    @property
    def area(self) -> int:
        """Number of pixels in the mask."""
        return self.pixels.bit_count()


def build_contours(masks: Sequence[Mask], frame_size: tuple[int, ...] = ()) -> list[MaskContour]:
    """Encode masks of one frame, bool (H, W) each, with a common crop, so that they can be compared.

    ``frame_size`` is the size (H, W) of the whole frame if the masks are crops of it.
    """
    radius = ceil(_TOLERANCE * hypot(*(frame_size or masks[0].shape)))
    rows, columns = find_crop(masks)
    crops = [mask[rows, columns] for mask in masks]
    inside = _pack_bits(np.ones(crops[0].shape, np.bool_), 0, radius, cv2.BORDER_CONSTANT)
    return [_build_contour(crop, inside, radius) for crop in crops]


def find_crop(maps: Sequence[Mask | npt.NDArray[np.uint8]]) -> tuple[slice, slice]:
    """Return the rows and columns that contain all nonzero pixels and a margin of one pixel inside the frame."""
    boxes = [cv2.boundingRect(each.view(np.uint8)) for each in maps]
    used = [(left, top, left + width, top + height) for left, top, width, height in boxes if width]
    left, top, right, bottom = (
        (pick(ends) for pick, ends in zip((min, min, max, max), zip(*used, strict=True), strict=True)) if used else (0,) * 4
    )
    return slice(max(top - 1, 0), bottom + 1), slice(max(left - 1, 0), right + 1)


def compute_region_j(one: MaskContour, other: MaskContour) -> float:
    """Return J: intersection over union, 1 if both masks are empty."""
    union = (one.pixels | other.pixels).bit_count()
    return (one.pixels & other.pixels).bit_count() / union if union else 1.0


def compute_boundary_f(truth: MaskContour, predicted: MaskContour) -> float:
    """Return F: harmonic mean of boundary precision and recall, with a tolerance of 0.8 % of the diagonal."""
    if not (truth.outline and predicted.outline):
        return float(truth.outline == predicted.outline)
    precision = (predicted.outline & truth.near_outline).bit_count() / predicted.outline.bit_count()
    recall = (truth.outline & predicted.near_outline).bit_count() / truth.outline.bit_count()
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _build_contour(mask: Mask, inside: int, radius: int) -> MaskContour:
    """Mark pixels that differ from their right, lower or lower right neighbor; the last row and column are replicated."""
    stride = mask.shape[1] + radius
    wide = _pack_bits(mask, 1, radius, cv2.BORDER_REPLICATE)
    outline = (wide ^ wide >> 1 | wide ^ wide >> stride | wide ^ wide >> stride + 1) & inside
    return MaskContour(wide & inside, outline, _grow_outline(outline, radius, stride))


def _pack_bits(mask: Mask, below: int, right: int, border: int) -> int:
    """Map pixel (y, x) to bit y * (W + right) + x; ``border`` is the fill mode of ``below`` rows and ``right`` columns."""
    wide = np.asarray(cv2.copyMakeBorder(mask.view(np.uint8), 0, below, 0, right, border), np.uint8)
    return int.from_bytes(np.packbits(wide, bitorder="little").tobytes(), "little")


def _grow_outline(outline: int, radius: int, stride: int) -> int:
    """Dilate by ``radius``; bits that leave a row fall into the ``radius`` empty columns after it."""
    spans = [outline, outline | outline << 1 | outline << 2]
    while len(spans) <= radius:
        spans.append(spans[-1] | spans[-1] << 2)
    grown = spans[radius] >> radius
    for rows in range(1, radius + 1):
        half, shift = isqrt(radius**2 - rows**2), rows * stride
        grown |= spans[half] << shift - half | spans[half] >> shift + half
    return grown
