"""What a person puts right in a finished run, and what was computed for it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from pydantic import Field

from alref.records.base import Record
from alref.records.references import Prompt, Reference
from alref.utils.masks import Rle

CorrectionAction = Literal["prompt", "confirm", "name", "remove", "add", "restore", "cancel"]


class Correction(Record):
    """One line of ``corrections.jsonl``: what the user decided, as revision ``revision`` of the result, counted from 1.

    ``time`` is the time of day in UTC, ISO 8601. ``object`` is the id of the object. ``prompt`` is what was given on a frame;
    ``frame`` the confirmed frame; ``name`` a new name; ``reference`` what was added; ``restored`` the revision that the result
    returns to. ``frames`` are those computed before the correction of the previous line was canceled.
    """

    revision: int = Field(ge=1)
    time: str
    action: CorrectionAction
    object: str = ""
    prompt: Prompt | None = None
    frame: int | None = Field(default=None, ge=0)
    name: str = Field(default="", max_length=2000)
    reference: Reference | None = None
    restored: int | None = Field(default=None, ge=0)
    frames: tuple[int, ...] = ()


class TrackChange(Record):
    """The masks and scores that a correction changed in one track, number ``track`` of the result, counted from 0.

    ``keeps_start`` says whether the frames from which the models started are still taken to be right.
    """

    track: int = Field(ge=0)
    frames: tuple[int, ...]
    rles: tuple[Rle, ...]
    scores: tuple[float, ...]
    keeps_start: bool = True

    def __repr__(self) -> str:
        return f"TrackChange({self.track}, {len(self.frames)} frames)"

    __str__ = __repr__

    def keep_frames(self, frames: Collection[int]) -> TrackChange:
        """Return the change of these frames only."""
        rows = [row for row, frame in enumerate(self.frames) if frame in frames]
        kept = {name: tuple(getattr(self, name)[row] for row in rows) for name in ("frames", "rles", "scores")}
        return self.model_copy(update=kept)
