"""Pair the true and predicted frames of a case, and check that they match."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import zip_longest

import numpy as np
import numpy.typing as npt

from alref import Case, InputError, Mask
from alref.components.scores import LabelMap as Frame

Labels = npt.NDArray[np.uint8]
FramePair = tuple[Frame | None, Frame | None]


def iterate_frame_pairs(where: str, case: Case, include_ends: bool = True, side: int = 0) -> Iterator[tuple[Frame, Frame]]:
    """Yield (truth, predicted) frame by frame. Raises InputError if one is missing or of another size.

    Without ``include_ends`` the predictions for the first and last frame are replaced by empty masks. Predictions may
    also be squares of ``side``, if the official test scores them so.
    """
    if case.predicted is None:
        raise InputError(f"{where}: expected predicted masks, got none; predict this video or exclude it")
    number = -1
    both = zip_longest(case.truth, case.predicted)
    for number, (truth, predicted) in enumerate(both if include_ends else _clear_ends(both)):
        if truth is None or predicted is None:
            missing = "true" if truth is None else "predicted"
            raise InputError(f"{where}: frame {number} has no {missing} mask; expected both for every frame")
        yield truth, check_predicted(f"{where}, frame {number}", truth, predicted, side)
    if number < 0:
        raise InputError(f"{where}: expected masks, got no frames")


def _clear_ends(both: Iterable[FramePair]) -> Iterator[FramePair]:
    """Replace the predictions for the first and last frame by empty masks."""
    held: FramePair | None = None
    for pair in both:
        if held is not None:
            yield held
        held = _clear_predicted(*pair) if held is None else pair
    if held is not None:
        yield _clear_predicted(*held)


def _clear_predicted(truth: Frame | None, _: Frame | None) -> FramePair:
    return truth, None if truth is None else np.zeros_like(truth)


def check_predicted(where: str, truth: Frame, predicted: Frame, side: int = 0) -> Frame:
    """Return ``predicted``. Raises InputError if it is not of the truth's size or a square of ``side``, or has a NaN."""
    if truth.ndim != 2 or predicted.shape not in (truth.shape, (side, side)):
        true, found = ("x".join(map(str, frame.shape)) for frame in (truth, predicted))
        wanted = "masks of one size" + (f" or predictions of {side}x{side}" if side else "")
        raise InputError(f"{where}: expected {wanted}, got truth of {true} and prediction of {found}")
    if predicted.dtype.kind == "f" and np.isnan(predicted).any():
        raise InputError(f"{where}: expected masks or logits, got NaN; use infinity for certain pixels")
    return predicted


def to_foreground(frame: Frame) -> Mask:
    """Return the nonzero pixels, bool (H, W); a bool frame is returned as it is."""
    return frame.astype(np.bool_, copy=False)


def to_weights(truth: Frame) -> Frame:
    """Return how much each true pixel counts: bool (H, W), or floats 0..1 as they are."""
    return truth if truth.dtype.kind == "f" else to_foreground(truth)


def to_label_map(expected: str, where: str, frame: Frame, highest: int) -> Labels:
    """Return ``frame`` as uint8. Raises InputError if it is not integers 0..``highest``; ``expected`` describes them."""
    least, most = frame.min(initial=0), frame.max(initial=0)
    if frame.dtype.kind not in "bui" or least < 0 or most > highest:
        raise InputError(f"{where}: expected a map of {expected}, got {frame.dtype} of {least}..{most}")
    return frame.astype(np.uint8, copy=False)
