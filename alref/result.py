"""What a run gives back: every decision with its reason and source, a track for every object, a verdict for every reference."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from alref.errors import InputError, suggest_names
from alref.records import (
    Candidates,
    Phrase,
    PivotBox,
    PivotFrame,
    Record,
    Reference,
    Track,
    Transcript,
    Verdict,
    VideoInfo,
)
from alref.utils.masks import Mask, Rle, decode_union


class Usage(Record):
    """What the questions to one model took. ``kept`` of them were answered from a store or a trace, which takes nothing.

    ``cost`` is in dollars, None when a price is not known. ``worth`` is what all answers cost when they were asked, the kept
    ones too: the price of the same work where nothing is kept.
    """

    model: str
    questions: int = Field(default=0, ge=0)
    kept: int = Field(default=0, ge=0)
    prompt_tokens: int = Field(default=0, ge=0)
    completion_tokens: int = Field(default=0, ge=0)
    cost: float | None = 0.0
    worth: float | None = 0.0


class Result(Record):
    """One video with all its references; ``result.json`` is this record.

    ``seconds`` is the time of each stage; ``usage`` what language models were asked, by model; ``config`` the resolved
    configuration; ``warnings`` what the user should know.
    """

    draw_for_notebook: ClassVar[Callable[[Result], str] | None] = None
    """What draws a result as HTML in a notebook; ``alref.output`` sets it."""

    format: Literal[1] = 1
    alref: str
    video: VideoInfo
    references: tuple[Reference, ...]
    transcripts: tuple[Transcript, ...] = ()
    phrases: tuple[Phrase, ...] = ()
    pivots: tuple[PivotFrame, ...] = ()
    candidates: tuple[Candidates, ...] = ()
    boxes: tuple[PivotBox, ...] = ()
    tracks: tuple[Track, ...] = ()
    verdicts: tuple[Verdict, ...]
    seconds: dict[str, float] = Field(default_factory=dict)
    usage: tuple[Usage, ...] = ()
    warnings: tuple[str, ...] = ()
    config: dict[str, Any] = Field(default_factory=dict)

    def get_tracks(self, reference: str) -> list[Track]:
        """Return the tracks of the objects that a reference, by id or text, means; none when it is absent.

        Raises InputError if it is unknown.
        """
        wanted = self._resolve_id(reference)
        return [track for track in self.tracks if track.phrase.reference == wanted]

    def masks(self, reference: str | None = None) -> npt.NDArray[np.bool_]:
        """Return bool (T, H, W): the union of the objects of ``reference`` (the first one by default) in every frame."""
        masks = np.zeros((len(self.video.times), self.video.height, self.video.width), np.bool_)
        for frame, mask in enumerate(self.iterate_masks(self._resolve_id(reference))):
            masks[frame] = mask
        return masks

    def iterate_masks(self, reference: str) -> Iterator[Mask]:
        """Yield the union of the objects of ``reference`` on one frame after the other, bool (H, W)."""
        tracks, size = self.get_tracks(reference), (self.video.height, self.video.width)
        for frame in range(len(self.video.times)):
            yield decode_union([track.rles[frame] for track in tracks], size)

    def rles(self, reference: str | None = None) -> list[list[Rle]]:
        """Return the run-length masks of each object of ``reference`` (the first one by default), one for each frame."""
        tracks = self.get_tracks(self._resolve_id(reference))
        return [list(track.rles) for track in tracks]

    def verdict(self, reference: str | None = None) -> Verdict:
        """Return what became of ``reference`` (the first one by default)."""
        wanted = self._resolve_id(reference)
        return next(verdict for verdict in self.verdicts if verdict.reference == wanted)

    def _resolve_id(self, reference: str | None) -> str:
        if reference is None:
            return self.references[0].id
        for each in self.references:
            if reference in (each.id, each.text):
                return each.id
        known = [each.text or each.id for each in self.references]
        raise InputError(f"no reference {reference!r}{suggest_names(reference, known)}; references: {', '.join(known)}")

    def _repr_html_(self) -> str | None:
        return None if Result.draw_for_notebook is None else Result.draw_for_notebook(self)
