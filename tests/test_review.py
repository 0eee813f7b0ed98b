"""The review replaces what is wrong by what is verified better; it never takes a mask away because of a doubt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from alref.components.base import Reviewer
from alref.errors import ConfigError, ContractError
from alref.output.review_summary import describe_review
from alref.plugins.manager import PluginManager
from alref.records import BehaviorReview, MaskReview, Prompt, Reference, Track
from alref.result import Result
from support.scripted import DOG, announcing
from support.scripted_review import (
    LOST,
    TOTAL,
    VIDEO,
    ReviewScript,
    draw_object,
    draw_wall,
    find_first_frame,
    judge_truly,
    make_review,
    propagate_with,
)
from support.scripted_tracks import TrackScript, make_chooser, make_object_track


def find_lost(result: Result) -> list[int]:
    """Return the frames on which the track is on the wall."""
    (track,) = result.tracks
    return [frame for frame in range(TOTAL) if np.array_equal(track.decode_mask(frame), draw_wall())]


def lose_late(frame: int, starts: Sequence[int]) -> bool:
    """Lose the object from frame 12 on, unless the track starts from the frame before."""
    return frame in LOST and max(starts) < 9


def test_no_review_is_made_unless_it_is_asked_for() -> None:
    script = ReviewScript(propagate=propagate_with(lose_late))
    result = script.review(0)
    assert (script.asked("review_masks"), result.reviews, find_lost(result)) == ([], (), list(LOST))


def test_a_lost_track_is_propagated_again_from_a_confirmed_frame() -> None:
    script = ReviewScript(propagate=propagate_with(lose_late))
    result = script.review()
    assert find_lost(result) == []
    (repair,) = result.repairs
    assert (repair.first, repair.last, repair.keys, repair.accepted) == (12, 23, (11,), True)
    assert result.verdict().finding == "found"
    first, check = result.reviews
    assert (len(first.frames), set(first.answers), set(check.answers)) == (16, {"yes", "no"}, {"yes"})
    assert len(script.asked("propagate")) == 2


def test_a_repair_propagates_only_the_interval_and_the_frames_that_it_starts_from() -> None:
    stretches = []

    def propagate(video: Any, boxes: Any) -> Any:
        stretches.append((find_first_frame(video), len(video)))
        return propagate_with(lambda frame, starts: starts == [1] and frame in (5, 6, 18, 19))(video, boxes)

    result = ReviewScript(propagate=propagate).review()
    assert find_lost(result) == []
    parts = [
        (min(each.first, *each.keys), max(each.last, *each.keys) - min(each.first, *each.keys) + 1) for each in result.repairs
    ]
    assert stretches == [(0, TOTAL), *parts]
    assert sum(length for _, length in parts) < TOTAL / 2


def test_masks_that_are_confirmed_are_not_touched() -> None:
    script = ReviewScript(propagate=propagate_with(lambda frame, starts: False))
    result = script.review(3)
    assert (result.repairs, len(script.asked("propagate")), len(script.asked("review_masks"))) == ((), 1, 1)
    assert result.verdict().finding == "found"


def test_a_repair_that_is_not_confirmed_changes_nothing() -> None:
    script = ReviewScript(propagate=propagate_with(lambda frame, starts: frame in LOST))
    before, after = script.review(0), script.review(2)
    assert after.tracks == before.tracks
    assert [(each.round, each.accepted) for each in after.repairs] == [(1, False), (2, False)]


def test_each_interval_is_taken_or_left_by_itself() -> None:
    def lose(frame: int, starts: Sequence[int]) -> bool:
        return frame in (5, 6) or (frame in range(18, 22) and len(starts) == 1)

    result = ReviewScript(propagate=propagate_with(lose)).review()
    assert find_lost(result) == [5, 6]
    assert [(each.first <= 5, each.accepted) for each in result.repairs] == [(True, False), (False, True)]


def test_a_later_round_starts_from_other_frames() -> None:
    script = ReviewScript(
        propagate=propagate_with(lambda frame, starts: (frame in LOST and 11 in starts) or (starts == [1] and frame in LOST))
    )
    result = script.review(2)
    assert [each.accepted for each in result.repairs] == [False, True]
    assert len({each.keys for each in result.repairs}) == 2
    assert find_lost(result) == []


@pytest.mark.parametrize("answer", ["unclear", "yes"])
def test_a_doubt_changes_nothing(answer: str) -> None:
    script = ReviewScript(judge=lambda frame, mask: answer, propagate=propagate_with(lose_late))
    result = script.review(3)
    assert find_lost(result) == list(LOST)
    assert (result.repairs, len(script.asked("propagate")), result.verdict().finding) == ((), 1, "found")


def test_a_track_that_is_wrong_everywhere_stays_and_its_verdict_says_so() -> None:
    script = ReviewScript(propagate=propagate_with(lambda frame, starts: True))
    result = script.review(2)
    assert (find_lost(result), [each.accepted for each in result.repairs]) == (list(range(TOTAL)), [])
    assert result.verdict().finding == "ambiguous"
    assert "the line is on the wall" in result.verdict().why


def test_another_candidate_is_taken_if_the_review_contradicts_the_first_and_confirms_it() -> None:
    def propagate(video: Any, boxes: Any) -> Any:
        is_second = boxes[0].xyxy[0] == 20
        return propagate_with(lambda frame, starts: not is_second)(video, boxes)

    result = ReviewScript(propagate=propagate).review(2)
    assert find_lost(result) == []
    (repair,) = result.repairs
    assert (repair.first, repair.last, repair.keys, repair.accepted) == (0, TOTAL - 1, (1,), True)
    assert result.verdict().finding == "found"
    assert find_lost(ReviewScript(judge=lambda frame, mask: "no", propagate=propagate).review(2)) == list(range(TOTAL))


def test_a_gap_in_a_track_is_filled_where_the_object_is_in_view() -> None:
    def propagate(video: Any, boxes: Any) -> Any:
        for each in propagate_with(lambda frame, starts: False)(video, boxes):
            gone = len(boxes) == 1 and each.frame in range(10, 16)
            yield each.model_copy(update={"masks": np.zeros_like(each.masks) if gone else each.masks})

    result = ReviewScript(propagate=propagate).review()
    assert all(rle.area for rle in result.tracks[0].rles)
    (repair,) = result.repairs
    assert (repair.first, repair.last, repair.accepted) == (10, 15, True)
    away = ReviewScript(judge=lambda frame, mask: "yes", propagate=propagate).review()
    assert [frame for frame, rle in enumerate(away.tracks[0].rles) if not rle.area] == list(range(10, 16))


@pytest.mark.parametrize(("verdict", "finding"), [("contradicted", "ambiguous"), ("unsure", "found"), ("fits", "found")])
def test_only_a_contradicted_behavior_changes_the_verdict(verdict: Any, finding: str) -> None:
    def review_behavior(video: Any, tracks: Any) -> list[BehaviorReview]:
        return [BehaviorReview(phrase=track.phrase, verdict=verdict, why="it walks to the right") for track in tracks]

    script = ReviewScript(propagate=propagate_with(lambda frame, starts: False), review_behavior=review_behavior)
    result = script.review()
    assert result.verdict().finding == finding
    assert ("it walks to the right" in result.verdict().why) == (finding == "ambiguous")
    assert all(rle.area for rle in result.tracks[0].rles)
    assert [each.verdict for each in result.behaviors] == [verdict]


def test_a_mask_that_is_taken_away_needs_to_be_confirmed() -> None:
    def judge(frame: int, mask: Any) -> str:
        return "yes" if not mask.any() else judge_truly(frame, mask)

    def propagate(video: Any, boxes: Any) -> Any:
        first = find_first_frame(video)
        for each in propagate_with(lambda frame, starts: frame in LOST)(video, boxes):
            gone = len(video) < TOTAL and first + each.frame in LOST
            yield each.model_copy(update={"masks": np.zeros_like(each.masks) if gone else each.masks})

    cleared = ReviewScript(judge=judge, propagate=propagate).review()
    assert [frame for frame, rle in enumerate(cleared.tracks[0].rles) if not rle.area] == list(LOST)
    doubted = ReviewScript(judge=lambda frame, mask: judge(frame, mask) if mask.any() else "unclear", propagate=propagate)
    assert find_lost(doubted.review()) == list(LOST)


def test_objects_that_the_user_gave_are_not_reviewed() -> None:
    script = ReviewScript()
    given = Reference(id="given", prompts=(Prompt(frame=0, mask=draw_object(0)),))
    with script.pipeline(review=2) as pipeline:
        result = pipeline.run(VIDEO, [given])
    assert (result.reviews, script.asked("review_masks")) == ((), [])


def test_a_review_without_a_reviewer_is_an_error_before_any_work() -> None:
    script = ReviewScript()
    with script.pipeline(review=1) as pipeline, pytest.raises(ConfigError, match="reviewer"):
        pipeline.run(VIDEO, [DOG])
    assert script.calls == []


def test_a_reviewer_that_answers_about_other_frames_breaks_its_contract() -> None:
    script = ReviewScript(review_masks=lambda video, tracks, frames: [make_review(tracks[0], [0], ["no"])])
    with pytest.raises(ContractError, match="reviewer"):
        script.review()


def test_a_result_with_a_review_is_read_back() -> None:
    result = ReviewScript(propagate=propagate_with(lose_late)).review()
    read = Result.model_validate_json(result.model_dump_json())
    assert (read.reviews, read.repairs, read.verdicts) == (result.reviews, result.repairs, result.verdicts)


def review_tracks(
    judge: Callable[[Track], str], accepted: Sequence[int], *references: Reference, **answers: Callable[..., Any]
) -> Result:
    """Review the tracks of three dogs of which some were accepted, in the order ``tracks``; a track has one answer."""

    class TrackReviewer(Reviewer):
        """Says the same about all frames of a track."""

        name = "judge"

        def review_masks(self, video: Any, tracks: list[Track], frames: list[list[int]]) -> list[MaskReview]:
            asked = zip(tracks, frames, strict=True)
            return [make_review(track, shown, [judge(track)] * len(shown)) for track, shown in asked]

    script = TrackScript(
        track=lambda video, nouns: [make_object_track("dog", number) for number in (1, 2, 3) if nouns == ["dog"]],
        pick_tracks=make_chooser(lambda candidates, track: "accept" if track.id in accepted else "reject"),
        **answers,
    )
    script.plugins = PluginManager([*script.entries, announcing("judge", reasoners=[TrackReviewer])])
    slots = dict.fromkeys(("tagger", "locator"), "scripted")
    return script.track(*(references or [DOG]), review=2, reviewer="judge", **slots)


def find_objects(result: Result) -> list[int]:
    """Return the number of the dog of each track, by its place in the frame."""
    places = [[track.decode_mask(frame).any(axis=0) for frame in range(len(track.rles))] for track in result.tracks]
    return [int(np.flatnonzero(np.any(columns, axis=0))[0]) // 8 + 1 for columns in places]


@pytest.mark.parametrize("answer", ["unclear", "no"])
def test_no_track_is_emptied_without_a_better_one(answer: str) -> None:
    result = review_tracks(lambda track: answer, [1, 2])
    assert [track.rles for track in result.tracks] == [make_object_track("dog", number).rles for number in (1, 2)]
    assert result.verdict().finding == ("found" if answer == "unclear" else "ambiguous")


def test_two_tracks_that_the_review_contradicts_do_not_become_one_object() -> None:
    third = make_object_track("dog", 3).rles
    result = review_tracks(lambda track: "yes" if track.rles == third else "no", [1, 2])
    assert sorted(find_objects(result)) in ([1, 3], [2, 3])
    assert sum(repair.accepted for repair in result.repairs) == 1


def test_what_was_accepted_is_no_other_object_where_it_is_heard() -> None:
    heard = Reference(id="1", text="the dog", sound=True)
    located = {
        "locate": lambda video, reference, phrases: [each.model_copy(update={"heard": ((0.0, 0.05),)}) for each in phrases]
    }
    result = review_tracks(lambda track: "no", [1, 2, 3], heard, **located)
    assert find_objects(result) == [1, 2, 3]
    assert result.repairs == ()


def test_a_rejected_track_takes_the_place_of_one_that_the_review_contradicts() -> None:
    script = TrackScript()

    class TrackReviewer(Reviewer):
        """Confirms the second object of a noun."""

        name = "second"

        def review_masks(self, video: Any, tracks: list[Track], frames: list[list[int]]) -> list[MaskReview]:
            second = make_object_track("dog", 2).rles[0]
            answers = ["yes" if track.rles[0] == second else "no" for track in tracks]
            asked = zip(tracks, frames, answers, strict=True)
            return [make_review(track, shown, [answer] * len(shown)) for track, shown, answer in asked]

    script.plugins = PluginManager([*script.entries, announcing("second", reasoners=[TrackReviewer])])
    result = script.track(DOG, review=1, reviewer="second")
    (track,) = result.tracks
    assert track.rles == make_object_track("dog", 2).rles
    assert result.repairs[0].accepted
    report = " ".join(describe_review(result, 0))
    assert "confirmed on 0 of 4 frames" in report
    assert "the line is on the wall" in report
