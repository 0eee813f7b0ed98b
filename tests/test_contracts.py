"""The contract kit: right components keep every promise, and each wrong one breaks the promise that it is wrong about."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from alref.testing import (
    LocatorContract,
    PropagatorContract,
    ProposerContract,
    ReasonerContract,
    ReviewerContract,
    SpatialReasonerContract,
    StageContract,
    TaggerContract,
    TemporalReasonerContract,
    TrackerContract,
    TrackReasonerContract,
    UnifierContract,
)
from support.contract_checks import Spoken, check, list_failures
from support.wrong import (
    audio,
    correct,
    endurance,
    propagators,
    proposers,
    reasoners,
    reviewers,
    tracks,
    transcribers,
    unifiers,
)
from support.wrong import options as describing

RIGHT: list[tuple[type[StageContract], type[Any]]] = [
    (UnifierContract, correct.Words),
    (ReasonerContract, correct.First),
    (ProposerContract, correct.Bright),
    (PropagatorContract, correct.Filling),
    (TaggerContract, correct.Loud),
    (LocatorContract, correct.Loud),
    (Spoken, correct.Scribe),
    (TrackerContract, correct.Shining),
    (TrackReasonerContract, correct.Choosing),
    (ReviewerContract, reviewers.Reddish),
]


@pytest.mark.parametrize(("contract", "cls"), RIGHT, ids=lambda each: each.__name__)
def test_a_right_component_keeps_every_promise(contract: type[StageContract], cls: type[Any], tmp_path: Path) -> None:
    found = check(contract, cls, folder=tmp_path)
    assert list_failures(found) == {}
    assert {each.test: each.reason.partition(":")[0] for each in found if each.state == "skipped"} == {
        "test_says_what_to_install": "needs = ()",
        "test_works_in_several_threads_at_once": "concurrent = False",
    }


SIZES = "one_frame odd_sizes gray_images 4k_frames comes_later"
MASKS = (
    f"{SIZES} every_frame_once objects_apart several_pivots starts_from_a_mask boxes_may_come one_pixel"
    " takes_the_points empties_a_frame"
)
BOXES = f"{SIZES} each_pivot_in_order no_candidates pivots_may_come phrases_are_looked frames_are_looked"
UNSTEADY = "answers_twice loads_and_closes recovers_after"
TAGS = "names_distinct sound_of_any_length sound_of_other"
TRACKS = f"{SIZES} a_mask_for_each_frame by_themselves"
PICKS = "chooses_for_each any_order"
SPANS = "gives_back_each locates_a_known spans_do_not_depend very_short"
WRONG: list[tuple[type[StageContract], type[Any], str, str]] = [
    (UnifierContract, describing.TwoWords, "name_people", "got name = 'Two Words'"),
    (UnifierContract, describing.Speechless, "explains_itself", "expected a docstring"),
    (UnifierContract, describing.Undescribed, "explains_itself", "size"),
    (UnifierContract, describing.NoJson, "survive_json", "Unable to serialize"),
    (UnifierContract, describing.Lenient, "refuses_unknown", "no_such_option"),
    (UnifierContract, describing.Unwell, "no_problem", "the moon is not full"),
    (UnifierContract, describing.Curt, "what_to_install", "message='broken'"),
    (UnifierContract, describing.Careless, "what_to_install", "got []"),
    (UnifierContract, describing.OneProblem, "what_to_install", "expected a list of Problem from problems()"),
    (UnifierContract, describing.Sentences, "what_to_install", "expected a list of Problem from problems()"),
    (UnifierContract, describing.ReadsNames, "lists_the_files", "got ['words.txt']"),
    (UnifierContract, describing.Locked, "pickled", "cannot pickle '_thread.lock' object"),
    (UnifierContract, describing.Forgetful, "pickled", "expected device 'auto' after pickling, got 'another'"),
    (UnifierContract, describing.local(), "pickled", "local"),
    (UnifierContract, unifiers.LoadedOnce, "loads_and_closes", "loaded already"),
    (UnifierContract, unifiers.ClosedOnce, "loads_and_closes", "model"),
    (UnifierContract, unifiers.Counting, UNSTEADY, "got 'thing 2' for 'thing 1' in the answer[0].category"),
    (UnifierContract, unifiers.Guessing, UNSTEADY, "in the answer[0].score"),
    (UnifierContract, unifiers.OneThread, "several_threads", "asked in another thread"),
    (UnifierContract, unifiers.Misplaced, f"{SIZES} finds_phrases", "got one of another"),
    (UnifierContract, unifiers.Wordless, "finds_phrases finds_something", "expected at least one phrase"),
    (UnifierContract, unifiers.Stuttering, "distinct_phrases", "the red square more than once"),
    (UnifierContract, unifiers.Tupled, f"{SIZES} finds_phrases finds_something", "expected a list of Phrase, got tuple"),
    (TemporalReasonerContract, reasoners.Beyond, f"{SIZES} answers_for_each", "expected a frame from 0 to"),
    (TemporalReasonerContract, reasoners.Ignoring, "answers_for_each", "got those of ['1']"),
    (TemporalReasonerContract, reasoners.Silent, "answers_for_each", "in why"),
    (TemporalReasonerContract, reasoners.InTurn, "phrases_may_come", "got 1 for 0"),
    (TemporalReasonerContract, reasoners.NeedsPhrases, "nothing_for_no_phrase", "index out of range"),
    (TemporalReasonerContract, reasoners.Hoarding, "memory_stays", "MB more"),
    (SpatialReasonerContract, reasoners.Skipping, "one_candidate candidates_may_come", "got [0]"),
    (SpatialReasonerContract, reasoners.Outside, f"{SIZES} one_candidate candidates_may one_pixel", "expected a box inside"),
    (SpatialReasonerContract, reasoners.Mute, "one_candidate", "in why"),
    (SpatialReasonerContract, reasoners.Alternating, "candidates_may_come", "in the answer[0].xyxy"),
    (SpatialReasonerContract, reasoners.NeedsCandidates, "nothing_for_no_candidates", "index out of range"),
    (SpatialReasonerContract, reasoners.Coarse, "one_pixel", "nothing to look at"),
    (ProposerContract, proposers.Sorting, f"{BOXES} -no_candidates", "in their order"),
    (ProposerContract, proposers.Foreign, BOXES, "with the pivots that were given"),
    (ProposerContract, proposers.Doubled, f"{BOXES} -no_candidates", "expected boxes inside"),
    (ProposerContract, proposers.SmallMasks, f"{BOXES} -no_candidates", "expected masks of"),
    (ProposerContract, proposers.NeedsPivots, "nothing_for_no_pivot", "index out of range"),
    (ProposerContract, proposers.NeedsSights, "no_candidates", "index 0 is out of bounds"),
    (ProposerContract, proposers.Passing, "no_candidates", "one Candidates for each of 2 pivots, got 0"),
    (ProposerContract, proposers.Ranking, "pivots_may_come frames_are_looked", "in the answer[0].scores"),
    (ProposerContract, proposers.Sharing, "phrases_are_looked frames_are_looked", "got [0.5] for [1.0]"),
    (ProposerContract, proposers.Together, "frames_are_looked", "got [0.5] for [1.0]"),
    (ProposerContract, proposers.Colorful, "gray_images no_candidates", "no color at all"),
    (PropagatorContract, propagators.LeavesOut, MASKS, "got none for 1 frames"),
    (
        PropagatorContract,
        propagators.Forwards,
        "every_frame_once comes_later odd_sizes gray_images 4k_frames empties_a_frame",
        "the first is 0",
    ),
    (PropagatorContract, propagators.Twice, MASKS, "got 0 again"),
    (PropagatorContract, propagators.Numbers, MASKS, "expected masks of dtype bool, got uint8"),
    (PropagatorContract, propagators.Halved, MASKS, "expected masks of"),
    (PropagatorContract, propagators.Percent, MASKS, "expected scores from 0 to 1, got [90.0"),
    (PropagatorContract, propagators.Swapped, "objects_apart", "expected object 0"),
    (PropagatorContract, propagators.OnlyFirst, f"{SIZES} objects_apart boxes_may_come", "expected masks of (2,"),
    (PropagatorContract, propagators.Losing, "objects_apart boxes_may_come", "expected object 1"),
    (PropagatorContract, propagators.FirstComes, "boxes_may_come", "with boxes in the order [1, 0, 2]"),
    (PropagatorContract, propagators.Separate, "several_pivots boxes_may_come empties_a_frame", "expected masks of (1,"),
    (PropagatorContract, propagators.Boxed, "starts_from_a_mask", "0.5"),
    (PropagatorContract, propagators.NeedsBoxes, "takes_the_points", "a box is missing"),
    (PropagatorContract, propagators.Stays, "empties_a_frame", "where the object is absent"),
    (PropagatorContract, propagators.Thick, "one_pixel", "expected a box with an inside"),
    (PropagatorContract, endurance.KeepsFrames, "memory_stays", "MB more"),
    (PropagatorContract, endurance.Collects, "memory_stays", "MB more"),
    (PropagatorContract, endurance.Draws, "leaves_its_inputs", "8 of 8"),
    (
        PropagatorContract,
        endurance.MovesBoxes,
        "leaves_its_inputs boxes_may_come takes_the_points empties_a_frame between_two_frames",
        "expected propagate",
    ),
    (PropagatorContract, endurance.Swallows, "errors_of_reading", "got an answer"),
    (PropagatorContract, endurance.Rewords, "errors_of_reading", "got ContractError: something went wrong"),
    (PropagatorContract, endurance.Busy, "recovers_after errors_of_reading between_two_frames", "another video is not done"),
    (PropagatorContract, endurance.Wavering, f"{UNSTEADY} boxes_may_come between_two_frames", "in the answer"),
    (PropagatorContract, endurance.Moving, "one_frame", "division by zero"),
    (PropagatorContract, endurance.Even, "odd_sizes", "expected masks of (2, 33, 47), got (2, 32, 40)"),
    (PropagatorContract, endurance.Small, "4k_frames", "no room for such frames"),
    (PropagatorContract, endurance.AtOnce, "comes_later", "no object on the first frame"),
    (TaggerContract, audio.Unsorted, "names_distinct", "got scores ["),
    (TaggerContract, audio.Echoing, "names_distinct", "expected each sound once"),
    (TaggerContract, audio.Overdone, "names_distinct", "expected scores from 0 to 1"),
    (TaggerContract, audio.Visual, "names_distinct", "expected sound=True"),
    (TaggerContract, audio.Astray, TAGS, "got one of another"),
    (TaggerContract, audio.Earless, "names_distinct finds_something", "expected at least one sound"),
    (TaggerContract, audio.Patient, "sound_of_any_length", "the sound is too short"),
    (TaggerContract, audio.OwnRate, "sound_of_other_rates", "expected 16 kHz"),
    (TaggerContract, audio.Calm, "errors_of_reading", "got an answer"),
    (LocatorContract, audio.Deaf, "locates_a_known finds_something", "'buzz'"),
    (LocatorContract, audio.Backwards, SPANS, "expected spans in order"),
    (LocatorContract, audio.Ending, SPANS, "expected spans that end after they begin"),
    (LocatorContract, audio.Renaming, SPANS, "expected the same"),
    (LocatorContract, audio.OnlyOne, "spans_do_not_depend", "heard"),
    (LocatorContract, audio.NeedsNames, "nothing_for_no_phrase", "index out of range"),
    (LocatorContract, audio.Slow, "very_short", "the sound is too short"),
    (LocatorContract, audio.Inventive, "to_words_of_a_vocabulary", "got ['dog', 'qwertz']"),
    (TrackerContract, tracks.Renames, TRACKS, "got one of 'a square'"),
    (TrackerContract, tracks.CountsOn, "a_mask_for_each_frame by_themselves", "expected ids 1 to 1"),
    (TrackerContract, tracks.Stops, TRACKS, "got 7 in ObjectTrack"),
    (TrackerContract, tracks.Unseen, f"{TRACKS} finds_something no_track", "seen on a frame"),
    (TrackerContract, tracks.Shares, "by_themselves", "beside another noun"),
    (TrackerContract, tracks.NeedsNouns, "nothing_for_no_noun", "index out of range"),
    (TrackerContract, tracks.AlwaysOne, "no_track", "seen on a frame"),
    (TrackerContract, tracks.Keeps, "memory_stays", "MB more"),
    (TrackReasonerContract, tracks.NamesAgain, "names_no_noun", "expected a new noun"),
    (TrackReasonerContract, tracks.NamesTwice, f"{SIZES} names_ any_order", "at most one each"),
    (TrackReasonerContract, tracks.SaysNothing, "names_a_noun chooses_for_each", "in why"),
    (TrackReasonerContract, tracks.OnlyAccepted, f"{SIZES} {PICKS}", "one choice for each"),
    (TrackReasonerContract, tracks.Numbers, "later_round", "one choice for each"),
    (TrackReasonerContract, tracks.Fixed, "any_order", "another order of phrases"),
    (TrackReasonerContract, tracks.NeedsPhrases, "nothing_for_no_phrase", "index out of range"),
    (TrackReasonerContract, tracks.Large, "one_pixel", "nothing to look at"),
    (ReviewerContract, reviewers.Unfounded, "each_frame_and_says", "a reason for each no"),
    (
        ReviewerContract,
        reviewers.Shortened,
        "each_frame_and_says odd_sizes gray_images 4k_frames comes_later one_pixel",
        "of the frames",
    ),
    (ReviewerContract, reviewers.Agreeing, "tracks_may_come", "another order of tracks"),
    (ReviewerContract, reviewers.NeedsTracks, "no_track", "index out of range"),
    (ReviewerContract, reviewers.NeedsPixels, "one_pixel comes_later", "nothing to look at"),
    (Spoken, transcribers.Reversed, "in_order", "expected sentences in order"),
    (Spoken, transcribers.Inaudible, "in_order finds_something", "expected words"),
    (Spoken, transcribers.Addressed, "in_order", "got one of another"),
    (Spoken, transcribers.Talkative, "without_words", "index out of range"),
    (Spoken, transcribers.Indifferent, "without_audio", "expected InputError"),
]


@pytest.mark.parametrize(("contract", "cls", "breaks", "says"), WRONG, ids=[each[1].__name__ for each in WRONG])
def test_a_wrong_component_breaks_what_it_is_wrong_about(
    contract: type[StageContract], cls: type[Any], breaks: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "memory" not in breaks:
        monkeypatch.setattr("alref.testing.endurance.read_resident_memory", lambda: None)
    found = list_failures(check(contract, cls, folder=tmp_path, long_video_length=400))
    wanted = [word for word in breaks.split() if f"-{word}" not in breaks.split() and not word.startswith("-")]
    assert [word for word in wanted if not any(word in test for test in found)] == []
    assert {test: reason for test, reason in found.items() if not any(word in test for word in wanted)} == {}
    assert any(says in reason for reason in found.values()), found
