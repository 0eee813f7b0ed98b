"""Other objects that may be meant if the review contradicts a track everywhere: other candidates, or other tracks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from alref.pipeline import drift
from alref.pipeline.stage_runner import StageRunner, clear_silent_masks
from alref.records import Candidates, ObjectTrack, Phrase, PivotBox, Track
from alref.result import Result


def find_alternatives(runner: StageRunner, result: Result, track: Track) -> Iterator[tuple[Track, int]]:
    """Yield other objects that may be meant instead of a track, the best-scored first, each with the frame it starts from.

    In the order ``pivot`` these are the candidates that were not chosen, propagated when they are asked for; in the order
    ``tracks`` the tracks of the same noun that were not accepted.
    """
    times = [float(time) for time in result.video.times]
    for other in _list_other_tracks(result, track):
        made = clear_silent_masks(Track(phrase=track.phrase, rles=other.rles, scores=other.scores), track.phrase, times)
        key = max(other.frames, key=lambda frame: other.rles[frame].area)
        yield made.model_copy(update={"flags": drift.flag_frames(made.rles, made.scores, [key])}), key
    for box in _list_other_boxes(result, track):
        assert box.pivot.frame is not None
        (propagated,) = runner.propagate_tracks([box])
        flags = drift.flag_frames(propagated.rles, propagated.scores, [box.pivot.frame])
        made = clear_silent_masks(propagated, track.phrase, times)
        yield made.model_copy(update={"flags": flags}), box.pivot.frame


def is_same_phrase(one: Phrase, other: Phrase) -> bool:
    """Return whether two phrases differ only in when they are heard."""
    return (one.reference, one.text) == (other.reference, other.text)


def _list_other_tracks(result: Result, track: Track) -> list[ObjectTrack]:
    """List the tracks of the nouns of a phrase that no phrase of its reference has accepted, best first by noun."""
    nouns = {choice.noun for choice in result.choices if is_same_phrase(choice.phrase, track.phrase)}
    own = [choice for choice in result.choices if choice.phrase.reference == track.phrase.reference]
    last = {(choice.phrase, choice.noun, choice.track): choice.choice for choice in own}
    accepted = {(noun, number) for (_, noun, number), choice in last.items() if choice == "accept"}
    return [other for other in result.object_tracks if other.noun in nouns and (other.noun, other.id) not in accepted]


def _list_other_boxes(result: Result, track: Track) -> list[PivotBox]:
    """List the boxes of all candidates of a phrase that were not chosen, best first."""
    chosen = [box.xyxy for box in result.boxes if is_same_phrase(box.pivot.phrase, track.phrase) and box.xyxy is not None]
    boxes = [
        _make_box(candidate, place)
        for candidate in result.candidates
        if is_same_phrase(candidate.pivot.phrase, track.phrase)
        for place in range(len(candidate))
        if not any(np.array_equal(candidate.xyxy[place], xyxy) for xyxy in chosen)
    ]
    return sorted(boxes, key=lambda box: -box.score)


def _make_box(candidates: Candidates, place: int) -> PivotBox:
    return PivotBox(
        pivot=candidates.pivot,
        xyxy=candidates.xyxy[place],
        score=float(candidates.scores[place]),
        why="the review contradicts the candidate that was chosen first",
    )
