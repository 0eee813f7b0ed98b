"""What else the run found: tracks that were not accepted, and boxes beside the one that was chosen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from alref import Candidates, ObjectTrack, Prompt, Result, TrackChoice, compute_box
from alref.output.thumbnails import draw_masks
from alref_studio import view
from alref_studio.frames import SharedVideo, encode_jpeg

MAX_BOXES = 8
"""Boxes of one pivot that are listed, best first."""
SAME_BOX_IOU, SAME_OBJECT_IOU = 0.8, 0.5


@dataclass(frozen=True)
class StudioCandidate:
    """One alternative: ``reference`` is what it was found for, ``prompt`` gives it to an object, on its best frame.

    ``present`` are its spans of frames, known of tracks only. ``choice`` is that of the run, ``is_track`` says that it is an
    object of its own and not another place for one.
    """

    reference: str
    title: str
    prompt: Prompt
    choice: str
    why: str
    score: float
    is_track: bool
    present: tuple[tuple[int, int], ...] = ()

    def to_dict(self, index: int) -> dict[str, Any]:
        """Return what the page shows."""
        names = ("reference", "title", "choice", "why", "is_track", "present")
        return {"index": index, "frame": self.prompt.frame, **{name: getattr(self, name) for name in names}}


def list_candidates(result: Result) -> list[StudioCandidate]:
    """List the alternatives of a result: tracks in their order, then boxes."""
    choices = {(each.phrase.reference, each.noun, each.track): each for each in result.choices}
    tracks = {(each.noun, each.id): each for each in result.object_tracks}
    rejected = [
        _make_track_candidate(choice, tracks[noun, number])
        for (_, noun, number), choice in choices.items()
        if choice.choice != "accept" and (noun, number) in tracks and tracks[noun, number].frames
    ]
    return [*rejected, *(each for candidates in result.candidates for each in _list_boxes(result, candidates))]


def _make_track_candidate(choice: TrackChoice, track: ObjectTrack) -> StudioCandidate:
    areas = np.array([rle.area for rle in track.rles])
    best = int(areas.argmax())
    return StudioCandidate(
        reference=choice.phrase.reference,
        title=f"{track.noun} {track.id}",
        prompt=Prompt(frame=best, mask=track.decode_mask(best)),
        choice=choice.choice,
        why=choice.why,
        score=track.score,
        is_track=True,
        present=tuple((first, last) for first, last in view.list_spans(areas > 0)),
    )


def _list_boxes(result: Result, candidates: Candidates) -> list[StudioCandidate]:
    """List the boxes of one pivot, except those that a model or a rule chose there.

    A corrected object was chosen by no box; then boxes around most of its mask are left out.
    """
    pivot = candidates.pivot
    if pivot.frame is None:
        return []
    chosen = [each.xyxy for each in result.boxes if each.pivot.phrase == pivot.phrase and each.xyxy is not None]
    masks = [each.decode_mask(pivot.frame) for each in result.tracks if each.phrase == pivot.phrase and each.corrected]
    shown = [compute_box(mask) for mask in masks if mask.any()]
    return [
        StudioCandidate(
            reference=pivot.phrase.reference,
            title=candidates.labels[index] if candidates.labels else pivot.phrase.text,
            prompt=Prompt(frame=pivot.frame, box=box)
            if candidates.masks is None or not candidates.masks[index].any()
            else Prompt(frame=pivot.frame, mask=candidates.masks[index]),
            choice="reject",
            why=f"score {candidates.scores[index]:.2f}",
            score=float(candidates.scores[index]),
            is_track=False,
        )
        for index, box in enumerate(candidates.xyxy[:MAX_BOXES])
        if not any(compute_iou(box, other) > SAME_BOX_IOU for other in chosen)
        and not any(compute_iou(box, other) > SAME_OBJECT_IOU for other in shown)
    ]


def compute_iou(one: Any, other: Any) -> float:
    """Return the Jaccard index of two boxes ``xyxy``."""
    sides = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
    inside = float(np.prod(np.maximum(sides, 0)))
    return inside / float(np.prod(one[2:] - one[:2]) + np.prod(other[2:] - other[:2]) - inside)


def draw_candidate(shared: SharedVideo, candidate: StudioCandidate) -> bytes:
    """Draw a candidate on its frame as JPEG: what is around it, with its mask."""
    image, prompt = shared.read_frame(candidate.prompt.frame), candidate.prompt
    box = compute_box(prompt.mask) if prompt.mask is not None else prompt.box
    assert box is not None, "a candidate has a box or a mask"
    rows, columns = view.crop_around(box)
    small = view.resize_thumbnail(image[rows, columns])
    return encode_jpeg(
        small if prompt.mask is None else draw_masks(small, {1: np.ascontiguousarray(prompt.mask[rows, columns])})
    )
