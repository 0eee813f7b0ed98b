"""Review the masks of a result: ask whether they are on the object, and repair the frames on which they are not.

A repair starts again from frames that the review confirmed. It is taken only if the review then confirms it; else the earlier
masks stay. A doubt changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby

import numpy as np

from alref.llm.cost_estimate import REVIEW_FRAMES
from alref.media.section import VideoSection
from alref.pipeline import contracts
from alref.pipeline.alternatives import find_alternatives
from alref.pipeline.stage_runner import StageRunner, clear_silent_masks
from alref.records import BehaviorReview, MaskRepair, MaskReview, PivotBox, PivotFrame, Track, Verdict
from alref.records.review import FrameAnswer
from alref.result import Result
from alref.utils.masks import compute_box


@dataclass(frozen=True)
class WrongInterval:
    """Frames ``first`` to ``last`` around reviewed frames on which the mask is not on the object."""

    first: int
    last: int
    frames: tuple[int, ...]


@dataclass
class ReviewedTrack:
    """A track in the review: the answers so far by frame, the frames that repairs started from, and what else it could be."""

    place: int
    track: Track
    answers: dict[int, FrameAnswer] = field(default_factory=dict)
    used_keys: set[int] = field(default_factory=set)
    alternatives: Iterator[tuple[Track, int]] = field(default_factory=lambda: iter(()))

    @property
    def is_contradicted(self) -> bool:
        """Whether a mask is not on the object, and none is confirmed."""
        given = {answer for frame, answer in self.answers.items() if self.track.rles[frame].area}
        return "no" in given and "yes" not in given


def review_result(runner: StageRunner, result: Result, rounds: int) -> Result:
    """Return a result whose masks were reviewed and, where that helped, repaired in at most ``rounds`` rounds.

    Objects that the user gave by a prompt are left out. A track that is contradicted makes its verdict ambiguous.
    """
    given = {reference.id for reference in result.references if reference.has_prompt}
    chosen = [
        ReviewedTrack(place, track, alternatives=find_alternatives(runner, result, track))
        for place, track in enumerate(result.tracks)
        if track.phrase.reference not in given and any(rle.area for rle in track.rles)
    ]
    if not chosen:
        return result
    reviews = _review_masks(runner, chosen, [select_frames(item.track) for item in chosen], 1)
    repairs: list[MaskRepair] = []
    for number in range(1, rounds + 1):
        for more, made in (_repair_tracks(runner, chosen, number), _replace_tracks(runner, chosen, number)):
            reviews, repairs = [*reviews, *more], [*repairs, *made]
    behaviors = _review_behavior(runner, chosen)
    tracks = list(result.tracks)
    for item in chosen:
        tracks[item.place] = item.track
    return result.model_copy(
        update={
            "tracks": tuple(tracks),
            "reviews": tuple(reviews),
            "behaviors": tuple(behaviors),
            "repairs": tuple(repairs),
            "verdicts": tuple(amend_verdict(verdict, chosen, reviews, behaviors, repairs) for verdict in result.verdicts),
            "seconds": dict(runner.seconds),
            "warnings": tuple(dict.fromkeys([*result.warnings, *runner.warnings])),
        }
    )


def select_frames(track: Track) -> list[int]:
    """Return at most ``REVIEW_FRAMES`` frames of a track to review: flagged ones, gaps, and others that are evenly spread.

    A quarter are the middles of the longest runs of empty masks, up to a half are flagged.
    """
    seen = [frame for frame, rle in enumerate(track.rles) if rle.area]
    flagged = sorted({flag.frame for flag in track.flags} & {*seen})
    chosen = [*_sample_evenly(flagged, REVIEW_FRAMES // 2), *_find_gaps(track)]
    others = [frame for frame in seen if frame not in chosen]
    return sorted([*chosen, *_sample_evenly(others, REVIEW_FRAMES - len(chosen))])


def _find_gaps(track: Track) -> list[int]:
    """Return the middles of the longest runs of empty masks; none if masks are empty because nothing is heard."""
    if track.phrase.heard is not None:
        return []
    runs = [
        list(run) for is_empty, run in groupby(range(len(track.rles)), key=lambda frame: not track.rles[frame].area) if is_empty
    ]
    return [run[len(run) // 2] for run in sorted(runs, key=len, reverse=True)[: REVIEW_FRAMES // 4]]


def _sample_evenly(frames: Sequence[int], count: int) -> list[int]:
    count = min(count, len(frames))
    return [frames[(2 * part + 1) * len(frames) // (2 * count)] for part in range(count)]


def find_wrong_intervals(reviewed: ReviewedTrack) -> list[WrongInterval]:
    """Return the intervals around frames that are answered no, up to the next other answer; none without a confirmed frame."""
    if reviewed.is_contradicted:
        return []
    seen = [frame for frame, rle in enumerate(reviewed.track.rles) if rle.area]
    frames = sorted(reviewed.answers)
    intervals = []
    for is_wrong, group in groupby(frames, key=lambda frame: reviewed.answers[frame] == "no"):
        run = list(group)
        if is_wrong:
            before = [frame for frame in frames if frame < run[0]]
            after = [frame for frame in frames if frame > run[-1]]
            first, last = before[-1] + 1 if before else min(seen[0], run[0]), after[0] - 1 if after else max(seen[-1], run[-1])
            intervals.append(WrongInterval(first, last, tuple(run)))
    return intervals


def choose_keys(reviewed: ReviewedTrack, interval: WrongInterval, number: int) -> tuple[int, ...]:
    """Return confirmed frames to start from, on both sides of an interval: the nearest, in later rounds the best-scored."""
    confirmed = [
        frame for frame, answer in sorted(reviewed.answers.items()) if answer == "yes" and reviewed.track.rles[frame].area
    ]
    fresh = [frame for frame in confirmed if frame not in reviewed.used_keys] or confirmed
    sides = [frame for frame in fresh if frame < interval.first][::-1], [frame for frame in fresh if frame > interval.last]
    return tuple(
        side[0] if number == 1 else max(side, key=lambda frame: reviewed.track.scores[frame]) for side in sides if side
    )


def _repair_tracks(
    runner: StageRunner, chosen: Sequence[ReviewedTrack], number: int
) -> tuple[list[MaskReview], list[MaskRepair]]:
    """Propagate intervals again from confirmed frames, review the new masks, and take those intervals that are confirmed."""
    tried = []
    for reviewed in chosen:
        keys = {interval: choose_keys(reviewed, interval, number) for interval in find_wrong_intervals(reviewed)}
        repaired = reviewed.track
        for interval in filter(keys.get, keys):
            repaired = _propagate_interval(runner, repaired, interval, keys[interval])
        if any(keys.values()):
            reviewed.used_keys.update(*keys.values())
            tried.append((reviewed, keys, ReviewedTrack(reviewed.place, repaired)))
    shown = [sorted({frame for interval in keys for frame in interval.frames}) for _, keys, _ in tried]
    reviews = _review_masks(runner, [repaired for _, _, repaired in tried], shown, number) if tried else []
    repairs = []
    for reviewed, keys, check in tried:
        better = [interval for interval in keys if _is_confirmed(interval, check.answers)]
        reviewed.track = replace_frames(reviewed.track, check.track, better)
        reviewed.answers |= {frame: check.answers[frame] for interval in better for frame in interval.frames}
        repairs += [_make_repair(reviewed.place, number, interval, keys[interval], interval in better) for interval in keys]
    return reviews, repairs


def _replace_tracks(
    runner: StageRunner, chosen: Sequence[ReviewedTrack], number: int
) -> tuple[list[MaskReview], list[MaskRepair]]:
    """Review one other object for each track that is contradicted, and take it if it is confirmed.

    Two tracks of one reference never get the same object.
    """
    tried = []
    shown = {(item.track.phrase.reference, item.track.rles) for item in chosen}
    for reviewed in filter(lambda item: item.is_contradicted, chosen):
        reference = reviewed.track.phrase.reference
        fresh = (other for other in reviewed.alternatives if (reference, other[0].rles) not in shown)
        if other := next((each for each in fresh if any(rle.area for rle in each[0].rles)), None):
            shown.add((reference, other[0].rles))
            tried.append((reviewed, ReviewedTrack(reviewed.place, other[0]), other[1]))
    candidates = [candidate for _, candidate, _ in tried]
    reviews = _review_masks(runner, candidates, [select_frames(item.track) for item in candidates], number) if tried else []
    repairs = []
    for reviewed, candidate, key in tried:
        interval = WrongInterval(0, len(candidate.track.rles) - 1, tuple(candidate.answers))
        confirmed = _is_confirmed(interval, candidate.answers)
        if confirmed:
            reviewed.track, reviewed.answers = candidate.track, candidate.answers
        repairs.append(_make_repair(reviewed.place, number, interval, [key], confirmed))
    return reviews, repairs


def _is_confirmed(interval: WrongInterval, answers: dict[int, FrameAnswer]) -> bool:
    given = [answers[frame] for frame in interval.frames]
    return "yes" in given and "no" not in given


def _make_repair(track: int, number: int, interval: WrongInterval, keys: Sequence[int], accepted: bool) -> MaskRepair:
    why = (
        "the review confirms the new masks" if accepted else "the review does not confirm the new masks; the earlier ones stay"
    )
    return MaskRepair(
        track=track, round=number, first=interval.first, last=interval.last, keys=tuple(keys), accepted=accepted, why=why
    )


def _propagate_interval(runner: StageRunner, track: Track, interval: WrongInterval, keys: Sequence[int]) -> Track:
    """Return a track whose masks in an interval are propagated again, from its own masks on the frames ``keys``.

    No frame beyond the interval and the keys is read.
    """
    first, last = min(interval.first, *keys), max(interval.last, *keys)
    boxes = []
    for key in keys:
        mask, why = track.decode_mask(key), "its mask on this frame was confirmed by the review"
        pivot = PivotFrame(phrase=track.phrase, frame=key - first, why=why)
        boxes.append(PivotBox(pivot=pivot, xyxy=compute_box(mask), score=track.scores[key], mask=mask, why=why))
    (part,) = replace(runner, video=VideoSection(runner.video, first, last + 1)).propagate_tracks(boxes)
    whole = {
        name: (*getattr(track, name)[:first], *getattr(part, name), *getattr(track, name)[last + 1 :])
        for name in ("rles", "scores")
    }
    again = clear_silent_masks(track.model_copy(update=whole), track.phrase, [float(time) for time in runner.video.times])
    return replace_frames(track, again, [interval])


def replace_frames(track: Track, new: Track, intervals: Sequence[WrongInterval]) -> Track:
    """Return a track with the masks and scores of another one in some intervals; its flags there are dropped."""
    inside = np.zeros(len(track.rles), np.bool_)
    for interval in intervals:
        inside[interval.first : interval.last + 1] = True
    if not inside.any():
        return track
    facts = {
        name: tuple(
            fresh if there else old for old, fresh, there in zip(getattr(track, name), getattr(new, name), inside, strict=True)
        )
        for name in ("rles", "scores")
    }
    flags = tuple(flag for flag in track.flags if not inside[flag.frame])
    return track.model_copy(update={**facts, "logits": (), "flags": flags})


def _review_masks(
    runner: StageRunner, reviewed: Sequence[ReviewedTrack], frames: list[list[int]], number: int
) -> list[MaskReview]:
    """Ask about the masks of tracks on some frames, and keep the answers."""
    tracks = [item.track for item in reviewed]
    check: Callable[[list[MaskReview]], None] = partial(contracts.check_mask_reviews, tracks=tracks, frames=frames)
    reviews = runner.call_stage("reviewer", "review_masks", MaskReview, check, tracks, frames)
    for item, review in zip(reviewed, reviews, strict=True):
        item.answers |= dict(zip(review.frames, review.answers, strict=True))
    return [
        review.model_copy(update={"track": item.place, "round": number}) for item, review in zip(reviewed, reviews, strict=True)
    ]


def _review_behavior(runner: StageRunner, reviewed: Sequence[ReviewedTrack]) -> list[BehaviorReview]:
    tracks = [item.track for item in reviewed]
    check: Callable[[list[BehaviorReview]], None] = partial(contracts.check_behavior_reviews, tracks=tracks)
    reviews = runner.call_stage("reviewer", "review_behavior", BehaviorReview, check, tracks)
    return [review.model_copy(update={"track": item.place}) for item, review in zip(reviewed, reviews, strict=False)]


def _find_objection(reviews: Sequence[MaskReview]) -> str:
    """Return the first reason why a mask is not on the object, with its frame."""
    objections = (
        f"frame {frame}: {reason}"
        for review in reviews
        for frame, answer, reason in zip(review.frames, review.answers, review.reasons, strict=True)
        if answer == "no"
    )
    return next(objections, "its masks are not on it")


def amend_verdict(
    verdict: Verdict,
    reviewed: Sequence[ReviewedTrack],
    reviews: Sequence[MaskReview],
    behaviors: Sequence[BehaviorReview],
    repairs: Sequence[MaskRepair],
) -> Verdict:
    """Return a verdict that names repairs, and is ambiguous if the review contradicts a track; the masks stay as they are."""
    own = {item.place: item for item in reviewed if item.track.phrase.reference == verdict.reference}
    doubts = [behavior.why for behavior in behaviors if behavior.track in own and behavior.verdict == "contradicted"]
    for place, item in own.items():
        if item.is_contradicted:
            own_reviews = [review for review in reviews if review.track == place]
            doubts += [_find_objection(own_reviews[:1])]
    done = [
        f"the review repaired frames {repair.first} to {repair.last}"
        for repair in repairs
        if repair.accepted and repair.track in own
    ]
    objections = [f"the review disagrees: {doubt}" for doubt in dict.fromkeys(doubts)]
    finding = "ambiguous" if verdict.finding == "found" and doubts else verdict.finding
    return verdict.model_copy(update={"finding": finding, "why": "; ".join([verdict.why, *done, *objections])})
