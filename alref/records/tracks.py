"""Masks over time: those of one frame, and the track of one object."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import (
    Field,
)

from alref.records.base import (
    ArrayRecord,
    Record,
)
from alref.records.decisions import PivotBox
from alref.records.references import Phrase
from alref.utils.logit_maps import LogitMap
from alref.utils.masks import (
    LogitsArray,
    MasksArray,
    Rle,
    ScoresArray,
    decode_mask,
)


class FrameMasks(ArrayRecord):
    """One frame of a propagation: ``masks`` bool (P, H, W) of the P objects in the order of their first box.

    ``scores`` float32 (P,) are from 0 to 1. ``logits`` float32 (P, h, w), of any size, are those of the masks, from propagators
    that are asked for them.
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
    """A frame of a track to check: its score drops, or its mask jumps; ``why`` gives the reason with the numbers.

    ``severity`` is the share of the score that is lost, or of the two masks that is not common, 0..1.
    """

    frame: int = Field(ge=0)
    kind: Literal["score dips", "mask jumps"]
    why: str
    severity: float = Field(default=0.0, ge=0, le=1)


class Track(Record):
    """One object over the video: a COCO run-length mask and a score for every frame, and flags for possible drift.

    ``logits`` are mask logits at low resolution for every frame, if the propagator was asked for them. ``name`` is given by the
    user. ``corrected`` are the frames on which the user gave prompts after the run, ``confirmed`` those that the user found
    right. ``layer`` decides which object is on top where objects overlap, the highest; by default it is the mean score.
    """

    phrase: Phrase
    rles: tuple[Rle, ...]
    scores: tuple[float, ...]
    logits: tuple[LogitMap, ...] = ()
    flags: tuple[Flag, ...] = ()
    name: str = ""
    corrected: tuple[int, ...] = ()
    confirmed: tuple[int, ...] = ()
    layer: float | None = None

    def __repr__(self) -> str:
        return f"Track({self.title!r}, {len(self.rles)} frames)"

    __str__ = __repr__

    @property
    def title(self) -> str:
        """The name that the user gave, or the text of the phrase."""
        return self.name or self.phrase.text

    def get_layer(self) -> float:
        """Return the number that decides which object is on top."""
        return self.layer if self.layer is not None else float(np.mean(self.scores)) if self.scores else 0.0

    def decode_mask(self, frame: int) -> npt.NDArray[np.bool_]:
        """Decode the mask of one frame, bool (H, W)."""
        return decode_mask(self.rles[frame])


def sort_by_score(tracks: Sequence[Track]) -> list[int]:
    """Return the indices of tracks in the order in which they are painted, the topmost last.

    The one with the highest layer is on top, by default the mean score; ties go to the lower index.
    """
    layers = [track.get_layer() for track in tracks]
    return sorted(range(len(tracks)), key=lambda index: (layers[index], -index))


def list_object_phrases(boxes: list[PivotBox]) -> list[Phrase]:
    """List the distinct phrases of pivot boxes in the order of their first box: the P axis of FrameMasks."""
    return list(dict.fromkeys(box.pivot.phrase for box in boxes))
