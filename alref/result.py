"""The result of a run: every decision with its reason and source, a track for every object, a verdict for every reference."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from alref.errors import InputError, MissingError, suggest_names
from alref.records import (
    BehaviorReview,
    Candidates,
    Concept,
    ExistenceAudit,
    MaskRepair,
    MaskReview,
    ObjectTrack,
    Phrase,
    PivotBox,
    PivotFrame,
    Record,
    Reference,
    Track,
    TrackChoice,
    Transcript,
    Verdict,
    VideoInfo,
)
from alref.utils.masks import Mask, Rle, compute_box, decode_union
from alref.utils.text import shorten_text

if TYPE_CHECKING:
    from alref.media.video import Video

MAX_LISTED_VERDICTS = 5
"""Maximum number of references that the ``repr`` of a result lists."""


class Usage(Record):
    """Usage of one language model: questions, tokens and cost.

    ``cached`` is the number of questions answered from a store or a trace, at no cost. ``cost`` is in dollars, None if a price
    is unknown. ``uncached_cost`` is the original cost of all answers, including the cached ones. ``estimated`` says that a
    server did not count its tokens.
    """

    model: str
    questions: int = Field(default=0, ge=0)
    cached: int = Field(default=0, ge=0)
    prompt_tokens: int = Field(default=0, ge=0)
    completion_tokens: int = Field(default=0, ge=0)
    estimated: bool = False
    cost: float | None = 0.0
    uncached_cost: float | None = 0.0


class Result(Record):
    """One video with all its references; ``result.json`` is this record.

    ``seconds`` is the time of each stage; ``usage`` the usage of language models, by model; ``config`` the resolved
    configuration; ``warnings`` are messages for the user. ``revision`` is the number of the last correction, 0 without any.
    """

    draw_for_notebook: ClassVar[Callable[[Result], str] | None] = None
    """The function that renders a result as HTML in a notebook; ``alref.output`` sets it."""
    write_folder: ClassVar[Callable[[Result, Path, Video | None], None] | None] = None
    """The function that writes a result to a folder; ``alref.output`` sets it."""

    format: Literal[1] = 1
    alref: str
    revision: int = Field(default=0, ge=0)
    video: VideoInfo
    references: tuple[Reference, ...]
    transcripts: tuple[Transcript, ...] = ()
    phrases: tuple[Phrase, ...] = ()
    pivots: tuple[PivotFrame, ...] = ()
    candidates: tuple[Candidates, ...] = ()
    boxes: tuple[PivotBox, ...] = ()
    concepts: tuple[Concept, ...] = ()
    object_tracks: tuple[ObjectTrack, ...] = ()
    choices: tuple[TrackChoice, ...] = ()
    audits: tuple[ExistenceAudit, ...] = ()
    tracks: tuple[Track, ...] = ()
    reviews: tuple[MaskReview, ...] = ()
    behaviors: tuple[BehaviorReview, ...] = ()
    repairs: tuple[MaskRepair, ...] = ()
    verdicts: tuple[Verdict, ...]
    seconds: dict[str, float] = Field(default_factory=dict)
    usage: tuple[Usage, ...] = ()
    warnings: tuple[str, ...] = ()
    config: dict[str, Any] = Field(default_factory=dict)

    def _check_fields(self) -> None:
        size = (self.video.height, self.video.width)
        every: list[Track | ObjectTrack] = [*self.tracks, *self.object_tracks]
        wrong = next((rle.size for track in every for rle in track.rles if rle.size != size), None)
        if wrong:
            raise ValueError(f"tracks: expected masks of {size[1]}x{size[0]}, as the video, got {wrong[1]}x{wrong[0]}")

    def get_tracks(self, reference: str | int) -> list[Track]:
        """Return the tracks of the objects of a reference, given by id, text or index; empty when it is absent.

        Raises InputError if it is unknown.
        """
        wanted = self._resolve_id(reference)
        return [track for track in self.tracks if track.phrase.reference == wanted]

    def list_objects(self) -> dict[str, int | None]:
        """Return the ids of all objects, with the index of their track; None for a reference without an object.

        The id is that of the reference; objects of a reference that has several have ``.1``, ``.2`` … after it.
        """
        objects: dict[str, int | None] = {}
        for reference in self.references:
            own = [index for index, track in enumerate(self.tracks) if track.phrase.reference == reference.id]
            if len(own) < 2:
                objects[reference.id] = own[0] if own else None
            else:
                objects |= {f"{reference.id}.{place}": index for place, index in enumerate(own, 1)}
        return objects

    def resolve_object(self, name: str) -> str:
        """Return the id of an object, given by its id, its name, or the words of its phrase or its reference.

        Raises InputError for an unknown object, and for words that several objects have.
        """
        objects = self.list_objects()
        if name in objects:
            return name
        words = {id: self._list_words(id, index) for id, index in objects.items()}
        found = [id for id, own in words.items() if name.casefold() in map(str.casefold, own)]
        if len(found) == 1:
            return found[0]
        listed = ", ".join(f"{id} ({shorten_text(own[0], 40)})" for id, own in words.items() if id in (found or objects))
        if found:
            raise InputError(f"object: {name!r} is several objects, give the id of one: {listed}")
        known = [*objects, *(text for own in words.values() for text in own)]
        raise InputError(f"object: no object {name!r}{suggest_names(name, known)}; objects: {listed}")

    def _list_words(self, id: str, index: int | None) -> list[str]:
        """Return the words for an object, the shown ones first."""
        track = None if index is None else self.tracks[index]
        owner = id if track is None else track.phrase.reference
        reference = next(each for each in self.references if each.id == owner)
        texts = [reference.text, reference.title] if track is None else [track.title, track.phrase.text, reference.text]
        return [text for text in texts if text] or [id]

    def find_object(self, name: str) -> int | None:
        """Return the index of the track of an object; None for a reference without an object. Raises as ``resolve_object``."""
        return self.list_objects()[self.resolve_object(name)]

    def masks(self, reference: str | int | None = None) -> npt.NDArray[np.bool_]:
        """Return bool (T, H, W): the union of the objects of ``reference`` in every frame.

        ``reference`` is an id, a text or an index; the first one by default. Raises InputError if it is unknown.
        """
        masks = np.zeros((len(self.video.times), self.video.height, self.video.width), np.bool_)
        for frame, mask in enumerate(self.iterate_masks(self._resolve_id(reference))):
            masks[frame] = mask
        return masks

    def iterate_masks(self, reference: str | int) -> Iterator[Mask]:
        """Yield the union of the objects of ``reference`` frame by frame, bool (H, W)."""
        tracks, size = self.get_tracks(reference), (self.video.height, self.video.width)
        for frame in range(len(self.video.times)):
            yield decode_union([track.rles[frame] for track in tracks], size)

    def rles(self, reference: str | int | None = None) -> list[list[Rle]]:
        """Return the run-length masks of each object of ``reference`` (the first one by default), one for each frame."""
        tracks = self.get_tracks(self._resolve_id(reference))
        return [list(track.rles) for track in tracks]

    def verdict(self, reference: str | int | None = None) -> Verdict:
        """Return the verdict on ``reference`` (the first one by default)."""
        wanted = self._resolve_id(reference)
        return next(verdict for verdict in self.verdicts if verdict.reference == wanted)

    def detections(self, frame: int, reference: str | int | None = None) -> Any:
        """Return the objects on a frame as ``supervision.Detections``, of all references by default.

        ``xyxy`` float32 (N, 4) in pixels; ``mask`` bool (N, H, W); ``confidence`` float32 (N,) is the score of the track there;
        ``class_id`` is the index of the reference, ``tracker_id`` that of the track. ``data`` has ``class_name``, the title
        of the track, and ``reference``, its id. Raises MissingError when supervision is not installed, InputError outside the
        video or when the reference is unknown.
        """
        try:
            supervision = import_module("supervision")
        except ImportError:
            raise MissingError("detections: supervision is not installed: pip install supervision") from None
        if not 0 <= frame < len(self.video.times):
            raise InputError(f"frame: expected a number from 0 to {len(self.video.times) - 1}, got {frame}")
        ids = [reference.id for reference in self.references]
        wanted = ids if reference is None else [self._resolve_id(reference)]
        seen = [n for n, track in enumerate(self.tracks) if track.phrase.reference in wanted and track.rles[frame].area]
        if not seen:
            return supervision.Detections.empty()
        tracks = [self.tracks[number] for number in seen]
        masks = np.stack([track.decode_mask(frame) for track in tracks])
        return supervision.Detections(
            xyxy=np.stack([compute_box(mask) for mask in masks]),
            mask=masks,
            confidence=np.array([track.scores[frame] for track in tracks], np.float32),
            class_id=np.array([ids.index(track.phrase.reference) for track in tracks]),
            tracker_id=np.array(seen),
            data={
                "class_name": np.array([track.title for track in tracks]),
                "reference": np.array([track.phrase.reference for track in tracks]),
            },
        )

    def save(self, folder: str | Path, video: Video | None = None) -> None:
        """Write the result to a folder that ``alref.load_result`` and the commands read.

        Writes result.json and the masks as PNG files; with ``video``, the one that was segmented, also overlay.mp4 and
        report.html. A folder with the same run is overwritten. Raises OutputError when the folder holds something else or
        cannot be written, InputError when ``video`` is not the segmented one.
        """
        assert Result.write_folder is not None, "alref.output sets it"
        Result.write_folder(self, Path(folder), video)

    def __repr__(self) -> str:
        name = "in memory" if self.video.path is None else self.video.path.name or str(self.video.path)
        titles = {reference.id: shorten_text(reference.title, 40) for reference in self.references}
        verdicts = [f"{titles[verdict.reference]!r} {verdict.finding}" for verdict in self.verdicts[:MAX_LISTED_VERDICTS]]
        if len(self.verdicts) > MAX_LISTED_VERDICTS:
            verdicts.append(f"and {len(self.verdicts) - MAX_LISTED_VERDICTS} more")
        return f"Result({name}, {len(self.video.times)} frames: {', '.join(verdicts)})"

    __str__ = __repr__

    def _resolve_id(self, reference: str | int | None) -> str:
        names = [known.text or known.id for known in self.references]
        if not isinstance(reference, str):
            index = 0 if reference is None else reference
            if not isinstance(index, (int, np.integer)):
                raise InputError(f"reference: expected an id, a text or an index, got {type(reference).__name__}")
            if not -len(names) <= index < len(names):
                raise InputError(f"no reference {index}; expected an index from 0 to {len(names) - 1}")
            return self.references[index].id
        for known in self.references:
            if reference in (known.id, known.text):
                return known.id
        raise InputError(f"no reference {reference!r}{suggest_names(reference, names)}; references: {', '.join(names)}")

    def _repr_html_(self) -> str | None:
        return None if Result.draw_for_notebook is None else Result.draw_for_notebook(self)
