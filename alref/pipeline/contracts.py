"""Checks of inputs and outputs of components. A broken contract raises ContractError with the expected and the given value."""

from __future__ import annotations

from collections.abc import Collection, Container, Sequence
from typing import Any

import numpy as np

from alref.components.base import Stage
from alref.errors import ContractError, InputError, Problem
from alref.media.video import Video
from alref.records import (
    BehaviorReview,
    Candidates,
    Concept,
    ExistenceAudit,
    FrameMasks,
    MaskReview,
    ObjectTrack,
    Phrase,
    PivotBox,
    PivotFrame,
    Prompt,
    Reference,
    Track,
    TrackCandidates,
    TrackChoice,
    Transcript,
)

BOX_TOLERANCE = 1.0
"""Pixels by which a box may exceed the frame, because detectors round."""


def check_references(references: Sequence[Reference], video: Video) -> None:
    """Check the references against the video. Raises InputError."""
    ids = [reference.id for reference in references]
    if not ids:
        raise InputError("nothing to look for: expected at least one reference, got none", code="no-reference")
    if len(set(ids)) != len(ids):
        twice = sorted({id_ for id_ in ids if ids.count(id_) > 1})
        raise InputError(f"expected one id for each reference, got twice: {', '.join(twice)}")
    for reference in references:
        for prompt in reference.prompts:
            check_prompt(prompt, video, f"reference {reference.id!r}")


def check_prompt(prompt: Prompt, video: Video, where: str) -> None:
    """Check a prompt against the video. Raises InputError that begins with ``where``."""
    if prompt.frame >= len(video):
        raise InputError(f"{where}: expected a frame from 0 to {len(video) - 1}, got {prompt.frame}")
    size = (video.height, video.width)
    if prompt.mask is not None and prompt.mask.shape != size:
        raise InputError(f"{where}: expected a mask of {size} (height, width) as the video is read, got {prompt.mask.shape}")
    if prompt.mask is not None and not prompt.mask.any():
        raise InputError(f"{where}: the mask is empty; mark the object with non-zero pixels")
    if prompt.box is not None and not _is_inside(prompt.box, video):
        raise InputError(f"{where}: expected a box inside {video.width} x {video.height} pixels, got {prompt.box.tolist()}")
    if prompt.points is not None and not _is_inside(np.tile(prompt.points, 2), video):
        raise InputError(f"{where}: expected points inside {video.width} x {video.height} pixels, got {prompt.points.tolist()}")


def _is_inside(boxes: Any, video: Video) -> bool:
    corners = np.asarray(boxes).reshape(-1, 4)
    limit = np.array([video.width, video.height, video.width, video.height]) + BOX_TOLERANCE
    return bool((corners >= -BOX_TOLERANCE).all() and (corners <= limit).all())


def check_list_of(output: Any, record_type: type) -> None:
    """Check that a stage returned a list of one kind of record."""
    if not isinstance(output, list) or not all(isinstance(item, record_type) for item in output):
        got = type(output).__name__ if not isinstance(output, list) else {type(item).__name__ for item in output}
        raise ContractError(f"expected a list of {record_type.__name__}, got {got}")


def find_problems(stage: Stage, slot: str) -> list[Problem]:
    """Return the problems of a component, with the slot that it fills. Raises ContractError for anything else.

    A device that its class does not declare comes first.
    """
    if stage.devices and stage.device not in ("auto", *stage.devices):
        message = f"{stage.name} runs on {' or '.join(stage.devices)}, not on {stage.device}"
        return [Problem(slot=slot, message=message, hint=f"--device {stage.devices[0]}")]
    problems = stage.problems()
    check_list_of(problems, Problem)
    return [problem.assign_slot(slot) for problem in problems]


def check_phrases(output: list[Phrase], ids: Sequence[str]) -> None:
    """Check that phrases belong to the given references."""
    strange = {phrase.reference for phrase in output} - set(ids)
    if strange:
        raise ContractError(f"expected phrases of {', '.join(ids)}, got one of {', '.join(sorted(strange))}")


def check_transcripts(output: list[Transcript], ids: Sequence[str]) -> None:
    """Check that transcripts belong to the given reference."""
    strange = {item.reference for item in output} - set(ids)
    if strange:
        raise ContractError(f"expected transcripts of {', '.join(ids)}, got one of {', '.join(sorted(strange))}")


def check_pivots(output: list[PivotFrame], video: Video, ids: Sequence[str]) -> None:
    """Check that pivot frames are inside the video and belong to the given references."""
    check_phrases([pivot.phrase for pivot in output], ids)
    for pivot in output:
        if pivot.frame is not None and pivot.frame >= len(video):
            raise ContractError(f"expected a frame from 0 to {len(video) - 1}, got {pivot.frame} for {pivot.phrase.text!r}")


def check_candidates(output: list[Candidates], expected: list[PivotFrame], video: Video) -> None:
    """Check that there is one entry per pivot, in order, with boxes and masks inside the frame."""
    pivots = [item.pivot for item in output]
    if len(pivots) != len(expected):
        raise ContractError(f"expected one Candidates for each of {len(expected)} pivots, got {len(output)}")
    for position, (pivot, expected_pivot) in enumerate(zip(pivots, expected, strict=True)):
        if pivot != expected_pivot:
            known = "in their order" if pivot in expected else "with the pivots that were given"
            raise ContractError(f"expected Candidates {known}, got another pivot at position {position}: {pivot!r}")
    for item in output:
        if not _is_inside(item.xyxy, video):
            raise ContractError(f"expected boxes inside {video.width} x {video.height} pixels, got {item.xyxy.tolist()}")
        if item.masks is not None and len(item) and item.masks.shape[1:] != (video.height, video.width):
            raise ContractError(f"expected masks of {(video.height, video.width)}, got {item.masks.shape[1:]}")


def check_boxes(output: list[PivotBox], expected: list[Candidates], video: Video) -> None:
    """Check that pivot boxes belong to the given pivots and are inside the frame."""
    known = {candidate.pivot for candidate in expected}
    for box in output:
        if box.pivot not in known:
            raise ContractError(f"expected a box for one of the pivots asked about, got one for {box.pivot.phrase.text!r}")
        if box.xyxy is not None and not _is_inside(box.xyxy, video):
            raise ContractError(f"expected a box inside {video.width} x {video.height} pixels, got {box.xyxy.tolist()}")


def check_located_phrases(output: list[Phrase], expected: list[Phrase]) -> None:
    """Check that ``locate`` returned the given phrases with changes in ``heard`` only."""
    if [item.model_copy(update={"heard": None}) for item in output] != [
        phrase.model_copy(update={"heard": None}) for phrase in expected
    ]:
        raise ContractError(
            f"expected the same {len(expected)} phrases with heard filled in, got {[item.text for item in output]}"
        )


def check_frame_masks(output: Any, video: Video, objects: int, seen: Container[int]) -> None:
    """Check the masks of one frame: type, frame number, shape, scores from 0 to 1, and that the frame is new."""
    if not isinstance(output, FrameMasks):
        raise ContractError(f"expected FrameMasks, got {type(output).__name__}")
    shape = (objects, video.height, video.width)
    if output.masks.shape != shape:
        raise ContractError(f"frame {output.frame}: expected masks of {shape}, got {output.masks.shape}")
    if not ((output.scores >= 0) & (output.scores <= 1)).all():
        raise ContractError(f"frame {output.frame}: expected scores from 0 to 1, got {output.scores.tolist()}")
    if output.frame >= len(video) or output.frame in seen:
        raise ContractError(f"expected each frame from 0 to {len(video) - 1} once, got {output.frame} again or beyond the end")


def check_all_frames(seen: Collection[int], video: Video) -> None:
    """Check that every frame has masks."""
    missing = sorted(set(range(len(video))) - set(seen))
    if missing:
        raise ContractError(f"expected masks of every frame, got none for {len(missing)} frames, the first is {missing[0]}")


def check_concepts(output: list[Concept], expected: Sequence[Phrase], failed: Sequence[Concept]) -> None:
    """Check that there is at most one concept for each phrase, in their order, and none with a noun that failed before."""
    _check_phrase_order("concepts", [item.phrase for item in output], expected)
    for concept in output:
        tried = {noun for other in failed if other.phrase == concept.phrase for noun in other.nouns}
        if concept.finding == "found" and concept.nouns[0] in tried:
            raise ContractError(f"expected a new noun for {concept.phrase.text!r}, got {concept.noun!r} again")


def check_object_tracks(output: list[ObjectTrack], nouns: Sequence[str], video: Video) -> None:
    """Check that tracks belong to the nouns, are numbered by score, and have a mask and a score 0..1 for every frame."""
    for noun in {item.noun for item in output}:
        if noun not in nouns:
            raise ContractError(f"expected tracks of {', '.join(nouns)}, got one of {noun!r}")
        own = [item for item in output if item.noun == noun]
        ids, scores = [track.id for track in own], [track.score for track in own]
        if ids != list(range(1, len(own) + 1)) or scores != sorted(scores, reverse=True):
            raise ContractError(f"expected ids 1 to {len(own)}, the best score first, got ids {ids} with scores {scores}")
    size = (video.height, video.width)
    for item in output:
        if len(item.rles) != len(video):
            raise ContractError(f"expected a mask for each of {len(video)} frames, got {len(item.rles)} in {item!r}")
        if not item.frames:
            raise ContractError(f"expected tracks that are seen on a frame, got {item!r}")
        if wrong := next((rle.size for rle in item.rles if rle.size != size), None):
            raise ContractError(f"expected masks of {size}, got {wrong}")
        if strange := [score for score in item.scores if not 0 <= score <= 1]:
            raise ContractError(f"expected scores of frames from 0 to 1, got {strange[0]} in {item!r}")


def check_track_choices(output: list[TrackChoice], expected: Sequence[TrackCandidates], video: Video) -> None:
    """Check that there is exactly one choice for each track of each phrase, in order, about frames of the video."""
    asked = [(candidate.phrase, track.id) for candidate in expected for track in candidate.tracks]
    if [(item.phrase, item.track) for item in output] != asked:
        got = [(item.phrase.text, item.track) for item in output]
        raise ContractError(f"expected one choice for each of {[(phrase.text, id_) for phrase, id_ in asked]}, got {got}")
    for choice in output:
        if beyond := [frame for frame in choice.frames if not 0 <= frame < len(video)]:
            raise ContractError(f"expected frames from 0 to {len(video) - 1}, got {beyond[0]}")


def check_audits(output: list[ExistenceAudit], expected: Sequence[TrackCandidates]) -> None:
    """Check that there is at most one audit for each phrase, in their order, and that absent comes with evidence."""
    _check_phrase_order("audits", [item.phrase for item in output], [candidate.phrase for candidate in expected])
    for audit in output:
        if audit.finding == "absent" and not audit.why.strip():
            raise ContractError(f"expected the evidence in why with finding 'absent', got none for {audit.phrase.text!r}")


def _check_phrase_order(what: str, given: Sequence[Phrase], expected: Sequence[Phrase]) -> None:
    if list(given) != [phrase for phrase in expected if phrase in given]:
        asked = ", ".join(repr(phrase.text) for phrase in expected)
        got = ", ".join(repr(phrase.text) for phrase in given)
        raise ContractError(f"expected {what} of {asked}, at most one each and in this order, got {got}")


def check_mask_reviews(output: list[MaskReview], tracks: Sequence[Track], frames: Sequence[Sequence[int]]) -> None:
    """Check that there is one review for each track, in their order, about the frames that were asked about."""
    if [item.phrase for item in output] != [track.phrase for track in tracks]:
        raise ContractError(f"expected one review for each of {len(tracks)} tracks in their order, got {len(output)}")
    if (got := [list(item.frames) for item in output]) != [list(frame) for frame in frames]:
        raise ContractError(f"expected reviews of the frames {[list(frame) for frame in frames]}, got {got}")


def check_behavior_reviews(output: list[BehaviorReview], tracks: Sequence[Track]) -> None:
    """Check that there is one review for each track, in their order, or none at all."""
    if output and [item.phrase for item in output] != [track.phrase for track in tracks]:
        raise ContractError(f"expected one review for each of {len(tracks)} tracks in their order, got {len(output)}")
