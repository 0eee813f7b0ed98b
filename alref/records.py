"""The records that stages exchange: frozen, validated on creation, convertible to JSON and back.

Boxes are float32 ``xyxy`` in pixels; frames count from 0; times are seconds on the video's own clock, whose zero is its first
frame. Arrays are read-only numpy arrays. Masks are bool in memory and COCO run-length encoded when stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    SerializationInfo,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
    model_validator,
)
from pydantic.functional_validators import ModelWrapValidatorHandler

from alref.errors import RecordError
from alref.utils.logit_maps import LogitMap
from alref.utils.masks import (
    BoxArray,
    BoxesArray,
    LogitsArray,
    MaskArray,
    MasksArray,
    Rle,
    SamplesArray,
    ScoresArray,
    decode_mask,
)
from alref.utils.text import format_path, format_validation_error, replace_surrogates

DecisionSource = Literal["model", "cache", "replay", "rule", "user", "fallback"]
Finding = Literal["found", "absent", "silent", "ambiguous"]
TimeSpan = tuple[float, float]
Text = Annotated[str, BeforeValidator(replace_surrogates)]  # of a model or a server, which may not be valid Unicode
FilePath = Annotated[Path, PlainSerializer(format_path, return_type=str, when_used="json")]  # bytes that are not UTF-8
MAX_ID_LENGTH = 200
PROVENANCE_FIELDS = ("why", "source", "raw")
"""Fields of a decision that describe its origin and not its content."""
WITHOUT_PROVENANCE = {"provenance": False}
"""Serialization context that leaves out the provenance of all decisions, so that equal decisions give equal data."""


class Record(BaseModel):
    """Base of all records. Raises RecordError for an invalid field; ``model_validate_json`` inverts ``model_dump_json``."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="wrap")
    @classmethod
    def _validate_record(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            record = handler(data)
            record._check_fields()
        except ValidationError as error:
            raise RecordError(f"{cls.__name__}: {format_validation_error(error)}") from None
        except ValueError as error:
            raise RecordError(f"{cls.__name__}: {error}") from None
        return record

    def _check_fields(self) -> None:
        """Check fields against each other. Raises ValueError."""


class _ArrayRecord(Record):
    """A record that holds arrays: compared and hashed by identity, since comparing arrays gives arrays."""

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)


class Audio(_ArrayRecord):
    """Audio: ``samples`` float32 (N,) mono in about -1..1, ``rate`` in Hz, ``start`` in seconds on the video's clock."""

    samples: SamplesArray
    rate: int = Field(gt=0)
    start: float = 0.0


class Recording(Record):
    """An audio file by its path, and the digest of its content that keys cached outputs."""

    path: FilePath
    fingerprint: str


class Reference(_ArrayRecord):
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


class Decision(Record):
    """A decision of a reasoner: the finding, the reason ``why``, the source, and the raw answer of a model.

    ``confidence`` is the probability that it is right; None if the reasoner does not estimate it.
    """

    finding: Finding = "found"
    confidence: float | None = Field(default=None, ge=0, le=1)
    why: Text = ""
    source: DecisionSource = "rule"
    raw: Text = ""

    @model_serializer(mode="wrap")
    def _serialize_fields(self, handler: SerializerFunctionWrapHandler, info: SerializationInfo) -> dict[str, Any]:
        data: dict[str, Any] = handler(self)
        if info.context == WITHOUT_PROVENANCE:
            for name in PROVENANCE_FIELDS:
                data.pop(name, None)
        return data


class PivotFrame(Decision):
    """The frame that segmentation of ``phrase`` starts from; ``frame`` is None when the object is absent."""

    phrase: Phrase
    frame: int | None = Field(default=None, ge=0)

    def _check_fields(self) -> None:
        if self.finding == "found" and self.frame is None:
            raise ValueError("frame: expected a number with finding 'found', got None")


class Candidates(_ArrayRecord):
    """Boxes proposed on one pivot frame, best first: ``xyxy`` float32 (N, 4), ``scores`` float32 (N,), N may be 0.

    ``masks`` bool (N, H, W) come from proposers that find regions and not only boxes.
    """

    pivot: PivotFrame
    xyxy: BoxesArray
    scores: ScoresArray
    labels: tuple[str, ...] = ()
    masks: MasksArray | None = None

    def __len__(self) -> int:
        return len(self.xyxy)

    def _check_fields(self) -> None:
        count = len(self.xyxy)
        lengths = {"scores": len(self.scores), "labels": len(self.labels or self.xyxy)}
        if self.masks is not None:
            lengths["masks"] = len(self.masks)
        for name, length in lengths.items():
            if length != count:
                raise ValueError(f"{name}: expected {count}, one for each box, got {length}")
        if bool((np.diff(self.scores) > 0).any()):
            raise ValueError(f"scores: expected best first, got {self.scores.tolist()}")


class PivotBox(_ArrayRecord, Decision):
    """The box that segmentation starts from: ``xyxy`` float32 (4,), None when absent; ``mask`` bool (H, W) if it is known."""

    pivot: PivotFrame
    xyxy: BoxArray | None = None
    score: float = 0.0
    mask: MaskArray | None = None

    def _check_fields(self) -> None:
        if self.finding == "found" and (self.xyxy is None or self.pivot.frame is None):
            raise ValueError("xyxy: expected a box on a pivot frame with finding 'found', got None")


class FrameMasks(_ArrayRecord):
    """One frame of a propagation: ``masks`` bool (P, H, W) of the P objects in the order of their first box, scores (P,).

    ``logits`` float32 (P, h, w), of any size, are those of the masks, from propagators that are asked for them.
    """

    frame: int = Field(ge=0)
    masks: MasksArray
    scores: ScoresArray
    logits: LogitsArray | None = None

    def _check_fields(self) -> None:
        for name, values in (("scores", self.scores), ("logits", self.logits)):
            if values is not None and len(values) != len(self.masks):
                raise ValueError(f"{name}: expected {len(self.masks)}, one for each mask, got {len(values)}")


class Flag(Record):
    """A frame of a track to check: its score drops, or its mask jumps; ``why`` gives the reason with the numbers."""

    frame: int = Field(ge=0)
    kind: Literal["score dips", "mask jumps"]
    why: str


class Track(Record):
    """One object over the video: a COCO run-length mask and a score for every frame, and flags for possible drift.

    ``logits`` are mask logits at low resolution for every frame, if the propagator was asked for them.
    """

    phrase: Phrase
    rles: tuple[Rle, ...]
    scores: tuple[float, ...]
    logits: tuple[LogitMap, ...] = ()
    flags: tuple[Flag, ...] = ()

    def __repr__(self) -> str:
        return f"Track({self.phrase.text!r}, {len(self.rles)} frames)"

    def decode_mask(self, frame: int) -> npt.NDArray[np.bool_]:
        """Decode the mask of one frame, bool (H, W)."""
        return decode_mask(self.rles[frame])


class Verdict(Record):
    """The outcome of one reference: found, absent, silent or ambiguous, and the reason.

    ``confidence`` is the lowest of its decisions, the probability that the masks show it; None if it is not estimated.
    """

    reference: str
    finding: Finding
    why: str
    source: DecisionSource = "rule"
    confidence: float | None = Field(default=None, ge=0, le=1)


class VideoInfo(Record):
    """A video in a result: its path, its size in pixels, its frames' times in seconds, its fingerprint."""

    path: FilePath | None
    height: int
    width: int
    fps: float
    times: tuple[float, ...]
    fingerprint: str
    warnings: tuple[str, ...] = ()


class StageEvent(BaseModel):
    """An event for observers: stage, method and component, progress (``done`` of ``total`` frames), seconds.

    ``output`` is set at the end. ``cached`` is True if it came from the cache.
    """

    model_config = ConfigDict(frozen=True)

    video: str
    stage: str
    method: str
    component: str
    done: int = 0
    total: int = 0
    seconds: float = 0.0
    cached: bool = False
    output: Annotated[Any, Field(exclude=True)] = None


def list_object_phrases(boxes: list[PivotBox]) -> list[Phrase]:
    """List the distinct phrases of pivot boxes in the order of their first box: the P axis of FrameMasks."""
    return list(dict.fromkeys(box.pivot.phrase for box in boxes))
