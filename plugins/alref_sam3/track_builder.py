"""Collect the masks of objects by frame, and make tracks of them."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

import numpy as np

from alref import ObjectTrack, Rle, encode_mask


@dataclass
class _Object:
    """One object: its noun, its score, and its masks and scores by frame."""

    noun: str
    score: float
    masks: dict[int, tuple[Rle, float]] = field(default_factory=dict)


class TrackBuilder:
    """Tracks of a video of ``length`` frames of ``size`` (height, width) pixels; masks are kept run-length encoded."""

    def __init__(self, length: int, size: tuple[int, int]) -> None:
        self._length = length
        self._empty = encode_mask(np.zeros(size, np.bool_))
        self._objects: dict[Hashable, _Object] = {}

    def add_mask(self, key: Hashable, noun: str, frame: int, mask: Rle, frame_score: float, score: float) -> None:
        """Add the mask of an object on one frame, with its score there; ``score`` is that of the object from now on.

        A mask without a pixel is left out: an object without any mask has no track.
        """
        if not mask.area:
            return
        found = self._objects.setdefault(key, _Object(noun, score))
        found.score = score
        found.masks[frame] = mask, frame_score

    def build_tracks(self, nouns: Sequence[str]) -> list[ObjectTrack]:
        """Return the tracks of each noun, in the order of the nouns, each with ids from 1, best score first."""
        nowhere = self._empty, 0.0
        ordered = sorted(self._objects.values(), key=lambda each: -each.score)
        tracks: list[ObjectTrack] = []
        for noun in dict.fromkeys(nouns):
            for number, found in enumerate([each for each in ordered if each.noun == noun], 1):
                rles, scores = zip(*(found.masks.get(frame, nowhere) for frame in range(self._length)), strict=True)
                tracks.append(ObjectTrack(id=number, noun=noun, score=found.score, rles=rles, scores=scores))
        return tracks
