"""The order ``tracks``: nouns, one tracking for each noun, rounds, what is decided visibly, the audit, sound and prompts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alref.errors import ContractError
from alref.media.video import Video
from alref.pipeline.stage_cache import StageCache
from alref.records import (
    Concept,
    ExistenceAudit,
    ObjectTrack,
    Phrase,
    Prompt,
    Reference,
    TrackCandidates,
    TrackChoice,
    Transcript,
)
from support.scripted import CAT, DOG, HEARD, VIDEO
from support.scripted_tracks import TrackScript, make_choice, make_chooser, make_object_track, track_two

RED_DOG = Reference(id="red", text="the red dog")


def test_every_accepted_track_is_a_track_of_the_phrase() -> None:
    script = TrackScript(pick_tracks=make_chooser(lambda each, track: "accept"))
    result = script.track(DOG)
    assert [track.phrase.text for track in result.get_tracks("1")] == ["the dog", "the dog"]
    assert [(each.noun, each.id) for each in result.object_tracks] == [("dog", 1), ("dog", 2)]
    assert result.verdict().finding == "found"
    assert (result.pivots, result.candidates, result.boxes) == ((), (), ())
    assert result.concepts[0].noun == "dog"


def test_a_rejected_track_is_no_track_of_the_phrase() -> None:
    result = TrackScript().track(DOG)
    assert [each.choice for each in result.choices] == ["accept", "reject"]
    assert [each.noun for each in result.choices] == ["dog", "dog"]
    (track,) = result.get_tracks("1")
    assert track.rles == make_object_track("dog", 1).rles


def test_all_rejected_is_absent_with_the_reasons() -> None:
    result = TrackScript(pick_tracks=make_chooser(lambda each, track: "reject")).track(DOG)
    assert (result.verdict().finding, result.tracks) == ("absent", ())
    assert "it looks so" in result.verdict().why


def test_sixteen_expressions_of_one_noun_cost_one_tracking(tmp_path: Path) -> None:
    script = TrackScript()
    references = [Reference(id=str(number), text=f"the {number}. dog") for number in range(16)]
    first = script.track(*references, cache=StageCache(tmp_path))
    assert script.asked("track") == [(["dog"],)]
    again = TrackScript()
    cached = again.track(RED_DOG, cache=StageCache(tmp_path))
    assert again.asked("track") == []
    assert cached.object_tracks == first.object_tracks


def test_nouns_that_are_not_cached_are_tracked_together(tmp_path: Path) -> None:
    TrackScript().track(DOG, cache=StageCache(tmp_path))
    script = TrackScript()
    script.track(DOG, CAT, Reference(id="3", text="the bird"), cache=StageCache(tmp_path))
    assert script.asked("track") == [(["cat", "bird"],)]


def name_in_turn(*nouns: str, broader: str = "") -> Callable[..., list[Concept]]:
    """Return what ``name_concepts`` of a script does: one noun after the other."""

    def name_concepts(video: Video, phrases: list[Phrase], failed: list[Concept]) -> list[Concept]:
        tried = len(failed)
        return [Concept(phrase=phrase, noun=nouns[tried], broader=broader) for phrase in phrases if tried < len(nouns)]

    return name_concepts


def track_only(*known: str) -> Callable[..., list[ObjectTrack]]:
    return lambda video, nouns: track_two(video, [noun for noun in nouns if noun in known])


def test_a_noun_without_tracks_is_fed_back_and_the_next_one_is_tracked() -> None:
    script = TrackScript(name_concepts=name_in_turn("yak", "Cow "), track=track_only("cow"))
    result = script.track(DOG)
    assert [[concept.noun for concept in failed] for _, failed in script.asked("name_concepts")] == [[], ["yak"]]
    assert [(each.nouns, each.attempt) for each in result.concepts] == [(("yak",), 1), (("cow",), 2)]
    assert result.verdict().finding == "found"


@pytest.mark.parametrize("attempts", [1, 3])
def test_a_phrase_whose_nouns_all_fail_is_absent_and_names_them(attempts: int) -> None:
    script = TrackScript(name_concepts=name_in_turn("yak", "cow", "ox", "bull"), track=track_only())
    result = script.track(DOG, attempts=attempts)
    assert len(script.asked("track")) == attempts
    assert result.verdict().finding == "absent"
    assert all(noun in result.verdict().why for noun in ("yak", "cow", "ox")[:attempts])
    assert script.asked("pick_tracks") == []


def test_only_phrases_without_tracks_are_asked_about_again() -> None:
    script = TrackScript(track=track_only("dog"))
    script.track(DOG, CAT)
    assert [[phrase.text for phrase in phrases] for phrases, _ in script.asked("name_concepts")] == [
        ["the dog", "the cat"],
        ["the cat"],
    ]


COUNTS = {"the broad noun sees more": (1, 2, "animal"), "both see as much": (2, 2, "dog"), "the noun sees more": (2, 1, "dog")}


@pytest.mark.parametrize(("of_noun", "of_broader", "chosen"), COUNTS.values(), ids=COUNTS)
def test_the_noun_of_which_more_is_seen_is_used(of_noun: int, of_broader: int, chosen: str) -> None:
    counts = {"dog": of_noun, "animal": of_broader}

    def track(video: Video, nouns: list[str]) -> list[ObjectTrack]:
        return [make_object_track(noun, number + 1) for noun in nouns for number in range(counts[noun])]

    script = TrackScript(name_concepts=name_in_turn("dog", broader="animal"), track=track)
    assert {track.noun for track in script.track(DOG).object_tracks} == {chosen}
    assert script.asked("track") == [(["dog", "animal"],)]


def test_a_concept_that_cannot_be_seen_is_not_tracked() -> None:
    def name_concepts(video: Video, phrases: list[Phrase], failed: list[Concept]) -> list[Concept]:
        return [Concept(phrase=phrase, noun="wind", finding="absent", why="wind is not an object") for phrase in phrases]

    script = TrackScript(name_concepts=name_concepts)
    verdict = script.track(DOG).verdict()
    assert (verdict.finding, verdict.why, script.asked("track")) == ("absent", "wind is not an object", [])


def test_only_undecided_tracks_are_shown_again() -> None:
    choose = make_chooser(lambda each, track: "uncertain" if track.id == 2 and each.round < 3 else "accept")
    script = TrackScript(pick_tracks=choose)
    result = script.track(DOG)
    asked = [
        (each.round, [track.id for track in each.tracks])
        for (candidates,) in script.asked("pick_tracks")
        for each in candidates
    ]
    assert asked == [(1, [1, 2]), (2, [2]), (3, [2])]
    assert len(result.tracks) == 2
    assert result.verdict().finding == "found"


@pytest.mark.parametrize("rounds", [1, 2, 3])
def test_doubt_leaves_a_track_out_only_beside_an_accepted_one(rounds: int) -> None:
    choose = make_chooser(lambda each, track: "uncertain" if track.id == 2 else "accept")
    script = TrackScript(pick_tracks=choose)
    result = script.track(DOG, rounds=rounds)
    assert len(script.asked("pick_tracks")) == rounds
    last = result.choices[-1]
    assert (last.track, last.choice, last.round, last.source) == (2, "reject", rounds, "rule")
    assert (len(result.tracks), result.verdict().finding) == (1, "found")


def test_doubt_about_every_track_takes_the_best_scored_one_visibly() -> None:
    def track(video: Video, nouns: list[str]) -> list[ObjectTrack]:
        return [make_object_track("dog", number, score=1 - number / 10) for number in (1, 2)]

    result = TrackScript(track=track, pick_tracks=make_chooser(lambda each, track: "uncertain")).track(DOG)
    assert [(each.track, each.choice, each.source) for each in result.choices[-2:]] == [
        (1, "accept", "fallback"),
        (2, "reject", "rule"),
    ]
    assert (result.verdict().finding, result.verdict().source, len(result.tracks)) == ("ambiguous", "fallback", 1)


def audit(finding: Any) -> Callable[..., list[ExistenceAudit]]:
    return lambda video, asked: [
        ExistenceAudit(phrase=each.phrase, finding=finding, criterion="action", why="nobody jumps") for each in asked
    ]


def test_an_audit_with_evidence_makes_a_phrase_absent() -> None:
    result = TrackScript(audit_existence=audit("absent")).track(DOG)
    assert (result.verdict().finding, result.verdict().why, result.tracks) == ("absent", "nobody jumps", ())
    assert result.audits[0].criterion == "action"


def test_an_audit_that_confirms_changes_nothing() -> None:
    script = TrackScript(audit_existence=audit("found"))
    result = script.track(DOG)
    assert (result.verdict().finding, len(result.tracks)) == ("found", 1)
    (((asked,),),) = script.asked("audit_existence")
    assert [track.id for track in asked.tracks] == [1]


def test_the_audit_can_be_left_out_and_is_not_asked_without_a_track() -> None:
    script = TrackScript(audit_existence=audit("absent"))
    assert script.track(DOG, audit=False).verdict().finding == "found"
    none = TrackScript(pick_tracks=make_chooser(lambda each, track: "reject"), audit_existence=audit("absent"))
    none.track(DOG)
    assert script.asked("audit_existence") == none.asked("audit_existence") == []


def locate_second_half(video: Video, reference: Reference, phrases: list[Phrase]) -> list[Phrase]:
    half = float(video.times[2])
    return [phrase.model_copy(update={"heard": ((half, 100.0),)}) for phrase in phrases]


def test_only_what_is_in_view_while_it_is_heard_is_shown_and_stays() -> None:
    def track(video: Video, nouns: list[str]) -> list[ObjectTrack]:
        return [make_object_track("dog", 1), make_object_track("dog", 2, frames=[0, 1])]

    script = TrackScript(track=track, locate=locate_second_half)
    result = script.track(HEARD)
    (((asked,),),) = script.asked("pick_tracks")
    assert [(each.id, each.frames) for each in asked.tracks] == [(1, [2, 3])]
    (made,) = result.tracks
    assert [rle.area > 0 for rle in made.rles] == [False, False, True, True]
    assert [(each.track, each.choice) for each in result.choices if each.track == 2] == [(2, "reject")]
    assert result.object_tracks[0].frames == [0, 1, 2, 3]


def test_what_is_never_heard_is_silent_and_nothing_is_tracked() -> None:
    script = TrackScript(locate=lambda video, reference, phrases: [p.model_copy(update={"heard": ()}) for p in phrases])
    assert script.track(HEARD).verdict().finding == "silent"
    assert script.asked("track") == []


def test_two_sounds_of_one_object_are_one_track_with_both_spans() -> None:
    def tag(video: Video, reference: Reference) -> list[Phrase]:
        return [Phrase(reference=reference.id, text=f"{word} dog", sound=True) for word in ("barking", "growling")]

    def locate(video: Video, reference: Reference, phrases: list[Phrase]) -> list[Phrase]:
        times = [*map(float, video.times), 100.0]
        return [phrase.model_copy(update={"heard": ((times[n], times[n + 1]),)}) for n, phrase in enumerate(phrases)]

    result = TrackScript(tag=tag, locate=locate).track(Reference(id="1", sound=True))
    (track,) = result.tracks
    assert [rle.area > 0 for rle in track.rles] == [True, True, False, False]


def test_a_spoken_reference_is_transcribed_first(tmp_path: Path) -> None:
    from alref.pipeline.references import read_recording

    (tmp_path / "said.wav").write_bytes(b"RIFF")
    said = Reference(id="1", spoken=read_recording(tmp_path / "said.wav"))
    script = TrackScript(transcribe=lambda video, reference: [Transcript(reference="1", text="the dog")])
    result = script.track(said, transcriber="scripted")
    assert (result.concepts[0].noun, result.transcripts[0].text) == ("dog", "the dog")


def test_a_prompt_is_propagated_beside_what_is_tracked() -> None:
    script = TrackScript()
    result = script.track(DOG, Reference(id="mine", prompts=(Prompt(box=np.array([2, 2, 12, 12], np.float32)),)))
    assert [verdict.finding for verdict in result.verdicts] == ["found", "found"]
    assert len(script.asked("propagate")) == 1
    assert result.masks("mine")[0, 2:12, 2:12].all()


def choose_twice(video: Video, candidates: list[TrackCandidates]) -> list[TrackChoice]:
    return [make_choice(each, each.tracks[0], "accept") for each in candidates for _ in each.tracks]


WRONG: dict[str, tuple[dict[str, Callable[..., Any]], str]] = {
    "a track without a choice": ({"pick_tracks": lambda video, asked: []}, "one choice for each"),
    "two choices for a track": ({"pick_tracks": choose_twice}, "one choice for each"),
    "tracks of another noun": ({"track": lambda video, nouns: [make_object_track("cow", 1)]}, "cow"),
    "ids with a gap": ({"track": lambda video, nouns: [make_object_track("dog", 2)]}, "ids"),
    "a track that is never seen": ({"track": lambda video, nouns: [make_object_track("dog", 1, frames=[])]}, "seen"),
    "a score in percent": ({"track": lambda video, nouns: [make_object_track("dog", 1, score=90.0)]}, "90.0"),
    "a failed noun again": ({"name_concepts": name_in_turn("yak", "yak"), "track": track_only()}, "yak"),
    "an audit without evidence": (
        {"audit_existence": lambda video, asked: [ExistenceAudit(phrase=asked[0].phrase, finding="absent")]},
        "evidence",
    ),
}


@pytest.mark.parametrize(("answers", "part"), WRONG.values(), ids=WRONG)
def test_a_broken_contract_names_the_component(answers: dict[str, Callable[..., Any]], part: str) -> None:
    with pytest.raises(ContractError, match="scripted") as caught:
        TrackScript(**answers).track(DOG)
    assert part in str(caught.value)


def test_frames_of_another_size_are_refused() -> None:
    small = make_object_track("dog", 1, video=VIDEO)
    cut = small.model_copy(update={"rles": small.rles[:-1], "scores": small.scores[:-1]})
    with pytest.raises(ContractError, match="4 frames"):
        TrackScript(track=lambda video, nouns: [cut]).track(DOG)
