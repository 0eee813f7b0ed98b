"""What the user points with, and its words: references, transcripts and phrases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
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
    LabelsArray,
    MaskArray,
    PointsArray,
    SamplesArray,
)
from alref.utils.prompt_kinds import PROMPT_KINDS, PromptKind

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


class Prompt(ArrayRecord):
    """What a person gives for one object on one frame: a box, a mask, points, or that the object is absent there.

    ``box`` is float32 (4,) ``xyxy`` and ``points`` float32 (K, 2) ``x, y``, in pixels of frame ``frame``. ``labels`` bool (K,)
    say which points are on the object; the others are on something else. By default all are on it. ``mask`` is bool (H, W).
    Points may stand beside a box, which they explain, or beside a mask, which they correct.
    """

    frame: int = Field(default=0, ge=0)
    box: BoxArray | None = None
    mask: MaskArray | None = None
    points: PointsArray | None = None
    labels: LabelsArray | None = None
    absent: bool = False

    @model_validator(mode="before")
    @classmethod
    def _label_points(cls, data: Any) -> Any:
        points = data.get("points") if isinstance(data, Mapping) and data.get("labels") is None else None
        return {**data, "labels": np.ones(len(points), np.bool_)} if isinstance(points, (list, tuple, np.ndarray)) else data

    @property
    def kinds(self) -> frozenset[PromptKind]:
        """The kinds of what is given."""
        given = {"box": self.box is not None, "mask": self.mask is not None, "points": self.points is not None}
        return frozenset(kind for kind in PROMPT_KINDS if given.get(kind, self.absent))

    def describe(self) -> str:
        """Return what is given, in words: ``a box``, ``a mask and 2 points``, ``absent``."""
        count = 0 if self.points is None else len(self.points)
        words = {"box": "a box", "mask": "a mask", "points": "1 point" if count == 1 else f"{count} points", "absent": "absent"}
        return " and ".join(words[kind] for kind in PROMPT_KINDS if kind in self.kinds)

    def _check_fields(self) -> None:
        kinds = self.kinds
        if not kinds:
            raise ValueError("expected a box, a mask, points or absent, got none of them")
        if len(kinds - {"points"}) > 1 or ("absent" in kinds and len(kinds) > 1):
            got = ", ".join(kind for kind in PROMPT_KINDS if kind in kinds)
            raise ValueError(f"expected a box, a mask or absent; only points may stand beside a box or a mask; got {got}")
        if self.points is None and self.labels is not None:
            raise ValueError("labels: are those of points, and no points were given")
        if self.points is not None and (self.labels is None or len(self.points) != len(self.labels) or not len(self.points)):
            count = 0 if self.labels is None else len(self.labels)
            raise ValueError(f"labels: expected one for each of {len(self.points)} points, at least one, got {count}")


class Reference(ArrayRecord):
    """What the user points with: text, a spoken sentence, the audio track, or prompts that replace a reasoned pivot.

    ``sound`` together with a text or a spoken sentence combines both: "the louder one". ``prompts`` are those of one object, at
    most one on each frame. With prompts, no reasoning runs: the object is propagated from there, and ``text`` is only its name.

    ``id`` identifies it in results; by default it is the text, or ``"reference"`` without a text. If several references have
    one such default id, the engine numbers all but the first: ``"reference-2"``.
    """

    id: str = Field(default="", min_length=1, max_length=MAX_ID_LENGTH)
    text: str = Field(default="", max_length=2000)
    spoken: Recording | None = None
    sound: bool = False
    prompts: tuple[Prompt, ...] = ()

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
        """Return whether prompts are given, so that no reasoning is needed."""
        return bool(self.prompts)

    @property
    def title(self) -> str:
        """The title to display: its text, or a description without one."""
        sound = "the sound" if self.sound else ""
        words = self.text.strip() or (self.spoken.path.name if self.spoken else sound)
        given = ", ".join(f"{prompt.describe().removeprefix('a ')} on frame {prompt.frame}" for prompt in self.prompts[:2])
        return words or given

    def _check_fields(self) -> None:
        if not (self.text.strip() or self.spoken or self.sound or self.has_prompt):
            raise ValueError("expected a text, a spoken sentence, sound or prompts, got none of them")
        if self.text.strip() and self.spoken:
            raise ValueError(f"expected a text or a spoken sentence, got both: {self.text!r} and {self.spoken.path}")
        frames = [prompt.frame for prompt in self.prompts]
        if len(set(frames)) != len(frames):
            raise ValueError(f"prompts: expected at most one on each frame, got frames {', '.join(map(str, sorted(frames)))}")
        if self.prompts and all(prompt.absent for prompt in self.prompts):
            raise ValueError("prompts: expected a box, a mask or points on a frame, got only frames without the object")


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
    the whole video. ``warnings`` list what was not understood. ``noun`` is the head noun of an expression that has no category
    because detectors get all of its words; the order ``tracks`` searches for it.
    """

    reference: str
    text: Text = Field(min_length=1)
    category: Text = ""
    noun: Text = ""
    score: float = 1.0
    sound: bool = False
    sounds: tuple[str, ...] = ()
    heard: tuple[TimeSpan, ...] | None = None
    warnings: tuple[str, ...] = ()
