"""The result of a run after a correction: pure functions of the result before it and of what was computed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from alref.errors import InputError
from alref.pipeline import drift
from alref.pipeline.prompts import make_prompt_box
from alref.pipeline.verdicts import make_user_verdict
from alref.records import Correction, Phrase, PivotBox, Reference, Track, TrackChange
from alref.result import Result
from alref.utils.masks import Rle, encode_mask


def find_track(result: Result, name: str) -> int:
    """Return the number of the track of an object; one more than there are for a reference without an object.

    Raises InputError for an unknown object.
    """
    number = result.find_object(name)
    return len(result.tracks) if number is None else number


def get_track(result: Result, number: int, name: str) -> Track:
    """Return a track, or for a new one of the reference ``name`` a track without masks."""
    if number < len(result.tracks):
        return result.tracks[number]
    reference = next(item for item in result.references if item.id == name)
    phrase = Phrase(reference=reference.id, text=reference.text.strip() or reference.id)
    length = len(result.video.times)
    return Track(phrase=phrase, rles=(make_empty_rle(result),) * length, scores=(0.0,) * length)


def make_empty_rle(result: Result) -> Rle:
    """Return the mask of a frame without the object."""
    return encode_mask(np.zeros((result.video.height, result.video.width), np.bool_))


def is_same_object(one: Phrase, other: Phrase) -> bool:
    """Return whether two phrases are one object; ``heard`` may be known of one of them only."""
    return (one.reference, one.text) == (other.reference, other.text)


def find_changed_frames(before: Result, after: Result) -> list[int]:
    """List the frames on which the masks of two results differ."""
    shorter, longer = sorted((before.tracks, after.tracks), key=len)
    more = longer[len(shorter) :]
    changed = {frame for track in more for frame, rle in enumerate(track.rles) if rle.area}
    for one, other in zip(before.tracks, after.tracks, strict=False):
        if one.rles is not other.rles:
            pairs = enumerate(zip(one.rles, other.rles, strict=True))
            changed |= {frame for frame, (old, new) in pairs if old is not new and old.counts != new.counts}
    return sorted(changed)


def apply_correction(result: Result, correction: Correction, change: TrackChange | None, added: Result | None) -> Result:
    """Return the result after a correction, for which ``change`` or ``added`` was computed, if it needs that."""
    updated = result
    if correction.action == "add" and added is not None:
        updated = _join_results(result, added)
    elif correction.action == "prompt" and change is not None:
        updated = _apply_change(result, correction, change)
    elif correction.action in ("confirm", "name", "remove"):
        number = find_track(result, correction.object)
        track = get_track(result, number, correction.object)
        updated = replace_track(result, number, _decide_track(result, track, correction))
    return updated.model_copy(update={"revision": correction.revision})


def replace_track(result: Result, number: int, track: Track, boxes: Sequence[PivotBox] | None = None) -> Result:
    """Return the result with another track, whose reference gets the verdict of the user, and with other boxes if given."""
    tracks = list(result.tracks)
    tracks[number : number + 1] = [track]
    verdicts = [
        make_user_verdict(verdict, [item for item in tracks if item.phrase.reference == verdict.reference])
        if verdict.reference == track.phrase.reference
        else verdict
        for verdict in result.verdicts
    ]
    changes: dict[str, Any] = {"tracks": tuple(tracks), "verdicts": tuple(verdicts)}
    return result.model_copy(update=changes if boxes is None else {**changes, "boxes": tuple(boxes)})


def _apply_change(result: Result, correction: Correction, change: TrackChange) -> Result:
    prompt = correction.prompt
    assert prompt is not None, "a correction by a prompt has one"
    track = get_track(result, change.track, correction.object)
    rles, scores = list(track.rles), list(track.scores)
    for frame, rle, score in zip(change.frames, change.rles, change.scores, strict=True):
        rles[frame], scores[frame] = rle, score
    corrected = tuple(sorted({*track.corrected, prompt.frame}))
    confirmed = tuple(frame for frame in track.confirmed if frame != prompt.frame)
    decided_frames = {*corrected, *confirmed}
    new_flags = drift.flag_frames(rles, scores, sorted(decided_frames))
    changed = set(change.frames)
    flags = [flag for flag in new_flags if flag.frame in changed] + [flag for flag in track.flags if flag.frame not in changed]
    flags = sorted((flag for flag in flags if flag.frame not in decided_frames), key=lambda flag: flag.frame)
    corrected_track = track.model_copy(
        update={
            "rles": tuple(rles),
            "scores": tuple(scores),
            "logits": (),
            "flags": tuple(flags),
            "corrected": corrected,
            "confirmed": confirmed,
            "layer": track.get_layer(),
        }
    )
    prompt_box = make_prompt_box(track.phrase, prompt)
    boxes = [
        box
        for box in result.boxes
        if box.source != "user" or box.pivot.frame != prompt.frame or not is_same_object(box.pivot.phrase, track.phrase)
    ]
    return replace_track(result, change.track, corrected_track, [*boxes, prompt_box])


def _decide_track(result: Result, track: Track, correction: Correction) -> Track:
    """Return a track after a decision for which nothing is computed."""
    if correction.action == "name":
        return track.model_copy(update={"name": correction.name})
    if correction.action == "remove":
        length = len(track.rles)
        emptied = {"rles": (make_empty_rle(result),) * length, "scores": (0.0,) * length, "logits": (), "flags": ()}
        return track.model_copy(update={**emptied, "corrected": (), "confirmed": (), "layer": track.get_layer()})
    assert correction.frame is not None, "a confirmation has a frame"
    frames = tuple(sorted({*track.confirmed, correction.frame}))
    flags = tuple(flag for flag in track.flags if flag.frame != correction.frame)
    return track.model_copy(update={"confirmed": frames, "flags": flags, "layer": track.get_layer()})


def _join_results(result: Result, added: Result) -> Result:
    """Return the result with what another run over the same video found, after what it had."""
    names = ("references", "transcripts", "phrases", "pivots", "candidates", "boxes", "concepts", "tracks", "verdicts")
    joined = {name: (*getattr(result, name), *getattr(added, name)) for name in (*names, "object_tracks", "choices", "audits")}
    lowest = min((track.get_layer() for track in result.tracks), default=0.0)
    old_tracks = [track.model_copy(update={"layer": track.get_layer()}) for track in result.tracks]
    new_tracks = [track.model_copy(update={"layer": min(lowest, track.get_layer())}) for track in added.tracks]
    return result.model_copy(update={**joined, "tracks": (*old_tracks, *new_tracks)})


def find_stretch(confirmed: Iterable[int], frame: int, length: int) -> tuple[int, int]:
    """Return the first and the last frame between the nearest confirmed frames on both sides of ``frame``, without them."""
    frames = list(confirmed)
    left = max((number for number in frames if number < frame), default=-1)
    right = min((number for number in frames if number > frame), default=length)
    return left + 1, right - 1


def make_new_id(result: Result) -> str:
    """Return the id of a new reference: the next number that is not taken."""
    used = {reference.id for reference in result.references}
    return next(str(number) for number in range(len(used) + 1, 2 * len(used) + 2) if str(number) not in used)


def check_new_reference(result: Result, reference: Reference) -> None:
    """Raise InputError if the result has the id already."""
    if any(known.id == reference.id for known in result.references):
        raise InputError(f"reference: the run has an object {reference.id!r} already; choose another id")
