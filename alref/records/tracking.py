"""Records of the order ``tracks``: nouns, the tracks that a tracker finds, and what a reasoner decides about each of them."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from alref.records.base import Record, Text
from alref.records.decisions import Decision
from alref.records.references import Phrase
from alref.utils.masks import Rle, decode_mask


class Concept(Decision):
    """The noun of a phrase that a tracker searches for: ``noun``, and a more general one, empty if there is none.

    ``reasoning`` says that the phrase names no visible kind of thing, so that the noun is an answer and not a word of it.
    ``attempt`` counts from 1; later ones follow nouns of which no track was found.
    """

    phrase: Phrase
    noun: Text = Field(min_length=1)
    broader: Text = ""
    reasoning: bool = False
    attempt: int = Field(default=1, ge=1)

    @property
    def nouns(self) -> tuple[str, ...]:
        """The noun, and the more general one if there is one, as a tracker gets them: in lower case, with single spaces."""
        return tuple(dict.fromkeys(" ".join(noun.lower().split()) for noun in (self.noun, self.broader) if noun.strip()))

    def _check_fields(self) -> None:
        if not self.noun.strip():
            raise ValueError("noun: expected a word, got only spaces")


class ObjectTrack(Record):
    """A track of one object that a tracker found for ``noun``: a mask and a score for every frame, ``score`` of the object.

    ``scores`` of frames are from 0 to 1. ``id`` counts from 1 within the tracks of one video and noun. A frame whose mask is
    empty is a frame without the object.
    """

    id: int = Field(ge=1)
    noun: Text = Field(min_length=1)
    score: float
    rles: tuple[Rle, ...]
    scores: tuple[float, ...]

    def __repr__(self) -> str:
        return f"ObjectTrack({self.id}, {self.noun!r}, {len(self.frames)} of {len(self.rles)} frames)"

    __str__ = __repr__

    def _check_fields(self) -> None:
        if len(self.rles) != len(self.scores):
            raise ValueError(f"scores: expected {len(self.rles)}, one for each mask, got {len(self.scores)}")

    @property
    def frames(self) -> list[int]:
        """The frames with a mask, in order."""
        return [frame for frame, rle in enumerate(self.rles) if rle.area]

    def decode_mask(self, frame: int) -> npt.NDArray[np.bool_]:
        """Decode the mask of one frame, bool (H, W)."""
        return decode_mask(self.rles[frame])


class TrackCandidates(Record):
    """The tracks of one phrase that are not decided yet, in round ``round``, counted from 1."""

    phrase: Phrase
    tracks: tuple[ObjectTrack, ...]
    round: int = Field(default=1, ge=1)


class TrackChoice(Decision):
    """What a reasoner decides about one track of a phrase: accept, reject, or uncertain, with the frames that it was shown.

    ``noun`` is that of the track; the engine sets it.
    """

    phrase: Phrase
    noun: Text = ""
    track: int = Field(ge=1)
    choice: Literal["accept", "reject", "uncertain"]
    round: int = Field(default=1, ge=1)
    frames: tuple[int, ...] = ()


class ExistenceAudit(Decision):
    """Whether what a phrase describes is in the video: ``found``, or ``absent`` with the evidence that contradicts it.

    ``criterion`` is what the evidence is about.
    """

    phrase: Phrase
    criterion: Literal["", "category", "count", "action", "trajectory", "order", "role"] = ""
