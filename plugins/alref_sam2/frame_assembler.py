"""Assemble the masks of several objects, which become known at different times, into frames."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from alref import FrameMasks, Mask, Rle, decode_mask, encode_mask
from alref.utils.logit_maps import FAR_LOGIT, Floats

ScoredMask = tuple[Mask | Rle, float]


class FrameAssembler:
    """Collects the masks of ``count`` objects in frames of ``size`` (height, width); objects without masks are absent.

    Masks of an incomplete frame are stored run-length encoded.
    """

    def __init__(self, count: int, expected: Sequence[int], size: tuple[int, int]) -> None:
        self._count, self._expected, self._size = count, set(expected), size
        self._waiting: dict[int, dict[int, ScoredMask]] = {}
        self._logits: dict[int, dict[int, Floats]] = {}

    def add_masks(
        self, frame: int, found: dict[int, tuple[Mask, float]], logits: dict[int, Floats] | None = None
    ) -> FrameMasks | None:
        """Add masks by object, and their logits (h, w) if they are asked for; return the frame when it is complete."""
        if logits:
            self._logits.setdefault(frame, {}).update(logits)
        known = self._waiting.pop(frame, {}) | found
        if known.keys() >= self._expected:
            return self.build_frame(frame, known)
        self._waiting[frame] = {
            row: (mask if isinstance(mask, Rle) else encode_mask(mask), score) for row, (mask, score) in known.items()
        }
        return None

    def build_frame(self, frame: int, known: dict[int, ScoredMask]) -> FrameMasks:
        """Return a frame with the masks that are known."""
        masks, scores = np.zeros((self._count, *self._size), np.bool_), np.zeros(self._count, np.float32)
        for row, (mask, score) in known.items():
            masks[row], scores[row] = decode_mask(mask) if isinstance(mask, Rle) else mask, score
        return FrameMasks(frame=frame, masks=masks, scores=scores, logits=self._stack_logits(self._logits.pop(frame, {})))

    def _stack_logits(self, known: dict[int, Floats]) -> Floats | None:
        """Stack the logits of all objects; those of an absent one are far below the background."""
        if not known:
            return None
        absent = np.full_like(next(iter(known.values())), FAR_LOGIT)
        return np.stack([known.get(row, absent) for row in range(self._count)])
