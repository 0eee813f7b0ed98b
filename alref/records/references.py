"""What the user points with, and its words: references, transcripts and phrases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import (
    Field,
    model_validator,
)

from alref.records.base import (
    ArrayRecord,
    FilePath,
    Record,
    Text,
    TimeSpan,
)
from alref.utils.masks import (
    BoxArray,
    MaskArray,
    SamplesArray,
)

MAX_ID_LENGTH = 200


class Audio(ArrayRecord):
    """Audio: ``samples`` float32 (N,) mono in about -1..1, ``rate`` in Hz, ``start`` in seconds on the video's clock."""

    samples: SamplesArray
    rate: int = Field(gt=0)
    start: float = 0.0


class Recording(Record):
    """An audio file by its path, and the digest of its content that keys cached outputs."""

    path: FilePath
    fingerprint: str


class Reference(ArrayRecord):
    """What the user points with: text, a spoken sentence, the audio track, or a box or mask that replaces a reasoned pivot.

    ``sound`` together with a text or a spoken sentence combines both: "the louder one". ``box`` is float32 (4,) ``xyxy`` in
    pixels of frame ``frame``; ``mask`` is bool (H, W) of that frame. With either, no reasoning runs: the object is propagated
    from there, and ``text`` is only its name.

    ``id`` identifies it in results; by default it is the text, or ``"reference"`` without a text. If several references have
    one such default id, the engine numbers all but the first: ``"reference-2"``.
    """

    id: str = Field(default="", min_length=1, max_length=MAX_ID_LENGTH)
    text: str = Field(default="", max_length=2000)
    spoken: Recording | None = None
    sound: bool = False
    box: BoxArray | None = None
    mask: MaskArray | None = None
    frame: int = Field(default=0, ge=0)

    @model_validator(mode="before")
    @classmethod
    def _set_default_id(cls, data: Any) -> Any:
        if isinstance(data, Mapping) and "id" not in data:
            return {**data, "id": make_default_id(str(data.get("text") or ""))}
        return data

    @property
    def has_default_id(self) -> bool:
        """Return whether the id is the default one, so that it may be changed if another reference has it too."""
        return self.id == make_default_id(self.text)

    @property
    def has_prompt(self) -> bool:
        """Return whether a box or a mask is given, so that no reasoning is needed."""
        return self.box is not None or self.mask is not None

    @property
    def title(self) -> str:
        """The title to display: its text, or a description without one."""
        sound = "the sound" if self.sound else ""
        words = self.text.strip() or (self.spoken.path.name if self.spoken else sound)
        return words or f"{'box' if self.mask is None else 'mask'} on frame {self.frame}"

    def _check_fields(self) -> None:
        if not (self.text.strip() or self.spoken or self.sound or self.has_prompt):
            raise ValueError("expected a text, a spoken sentence, sound, a box or a mask, got none of them")
        if self.text.strip() and self.spoken:
            raise ValueError(f"expected a text or a spoken sentence, got both: {self.text!r} and {self.spoken.path}")


def make_default_id(text: str) -> str:
    """Return the default id of a reference with this text."""
    return text.strip()[:MAX_ID_LENGTH].strip() or "reference"


class Transcript(Record):
    """A transcript of a spoken reference: ``text``, its ``language`` as a code such as "en", and its time span in seconds."""

    reference: str
    text: Text
    language: str = ""
    span: TimeSpan | None = None


class Phrase(Record):
    """A reference in words: the whole ``text``, the ``category`` that a detector gets, and the seconds in which it sounds.

    ``sound`` is True if it names a sound that a tagger found, not an object from the user's text. ``sounds`` are names of
    sounds in the audio, given with a text, most confident first. ``heard`` are seconds in which the object sounds; None means
    the whole video. ``warnings`` list what was not understood.
    """

    reference: str
    text: Text = Field(min_length=1)
    category: Text = ""
    score: float = 1.0
    sound: bool = False
    sounds: tuple[str, ...] = ()
    heard: tuple[TimeSpan, ...] | None = None
    warnings: tuple[str, ...] = ()
