"""Track nouns: split the video, detect in all of it, follow in each section, link the sections."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alref import ContractError, ObjectTrack, Propagator, Proposer, Video
from alref_tracking._detection import NounDetections, detect_noun
from alref_tracking._following import SectionFollower
from alref_tracking._linking import FollowedObject, link_sections
from alref_tracking._sections import split_video

if TYPE_CHECKING:
    from alref_tracking import DetectAndFollow


def track_nouns(tracker: DetectAndFollow, video: Video, nouns: list[str]) -> list[ObjectTrack]:
    """Return the tracks of each noun."""
    proposer, propagator = get_parts(tracker)
    options = tracker.options
    sections = split_video(video, options.window, options.cuts)
    total, done = 2 * len(sections) * len(nouns), 0
    detections: dict[str, list[NounDetections]] = {noun: [] for noun in nouns}
    for section in sections:
        view = section.open(video)
        for noun in nouns:
            detections[noun].append(detect_noun(proposer, view, noun, options.every, options.nms_iou))
            done += 1
            tracker.advance(done, total)
    best = {noun: max((each.best_score for each in detections[noun]), default=0.0) for noun in nouns}
    found: dict[str, list[list[FollowedObject]]] = {noun: [] for noun in nouns}
    for number, section in enumerate(sections):
        view = section.open(video)
        for noun in nouns:
            follower = SectionFollower(proposer, propagator, view, noun, options, best[noun])
            found[noun].append(follower.follow(detections[noun][number]))
            done += 1
            tracker.advance(done, total)
    linked = {noun: link_sections(sections, found[noun], video) for noun in nouns}
    return [track for noun in nouns for track in make_tracks(noun, linked[noun], options.max_tracks)]


def get_parts(tracker: DetectAndFollow) -> tuple[Proposer, Propagator]:
    """Return the proposer and the propagator of the run. Raises ContractError if they were not given."""
    proposer, propagator = tracker.parts.get("proposer"), tracker.parts.get("propagator")
    if not isinstance(proposer, Proposer) or not isinstance(propagator, Propagator):
        raise ContractError(f"expected a proposer and a propagator in parts, got {sorted(tracker.parts)}")
    return proposer, propagator


def make_tracks(noun: str, objects: list[FollowedObject], most: int) -> list[ObjectTrack]:
    """Return the best objects as tracks, numbered."""
    ranked = sorted(objects, key=lambda each: -each.score)[:most]
    return [
        ObjectTrack(id=number, noun=noun, score=each.score, rles=tuple(each.rles), scores=tuple(each.scores))
        for number, each in enumerate(ranked, 1)
    ]
