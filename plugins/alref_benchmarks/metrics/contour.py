"""Region J and boundary F of DAVIS (Perazzi et al., CVPR 2016), equal to the official code to the last bit.

Masks are stored with one bit per pixel, in words of 64 bits. A shift of all words moves the masks sideways, a slice of the
rows moves them up or down, so the contours and their dilation take a few operations for all masks together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, hypot, isqrt
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from alref import Mask

Words = npt.NDArray[np.uint64]
Counts = npt.NDArray[np.int64]
Scores = npt.NDArray[np.float64]
_TOLERANCE = 0.008
_WORD, _BITS = np.dtype("<u8"), 64


@dataclass(frozen=True)
class MaskContours:
    """Masks, their contours, and the dilated contours, as bits (N, rows, words), and the pixels of the first two, (N,).

    After the last column of a row, only ``near_outlines`` can have bits.
    """

    pixels: Words
    outlines: Words
    near_outlines: Words
    areas: Counts
    lengths: Counts

    def select(self, index: Any) -> MaskContours:
        """Return some of the masks, chosen by an index of NumPy; it can add axes in front of (rows, words)."""
        return MaskContours(*(each[index] for each in vars(self).values()))


def build_contours(masks: Sequence[Mask], frame_size: tuple[int, ...] = ()) -> MaskContours:
    """Encode masks, bool (H, W) each, with a common crop, so that they can be compared.

    ``frame_size`` is the size (H, W) of the whole frame if the masks are crops of it.
    """
    radius = ceil(_TOLERANCE * hypot(*(frame_size or masks[0].shape)))
    rows, columns = find_crop(masks)
    pixels, outlines = _trace_outlines([mask[rows, columns] for mask in masks], radius)
    return MaskContours(pixels, outlines, _grow_outlines(outlines, radius), _count_bits(pixels), _count_bits(outlines))


def find_crop(maps: Sequence[Mask | npt.NDArray[np.uint8]]) -> tuple[slice, slice]:
    """Return the rows and columns that contain all nonzero pixels and a margin of one pixel inside the frame."""
    used = maps[0].copy()
    for each in maps[1:]:
        used |= each
    left, top, width, height = cv2.boundingRect(used.view(np.uint8))
    return slice(max(top - 1, 0), top + height + 1), slice(max(left - 1, 0), left + width + 1)


def compute_region_j(one: MaskContours, other: MaskContours) -> Scores:
    """Return J of pairs of masks, float64 (N,): intersection over union, 1 if both masks are empty."""
    common = _count_bits(one.pixels & other.pixels)
    union = one.areas + other.areas - common
    return np.asarray(np.divide(common, union, out=np.ones(union.shape), where=union > 0), np.float64)


def compute_boundary_f(truth: MaskContours, predicted: MaskContours) -> Scores:
    """Return F of pairs, float64 (N,): harmonic mean of boundary precision and recall, within 0.8 % of the diagonal.

    If only one of the two masks has a contour, F is 0; if none has, it is 1.
    """
    precision = _count_bits(predicted.outlines & truth.near_outlines) / np.maximum(predicted.lengths, 1)
    recall = _count_bits(truth.outlines & predicted.near_outlines) / np.maximum(truth.lengths, 1)
    total = precision + recall
    means = np.divide(2 * precision * recall, total, out=np.zeros(total.shape), where=total > 0)
    return np.where((truth.lengths == 0) & (predicted.lengths == 0), 1.0, means)


def _count_bits(words: Words) -> Counts:
    return np.asarray(np.bitwise_count(words).sum(axis=(-2, -1), dtype=np.int64))


def _trace_outlines(masks: Sequence[Mask], radius: int) -> tuple[Words, Words]:
    """Return masks (N, H, W) and their outlines as bits (N, H, words), with at least ``radius`` empty bits after each row.

    The outline is the pixels that differ from the right, lower or lower right one; the last row and column are replicated.
    """
    height, width = masks[0].shape
    padded = -(-(width + radius) // _BITS) * _BITS
    wide = np.empty((len(masks), height + 1, padded), np.uint8)
    for mask, target in zip(masks, wide, strict=True):
        cv2.copyMakeBorder(mask.view(np.uint8), 0, 1, 0, padded - width, cv2.BORDER_REPLICATE, dst=target)
    here = np.packbits(wide, axis=2, bitorder="little").view(_WORD)
    right = _shift_down(here, 1)
    inside = np.packbits(np.arange(padded) < width, bitorder="little").view(_WORD)
    this, below = here[:, :-1], here[:, 1:]
    differs = (this ^ right[:, :-1]) | (this ^ below) | (this ^ right[:, 1:])
    return this & inside, differs & inside


def _grow_outlines(outlines: Words, radius: int) -> Words:
    """Dilate by a disk of ``radius``. Bits that leave a row fall into the empty bits after it or after the row above."""
    spans = [outlines, outlines | _shift_up(outlines, 1) | _shift_up(outlines, 2)]
    while len(spans) <= radius:
        spans.append(spans[-1] | _shift_up(spans[-1], 2))
    grown = _shift_down(spans[radius], radius)
    centered: dict[int, Words] = {}
    for rows in range(1, min(radius, outlines.shape[1] - 1) + 1):
        half = isqrt(radius**2 - rows**2)
        if half not in centered:
            centered[half] = _shift_down(spans[half], half)
        grown[:, rows:] |= centered[half][:, :-rows]
        grown[:, :-rows] |= centered[half][:, rows:]
    return grown


def _shift_up(words: Words, count: int) -> Words:
    """Move all bits by ``count`` places up, to the right in the image; ``count`` is less than 64."""
    flat = words.ravel()
    moved = np.left_shift(flat, _WORD.type(count))
    moved[1:] |= flat[:-1] >> (_BITS - count)
    return moved.reshape(words.shape)


def _shift_down(words: Words, count: int) -> Words:
    """Move all bits by ``count`` places down, to the left in the image."""
    skipped, rest = divmod(count, _BITS)
    flat = np.append(words.ravel()[skipped:], np.zeros(skipped + 1, _WORD))
    moved = np.right_shift(flat[:-1], _WORD.type(rest))
    if rest:
        moved |= flat[1:] << (_BITS - rest)
    return moved.reshape(words.shape)
