"""Detections of a noun: what the proposer gives on every n-th frame, without overlapping ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from alref import Candidates, Phrase, PivotFrame, Proposer, Rle, Video, encode_mask
from alref.audio.vocabulary import UNKNOWN_SOUND

CHUNK = 16
"""Number of frames that are proposed on at once: their masks are in memory until they are encoded."""
MIN_FRAMES = 8
"""Number of frames that are searched in a section that is too short for as many, if it has them: evenly spaced ones."""
MAX_GROWTH = 4.0
"""How many times the area of a detection may differ from one of the same object on a neighboring searched frame."""
REACH = 1.5
"""How far the center of an object may move between neighboring searched frames, in diagonals of its box."""
Box = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Detection:
    """An object on one frame: its box ``xyxy``, its score, and its mask if the proposer gives one."""

    frame: int
    xyxy: Box
    score: float
    rle: Rle | None = None

    @property
    def area(self) -> float:
        """The area of the box in pixels."""
        return float((self.xyxy[2:] - self.xyxy[:2]).prod())


@dataclass(frozen=True)
class NounDetections:
    """The detections of a noun in a section, by frame, best first; ``frames`` are all frames that were searched."""

    phrase: Phrase
    frames: list[int]
    by_frame: dict[int, list[Detection]] = field(default_factory=dict)

    @property
    def best_score(self) -> float:
        """The highest score, 0 without a detection."""
        return max((each.score for own in self.by_frame.values() for each in own), default=0.0)

    def select(self, min_score: float) -> list[Detection]:
        """Return the detections from a score on, best first."""
        found = [each for own in self.by_frame.values() for each in own if each.score >= min_score]
        return sorted(found, key=lambda each: (-each.score, each.frame))

    def select_supported(self, min_score: float) -> list[Detection]:
        """Return the detections from a score on that have one of about the same size near them on a neighboring frame.

        If none of them has, all are returned.
        """
        found = self.select(min_score)
        return [each for each in found if self._has_support(each)] or found

    def _has_support(self, detection: Detection) -> bool:
        place = self.frames.index(detection.frame)
        around = [*self.frames[max(0, place - 1) : place], *self.frames[place + 1 : place + 2]]
        return any(may_be_same(detection.xyxy, other.xyxy) for frame in around for other in self.by_frame.get(frame, ()))


def detect_alone(proposer: Proposer, video: Video, noun: str, frames: Sequence[int]) -> list[Detection]:
    """Propose for the one object of a noun on some frames; return what is found, best first."""
    phrase = make_phrase("the", noun)
    proposed = proposer.propose(video, [PivotFrame(phrase=phrase, frame=frame) for frame in frames])
    found = [each for frame, one in zip(frames, proposed, strict=True) for each in _list_detections(frame, one)]
    return sorted(found, key=lambda each: -each.score)


def detect_noun(proposer: Proposer, video: Video, noun: str, every: int, nms_iou: float) -> NounDetections:
    """Propose for every object of a noun on every n-th frame and the last one; in a short section, on more frames."""
    phrase = make_phrase("every", noun)
    last = len(video) - 1
    frames = sorted({*range(0, last, every), last}) if last >= every * (MIN_FRAMES - 1) else _space_evenly(last)
    found = NounDetections(phrase, frames)
    for first in range(0, len(frames), CHUNK):
        pivots = [PivotFrame(phrase=phrase, frame=frame) for frame in frames[first : first + CHUNK]]
        for pivot, candidates in zip(pivots, proposer.propose(video, pivots), strict=True):
            if pivot.frame is not None and len(candidates):
                found.by_frame[pivot.frame] = _suppress_overlaps(_list_detections(pivot.frame, candidates), nms_iou)
    return found


def make_phrase(determiner: str, noun: str) -> Phrase:
    """Return the phrase that a proposer gets for a noun; an object of an unknown kind is known by its sound alone."""
    if noun == UNKNOWN_SOUND:
        return Phrase(reference=noun, text=noun, sound=True)
    return Phrase(reference=noun, text=f"{determiner} {noun}", category=noun)


def _space_evenly(last: int) -> list[int]:
    """Return ``MIN_FRAMES`` frames, evenly spaced, without the first and the last one: motion has frames on both sides."""
    ends = (1, last - 1) if last >= MIN_FRAMES else (0, last)
    return sorted({round(place) for place in np.linspace(*ends, MIN_FRAMES).tolist()})


def _list_detections(frame: int, candidates: Candidates) -> list[Detection]:
    masks = [None] * len(candidates) if candidates.masks is None else [encode_mask(mask) for mask in candidates.masks]
    return [
        Detection(frame, box, float(score), rle)
        for box, score, rle in zip(candidates.xyxy, candidates.scores, masks, strict=True)
    ]


def _suppress_overlaps(found: list[Detection], nms_iou: float) -> list[Detection]:
    """Drop each detection that overlaps a better one."""
    kept: list[Detection] = []
    for each in sorted(found, key=lambda detection: -detection.score):
        if all(compute_box_iou(each.xyxy, other.xyxy) < nms_iou for other in kept):
            kept.append(each)
    return kept


def may_be_same(one: Box, other: Box) -> bool:
    """Return whether two boxes ``xyxy`` of neighboring searched frames may show one object, by their sizes and places."""
    sides = one[2:] - one[:2], other[2:] - other[:2]
    areas = sorted(float(each.prod()) for each in sides)
    moved = float(np.linalg.norm((one[:2] + one[2:] - other[:2] - other[2:]) / 2))
    return areas[1] <= MAX_GROWTH * areas[0] and moved <= REACH * float(np.linalg.norm(np.maximum(*sides)))


def compute_box_iou(one: Box, other: Box) -> float:
    """Return the intersection over union of two boxes ``xyxy``."""
    inner = np.clip(np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2]), 0, None).prod()
    union = (one[2:] - one[:2]).prod() + (other[2:] - other[:2]).prod() - inner
    return float(inner / max(float(union), 1e-9))
