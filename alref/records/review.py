"""Records of the review: what a reviewer sees of the masks, and the repairs that followed."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from alref.records.base import Record, Text
from alref.records.decisions import Decision
from alref.records.references import Phrase

FrameAnswer = Literal["yes", "no", "unclear"]


class MaskReview(Decision):
    """Whether the mask of a track is on the object, on each of ``frames``: yes, no, or unclear, with one reason for each.

    ``no`` needs a reason that states what the mask is on instead; a doubt is ``unclear``. ``track`` is the place of the track
    in the result, and ``round`` counts the rounds of the review from 1; the engine sets both.
    """

    phrase: Phrase
    track: int = Field(default=0, ge=0)
    round: int = Field(default=1, ge=1)
    frames: tuple[int, ...]
    answers: tuple[FrameAnswer, ...]
    reasons: tuple[Text, ...]

    def _check_fields(self) -> None:
        for name, values in (("answers", self.answers), ("reasons", self.reasons)):
            if len(values) != len(self.frames):
                raise ValueError(f"{name}: expected {len(self.frames)}, one for each frame, got {len(values)}")


class BehaviorReview(Decision):
    """Whether the words of a track describe what its object does: fits, contradicted with evidence in ``why``, or unsure."""

    phrase: Phrase
    track: int = Field(default=0, ge=0)
    verdict: Literal["fits", "contradicted", "unsure"]
    frames: tuple[int, ...] = ()


class MaskRepair(Record):
    """Frames ``first`` to ``last`` of a track that were propagated again from ``keys``, frames that the review confirmed.

    The new masks were taken (``accepted``) only if the review confirmed them too; else the earlier ones stay.
    """

    track: int = Field(ge=0)
    round: int = Field(ge=1)
    first: int = Field(ge=0)
    last: int = Field(ge=0)
    keys: tuple[int, ...]
    accepted: bool
    why: Text
