"""Region J and boundary F of DAVIS (Perazzi et al., CVPR 2016), equal to the official code to the last bit.

A boundary map is kept as one long integer, a bit for each pixel, row after row. Shifting it moves the whole map, so that
growing it by a disk takes a few shifts, and counting common pixels takes one ``&``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from math import ceil, hypot, isqrt

import cv2
import numpy as np

from alref.arrays import Mask

_TOLERANCE = 0.008


@dataclass(frozen=True)
class Shape:
    """A mask, bool (H, W), with its ``area``, its ``outline`` as bits, the outline's ``length``, and the bits ``near`` it."""

    mask: Mask
    area: int
    outline: int
    length: int
    near: int


def shapes(masks: Sequence[Mask]) -> list[Shape]:
    """Measure masks of one frame, bool (H, W) each, together, so that they can be compared with each other."""
    height, width = masks[0].shape
    radius = ceil(_TOLERANCE * hypot(height, width))
    rows, columns = _around(masks)
    return [_shape(mask[rows, columns], radius) for mask in masks]


def region(one: Shape, other: Shape) -> float:
    """J: intersection over union, 1 if both are empty."""
    common = int(np.count_nonzero(one.mask & other.mask))
    union = one.area + other.area - common
    return common / union if union else 1.0


def boundary(truth: Shape, predicted: Shape) -> float:
    """F: harmonic mean of precision and recall of the outlines, 0.8 % of the diagonal being near enough."""
    if not (truth.length and predicted.length):
        return float(truth.length == predicted.length)
    precision = (predicted.outline & truth.near).bit_count() / predicted.length
    recall = (truth.outline & predicted.near).bit_count() / truth.length
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _around(masks: Sequence[Mask]) -> tuple[slice, slice]:
    """Rows and columns that hold all masks with a pixel around them, as far as the frame goes."""
    together = reduce(np.logical_or, masks)
    left, top, width, height = cv2.boundingRect(together.view(np.uint8))
    return slice(max(top - 1, 0), top + height + 1), slice(max(left - 1, 0), left + width + 1)


def _shape(mask: Mask, radius: int) -> Shape:
    stride = mask.shape[1] + radius
    outline = _bits(_outline(mask), stride)
    return Shape(mask, int(np.count_nonzero(mask)), outline, outline.bit_count(), _grown(outline, radius, stride))


def _outline(mask: Mask) -> Mask:
    """Pixels that differ from their right, lower or lower right neighbour; those that the frame lacks do not count."""
    outline = np.zeros_like(mask)
    outline[:, :-1] = mask[:, :-1] != mask[:, 1:]
    outline[:-1] |= mask[:-1] != mask[1:]
    outline[:-1, :-1] |= mask[:-1, :-1] != mask[1:, 1:]
    return outline


def _bits(mask: Mask, stride: int) -> int:
    """Pixel (y, x) becomes bit y * stride + x."""
    wide = np.zeros((mask.shape[0], stride), np.bool_)
    wide[:, : mask.shape[1]] = mask
    return int.from_bytes(np.packbits(wide, bitorder="little").tobytes(), "little")


def _grown(outline: int, radius: int, stride: int) -> int:
    """Add all pixels within ``radius`` of a set one; what leaves a row falls into the ``radius`` empty columns after it."""
    wider = [outline]
    for step in range(1, radius + 1):
        wider.append(wider[-1] | outline << step | outline >> step)
    grown = wider[radius]
    for step in range(1, radius + 1):
        row, shift = wider[isqrt(radius**2 - step**2)], step * stride
        grown |= row << shift | row >> shift
    return grown
