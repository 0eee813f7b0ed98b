"""What is asked about masks: one question about all frames of a track, and one about behavior where the words need it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from alref.llm.messages import Question
from alref.records import Phrase, Track
from alref.testing import ReviewerContract, make_moving_square
from support.object_tracks import list_ids, make_track, read_task
from support.scripted_llm import ScriptedChat

TOTAL = 24
VIDEO, _ = make_moving_square(frames=TOTAL)
FRAMES = [2, 8, 20]
Make = Callable[..., ScriptedChat]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Make a scripted model with the answers kept in one file."""
    return lambda answers, **options: ScriptedChat.saying(answers, tmp_path / "answers.sqlite", **options)


def write_track(text: str = "the dog", sound: bool = False) -> Track:
    found = make_track(1, range(TOTAL), TOTAL, size=(VIDEO.height, VIDEO.width))
    return Track(phrase=Phrase(reference="1", text=text, sound=sound), rles=found.rles, scores=found.scores)


def say_frames(answers: Mapping[int, tuple[str, str]]) -> str:
    return json.dumps(
        {"why": "a dog", "frames": [{"frame": n, "answer": word, "why": why} for n, (word, why) in answers.items()]}
    )


def test_each_frame_has_the_answer_and_its_reason(make: Make) -> None:
    chat = make([say_frames({1: ("yes", ""), 2: ("no", "the line is on a cat"), 3: ("unclear", "it is dark")})])
    (review,) = chat.review_masks(VIDEO, [write_track()], [FRAMES])
    assert (review.frames, review.answers) == ((2, 8, 20), ("yes", "no", "unclear"))
    assert (review.reasons[1], review.why, review.source) == ("the line is on a cat", "a dog", "model")
    (question,) = chat.questions
    assert (read_task(question), list_ids(question), len(question.images)) == ("review", [1, 2, 3], 1)


@pytest.mark.parametrize("why", ["", "it may be a cat", "the object cannot be seen", "not sure that it is the dog"])
def test_a_no_without_a_stated_fact_is_unclear(make: Make, why: str) -> None:
    (review,) = make([say_frames({1: ("no", why), 2: ("yes", "")})]).review_masks(VIDEO, [write_track()], [FRAMES])
    assert review.answers == ("unclear", "yes", "unclear")


@pytest.mark.parametrize("answer", ["", "All is fine.", '{"frames": []}', say_frames({9: ("no", "a cat")})])
def test_an_answer_that_cannot_be_read_is_asked_for_once_more_and_then_changes_nothing(make: Make, answer: str) -> None:
    chat = make([answer])
    (review,) = chat.review_masks(VIDEO, [write_track()], [FRAMES])
    assert (set(review.answers), review.source, len(chat.questions)) == ({"unclear"}, "fallback", 2)


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("the dog", False),
        ("the big white dog with the ball", False),
        ("the dog that runs to the left", True),
        ("the car that does not stop", True),
        ("the girl without a hat", True),
        ("the man who sits down before the other", True),
        ("the one that moves towards the camera", True),
    ],
)
def test_behavior_is_asked_about_only_for_direction_negation_and_order(make: Make, text: str, asked: bool) -> None:
    chat = make([json.dumps({"why": "", "verdict": "fits", "evidence": ""})])
    (review,) = chat.review_behavior(VIDEO, [write_track(text)])
    assert (review.verdict, len(chat.questions)) == (("fits", 1) if asked else ("unsure", 0))


@pytest.mark.parametrize(
    ("evidence", "verdict"),
    [("on frames 2 to 8 it runs to the right", "contradicted"), ("", "unsure"), ("it perhaps runs to the right", "unsure")],
)
def test_a_contradiction_needs_evidence(make: Make, evidence: str, verdict: str) -> None:
    chat = make([json.dumps({"why": "", "verdict": "contradicted", "evidence": evidence})])
    (review,) = chat.review_behavior(VIDEO, [write_track("the dog that runs to the left")])
    assert review.verdict == verdict


def test_a_model_without_vision_reviews_nothing(make: Make) -> None:
    chat = make([AssertionError("asked")], vision=False)
    tracks = [write_track("the dog that runs to the left")]
    assert set(chat.review_masks(VIDEO, tracks, [FRAMES])[0].answers) == {"unclear"}
    assert chat.review_behavior(VIDEO, tracks)[0].verdict == "unsure"


def test_tracks_are_asked_about_apart_and_in_their_order(make: Make) -> None:
    def answer(question: Question) -> str:
        word = ("no", "it is on a cat") if "the red bird" in question.messages[0].text else ("yes", "")
        return say_frames(dict.fromkeys(list_ids(question), word))

    chat = make(answer)
    reviews = chat.review_masks(VIDEO, [write_track("the dog"), write_track("the red bird")], [FRAMES, [1]])
    assert [(review.frames, set(review.answers)) for review in reviews] == [((2, 8, 20), {"yes"}), ((1,), {"no"})]
    assert len(chat.questions) == 2


def see_a_wall(question: Question) -> str:
    return say_frames(dict.fromkeys(list_ids(question), ("no", "the line is on a wall")))


class TestContract(ReviewerContract):
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path

    def make_component(self) -> ScriptedChat:
        return ScriptedChat.saying(see_a_wall, self.folder / "answers.sqlite")
