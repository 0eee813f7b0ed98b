"""Frames of a case side by side, checked against each other."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest

import numpy as np

from alref.errors import InputError
from alref.scoring import Case
from alref.scoring import Map as Frame


def pairs(where: str, case: Case) -> Iterator[tuple[Frame, Frame]]:
    """Yield (truth, predicted) frame by frame. Raises InputError if one is missing or of another size."""
    if case.predicted is None:
        raise InputError(f"{where}: expected predicted masks, got none; predict this video or leave it out")
    number = -1
    for number, (truth, predicted) in enumerate(zip_longest(case.truth, case.predicted)):
        if truth is None or predicted is None:
            lacking = "true" if truth is None else "predicted"
            raise InputError(f"{where}: frame {number} has no {lacking} mask; expected both for every frame")
        yield truth, fitting(f"{where}, frame {number}", truth, predicted)
    if number < 0:
        raise InputError(f"{where}: expected masks, got not a single frame")


def fitting(where: str, truth: Frame, predicted: Frame) -> Frame:
    """Return ``predicted``. Raises InputError if it is not (H, W) as the truth is, or has a logit that is no number."""
    if truth.ndim != 2 or truth.shape != predicted.shape:
        expected, got = ("x".join(map(str, frame.shape)) for frame in (truth, predicted))
        raise InputError(f"{where}: expected masks of one height and width, got a true one of {expected} and a predicted {got}")
    if predicted.dtype.kind == "f" and np.isnan(predicted).any():
        raise InputError(f"{where}: expected masks or logits, got NaN; write infinity where a pixel is sure")
    return predicted
