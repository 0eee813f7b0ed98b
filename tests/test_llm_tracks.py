"""What is asked about tracks, and what the answers decide: every track once, and nothing by a guess."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from alref.llm.messages import Answer, Question
from alref.llm.usage import count_usage
from alref.records import ExistenceAudit, Phrase, TrackCandidates, TrackChoice
from alref.testing import make_moving_square
from support.object_tracks import DOG, list_ids, make_candidates, make_track, read_task, say_choices
from support.scripted_llm import ScriptedChat

TOTAL = 48
VIDEO, _ = make_moving_square(frames=TOTAL)
FIRST, SECOND, LATE = (
    make_track(1, range(TOTAL), TOTAL),
    make_track(2, range(20), TOTAL),
    make_track(3, range(30, TOTAL), TOTAL),
)
Make = Callable[..., ScriptedChat]
ALL_VOTES = {1: "accept", 2: "reject", 3: "uncertain"}


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Make a scripted model with the answers kept in one file."""
    return lambda answers, **options: ScriptedChat.saying(answers, tmp_path / "answers.sqlite", **options)


def list_choices(choices: Sequence[TrackChoice]) -> dict[int, str]:
    assert len({each.track for each in choices}) == len(choices)
    return {each.track: each.choice for each in choices}


def list_tasks(chat: ScriptedChat) -> list[str]:
    return [read_task(question) for question in chat.questions]


def test_every_track_gets_the_choice_and_the_reason_of_the_answer(make: Make) -> None:
    chat = make([say_choices(ALL_VOTES, "it runs left")])
    choices = chat.pick_tracks(VIDEO, [make_candidates(FIRST, SECOND, LATE, round=2)])
    assert list_choices(choices) == ALL_VOTES
    assert {(each.why, each.source, each.round, each.phrase) for each in choices} == {("it runs left", "model", 2, DOG)}
    assert (list_ids(chat.questions[0]), len(chat.questions[0].images)) == ([1, 2, 3], 1)
    assert DOG.text in chat.questions[0].messages[0].text


def test_frames_are_those_on_which_an_undecided_track_exists(make: Make) -> None:
    chat = make([say_choices({2: "accept", 3: "accept"})])
    choices = chat.pick_tracks(VIDEO, [make_candidates(SECOND, LATE)])
    assert len(choices[0].frames) == 16
    assert set(choices[0].frames) <= {*SECOND.frames, *LATE.frames}
    (alone,) = make([say_choices({3: "accept"})], track_frames=5).pick_tracks(VIDEO, [make_candidates(LATE)])
    assert len(alone.frames) == 5
    assert min(alone.frames) >= 30


def test_a_round_about_the_same_tracks_shows_other_frames(make: Make) -> None:
    chat, track = make([say_choices({1: "uncertain"})], votes=2, track_frames=4), make_track(1, range(TOTAL), TOTAL)
    for number in (1, 2, 3):
        chat.pick_tracks(VIDEO, [make_candidates(track, round=number)])
    assert len({question.image_digests for question in chat.questions}) == 6


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (say_choices({1: "accept", 2: "reject"}), {1: "accept", 2: "reject", 3: "uncertain"}),
        (say_choices({1: "accept", 2: "reject", 3: "perhaps"}), {1: "accept", 2: "reject", 3: "uncertain"}),
        (say_choices({1: "accept", 2: "reject", 3: "reject", 9: "accept"}), {1: "accept", 2: "reject", 3: "reject"}),
        ('{"accept": [1, 2], "reject": [2, 3]}', {1: "accept", 2: "uncertain", 3: "reject"}),
        ('```json\n{"1": "accept", "2": {"choice": "reject"}, "3": "uncertain"}\n```', ALL_VOTES),
        ('Here: [{"id": 1, "choice": "accept"}, {"id": "2", "choice": "Reject"}]', {1: "accept", 2: "reject", 3: "uncertain"}),
    ],
    ids=["left out", "other word", "unknown number", "said twice", "by number", "bare list"],
)
def test_what_an_answer_does_not_decide_is_uncertain(make: Make, answer: str, expected: dict[int, str]) -> None:
    chat = make([answer])
    choices = chat.pick_tracks(VIDEO, [make_candidates(FIRST, SECOND, LATE)])
    assert list_choices(choices) == expected
    assert len(chat.questions) == 1


@pytest.mark.parametrize(
    "answer", ["", "Number 1 it is.", '{"accept": [7]}', '{"tracks": "all"}', '{"why": "x", "tracks": []}']
)
def test_an_answer_without_any_track_is_asked_once_more_and_then_decides_nothing(make: Make, answer: str) -> None:
    chat = make([answer])
    choices = chat.pick_tracks(VIDEO, [make_candidates(FIRST, SECOND, LATE)])
    assert set(list_choices(choices).values()) == {"uncertain"}
    assert {each.source for each in choices} == {"fallback"}
    assert len(chat.questions) == 2
    chat = make([answer, say_choices(ALL_VOTES)], track_frames=8)
    assert list_choices(chat.pick_tracks(VIDEO, [make_candidates(FIRST, SECOND, LATE)])) == ALL_VOTES


def test_a_refusal_decides_nothing(make: Make) -> None:
    chat = make([Answer(text=say_choices(ALL_VOTES), model="m", finish_reason="refusal")])
    assert set(list_choices(chat.pick_tracks(VIDEO, [make_candidates(FIRST, SECOND)])).values()) == {"uncertain"}
    assert len(chat.questions) == 1


def test_many_tracks_are_shown_in_pages_and_none_is_dropped(make: Make) -> None:
    tracks = [make_track(number, range(number % 5, TOTAL), TOTAL) for number in range(1, 12)]
    chat = make(lambda question: say_choices(dict.fromkeys(list_ids(question), "accept")), max_tracks=4)
    choices = chat.pick_tracks(VIDEO, [make_candidates(*tracks)])
    assert list_choices(choices) == dict.fromkeys(range(1, 12), "accept")
    assert sorted(list_ids(question) for question in chat.questions) == [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11]]


def test_phrases_are_asked_about_apart(make: Make) -> None:
    other = Phrase(reference="2", text="the dog that sits", category="dog")

    def answer(question: Question) -> str:
        return say_choices(dict.fromkeys(list_ids(question), "accept" if "sits" in question.messages[0].text else "reject"))

    chat = make(answer)
    choices = chat.pick_tracks(VIDEO, [make_candidates(FIRST, SECOND), make_candidates(FIRST, phrase=other)])
    assert [(each.phrase.text, each.track, each.choice) for each in choices] == [
        (DOG.text, 1, "reject"),
        (DOG.text, 2, "reject"),
        (other.text, 1, "accept"),
    ]


@pytest.mark.parametrize(("needed", "expected"), [("yes", 4), ("no", 2)])
def test_looks_are_described_only_where_they_matter(make: Make, needed: str, expected: int) -> None:
    def answer(question: Question) -> str:
        replies = {"appearance_needed": json.dumps({"why": "", "answer": needed}), "appearance": '{"description": "white fur"}'}
        return replies.get(read_task(question)) or say_choices({1: "accept", 2: "reject"})

    chat = make(answer, appearance=True)
    assert list_choices(chat.pick_tracks(VIDEO, [make_candidates(FIRST, SECOND)])) == {1: "accept", 2: "reject"}
    assert len(chat.questions) == expected
    assert chat.questions[-1].messages[0].text.count("white fur") == expected - 2


def test_looks_are_asked_about_once_for_all_rounds(make: Make) -> None:
    def answer(question: Question) -> str:
        replies = {"appearance_needed": json.dumps({"why": "", "answer": "yes"}), "appearance": '{"description": "white fur"}'}
        return replies.get(read_task(question)) or say_choices(dict.fromkeys(list_ids(question), "uncertain"))

    chat, video, asked = make(answer, appearance=True), make_moving_square(frames=TOTAL)[0], list[Any]()
    with chat.listen(lambda hook, event: asked.append(event)):
        for number, tracks in enumerate(([FIRST, SECOND], [SECOND]), 1):
            chat.pick_tracks(video, [make_candidates(*tracks, round=number)])
    assert list_tasks(chat) == ["appearance_needed", "appearance", "appearance", "tracks", "tracks"]
    assert len(asked) == len(chat.questions)
    assert "white fur" in chat.questions[-1].messages[0].text


class TestVotes:
    def test_votes_that_agree_need_no_synthesis(self, make: Make) -> None:
        chat = make([say_choices(ALL_VOTES)], votes=3)
        choices = chat.pick_tracks(VIDEO, [make_candidates(FIRST, SECOND, LATE)])
        assert list_choices(choices) == ALL_VOTES
        assert list_tasks(chat) == ["tracks"] * 3
        assert len({question.image_digests for question in chat.questions}) == 3
        assert len(choices[0].frames) == TOTAL

    def test_votes_that_differ_are_weighed_by_one_question_that_has_their_reasons(self, make: Make) -> None:
        said = [
            say_choices({1: "accept"}, "it turns"),
            say_choices({1: "reject"}, "it stands"),
            say_choices({1: "reject"}, "no"),
        ]
        chat = make([*said, say_choices({1: "accept"}, "the turn is seen")], votes=3)
        (choice,) = chat.pick_tracks(VIDEO, [make_candidates(FIRST)])
        assert (choice.choice, choice.why) == ("accept", "the turn is seen")
        assert list_tasks(chat) == ["tracks"] * 3 + ["synthesis"]
        assert all(reason in chat.questions[-1].messages[0].text for reason in ("it turns", "it stands"))

    def test_without_a_synthesis_only_what_all_say_is_decided(self, make: Make) -> None:
        said = [say_choices({1: "accept", 2: "reject"}), say_choices({1: "accept", 2: "accept"})]
        chat = make([*said, "I cannot say."], votes=2)
        choices = chat.pick_tracks(VIDEO, [make_candidates(FIRST, SECOND)])
        assert list_choices(choices) == {1: "accept", 2: "uncertain"}

    def test_a_vote_that_cannot_be_read_is_no_vote_for_anything(self, make: Make) -> None:
        chat = make([say_choices({1: "accept"}), "?", "?", say_choices({1: "uncertain"})], votes=2, concurrency=1)
        (choice,) = chat.pick_tracks(VIDEO, [make_candidates(FIRST)])
        assert choice.choice == "uncertain"
        assert list_tasks(chat)[-1] == "synthesis"

    def test_several_models_see_the_same_frames_under_keys_of_their_own(self, make: Make) -> None:
        keys: list[Any] = []
        chat = make([say_choices({1: "accept"})], votes=("large", "small"))
        with chat.listen(lambda hook, event: keys.append(event.key)):
            chat.pick_tracks(VIDEO, [make_candidates(FIRST)])
        assert sorted(question.model for question in chat.questions) == ["large", "small"]
        assert len({question.image_digests for question in chat.questions}) == 1
        assert len(set(keys)) == 2

    def test_an_audit_contradicts_only_with_more_than_half_of_the_votes(self, make: Make) -> None:
        no, yes = say_audit("contradicted", "it walks to the right", "trajectory"), say_audit("present")
        for answers, finding in (([no, yes, no], "absent"), ([no, yes, yes], "found")):
            (audit,) = make(answers, votes=3, concurrency=1, track_frames=len(answers) + (finding == "found")).audit_existence(
                VIDEO, [make_candidates(FIRST)]
            )
            assert audit.finding == finding


def say_audit(verdict: str, evidence: str = "", criterion: str = "") -> str:
    return json.dumps({"why": "point by point", "verdict": verdict, "criterion": criterion, "evidence": evidence})


def audit(chat: ScriptedChat, *candidates: TrackCandidates) -> ExistenceAudit:
    (found,) = chat.audit_existence(VIDEO, list(candidates) or [make_candidates(FIRST)])
    return found


def test_evidence_that_contradicts_a_phrase_makes_it_absent(make: Make) -> None:
    found = audit(make([say_audit("contradicted", "on frames 3 to 9 it walks to the right", "trajectory")]))
    assert (found.finding, found.criterion, found.why) == ("absent", "trajectory", "on frames 3 to 9 it walks to the right")
    assert found.source == "model"


@pytest.mark.parametrize(
    "answer",
    [
        say_audit("present"),
        say_audit("unsure", "it is not seen"),
        say_audit("contradicted"),
        say_audit("contradicted", "it is unclear whether it turns", "action"),
        say_audit("contradicted", "it probably walks to the right", "trajectory"),
        say_audit("contradicted", "the turn cannot be seen", "action"),
        say_audit("contradicted", "it walks to the right"),
        say_audit("contradicted", "it walks to the right", "weather"),
        "no such dog",
        "",
    ],
)
def test_a_doubt_makes_nothing_absent(make: Make, answer: str) -> None:
    assert audit(make([answer])).finding == "found"


def test_an_audit_shows_the_whole_video_also_where_no_track_exists(make: Make) -> None:
    chat = make([say_audit("present")], track_frames=4)
    audit(chat, make_candidates(LATE))
    assert "0.6, 1.8, 3.0, 4.2" in chat.questions[0].messages[0].text


@pytest.mark.parametrize(("category", "most"), [("dog", 3), ("", 4)])
def test_an_explicit_expression_takes_at_most_four_questions(make: Make, category: str, most: int) -> None:
    assert count_questions(make, category, "explicit") == most


def test_a_reasoning_expression_takes_at_most_five_questions(make: Make) -> None:
    assert count_questions(make, "", "reasoning") == 5


def count_questions(make: Make, category: str, kind: str) -> int:
    """Ask for the noun and for three rounds that decide nothing, and return the number of questions."""
    phrase = Phrase(reference="1", text="the dog that runs", category=category)

    def answer(question: Question) -> str:
        nouns = {"noun": "dog", "broader": ""}
        replies = {"concept": {"kind": kind, **nouns}, "concept_shown": nouns}
        return (
            json.dumps({"why": "", **replies[task]})
            if (task := read_task(question)) in replies
            else say_choices({1: "uncertain"})
        )

    chat, events = make(answer), list[Any]()
    with chat.listen(lambda hook, event: events.append(event)):
        chat.name_concepts(VIDEO, [phrase], [])
        for number in (1, 2, 3):
            track = make_track(1, range(10 * number, TOTAL), TOTAL)
            chat.pick_tracks(VIDEO, [make_candidates(track, phrase=phrase, round=number)])
    (usage,) = count_usage(events)
    assert usage.questions == len(chat.questions) == len(events)
    assert Counter(event.stage for event in events) == {"selector": len(events)}
    return usage.questions


def test_answers_about_tracks_are_stored_once_and_replayed(make: Make, tmp_path: Path) -> None:
    first = make([say_choices(ALL_VOTES)])
    expected = first.pick_tracks(VIDEO, [make_candidates(FIRST, SECOND, LATE)])
    first.close()
    for options, source in (({}, "cache"), ({"replay": tmp_path / "answers.sqlite"}, "replay")):
        chat = make([AssertionError("asked again")], **options)
        choices = chat.pick_tracks(VIDEO, [make_candidates(FIRST, SECOND, LATE)])
        assert [each.source for each in choices] == [source] * 3
        assert list_choices(choices) == list_choices(expected)
        chat.close()


def test_a_model_without_vision_gets_words_instead_of_images(make: Make) -> None:
    chat = make([say_choices({1: "accept", 2: "reject"}), say_audit("present")], vision=False)
    chat.pick_tracks(VIDEO, [make_candidates(FIRST, SECOND)])
    audit(chat)
    assert [question.images for question in chat.questions] == [(), ()]
    assert "Object 2 (dog" in chat.questions[0].messages[0].text
