"""What is made of a model's answers: numbers become frames and boxes, failures show, and nothing is asked twice."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alref.llm.answer_store import AnswerStore
from alref.llm.messages import Answer, Question, QuestionEvent
from alref.records import Candidates, Phrase, PivotFrame
from alref.testing import SQUARE, ReasonerContract, make_moving_square
from support.scripted_llm import ScriptedChat

VIDEO, _ = make_moving_square(frames=8)
OTHER = Phrase(reference="2", text="the gray ground", category="ground")
Make = Callable[..., ScriptedChat]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Make a scripted model with the answers kept in one file."""
    return lambda answers, **options: ScriptedChat.saying(answers, tmp_path / "answers.sqlite", **options)


class TestContract(ReasonerContract):
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path

    def make_component(self) -> ScriptedChat:
        return ScriptedChat.saying(["[1]"], self.folder / "answers.sqlite")


def two_boxes(phrase: Phrase = SQUARE, frame: int = 3, count: int = 2) -> Candidates:
    boxes = np.array([[10 * place, 5, 10 * place + 30, 50] for place in range(count)], np.float32)
    scores = np.linspace(0.9, 0.1, count)
    return Candidates(pivot=PivotFrame(phrase=phrase, frame=frame), xyxy=boxes, scores=scores, labels=("square",) * count)


def said(**facts: Any) -> str:
    return json.dumps({"why": "it is whole there", "finding": "found", **facts})


def test_a_number_is_the_frame_shown_under_it(make: Make) -> None:
    chat = make([said(frame=2)], frames=4)
    (pivot,) = chat.pick_frames(VIDEO, [SQUARE])
    assert (pivot.frame, pivot.finding, pivot.why, pivot.source) == (3, "found", "it is whole there", "model")
    assert pivot.raw == said(frame=2)
    assert '"the red square"' in chat.questions[0].messages[0].text


def test_a_number_is_the_candidate_in_that_place(make: Make) -> None:
    asked = two_boxes(count=4)
    (box,) = make([said(box=3)]).pick_boxes(VIDEO, [asked])
    assert box.xyxy is not None
    assert np.array_equal(box.xyxy, asked.xyxy[2])
    assert (box.score, box.source, box.pivot) == (pytest.approx(asked.scores[2]), "model", asked.pivot)


@pytest.mark.parametrize("first", ["I like dogs.", said(frame=9), "frame 1 or frame 2", ""])
def test_what_cannot_be_read_is_asked_once_more_with_what_was_wrong(make: Make, first: str) -> None:
    chat = make([first, said(frame=3)], frames=4)
    (pivot,) = chat.pick_frames(VIDEO, [SQUARE])
    assert (pivot.frame, pivot.source) == (5, "model")
    asked, again = chat.questions
    assert again.messages[:1] == asked.messages
    assert again.images == asked.images
    assert [each.role for each in again.messages] == ["user", "assistant", "user"]
    assert again.messages[1].text == (first or "(no answer)")
    assert again.messages[2].text


def test_what_cannot_be_read_twice_is_a_fallback_that_says_so(make: Make) -> None:
    chat = make(["I like dogs.", said(frame=9)], frames=4)
    (pivot,) = chat.pick_frames(VIDEO, [SQUARE])
    assert (pivot.frame, pivot.source, len(chat.questions)) == (5, "fallback", 2)
    assert re.search(r"\b9\b.*\b1 to 4\b", pivot.why)
    assert pivot.raw == said(frame=9)
    chat = make(["I like dogs.", said(box=9)])
    (box,) = chat.pick_boxes(VIDEO, [two_boxes()])
    assert (box.score, box.source, len(chat.questions)) == (pytest.approx(0.9), "fallback", 2)
    assert re.search(r"\b9\b", box.why)


@pytest.mark.parametrize(
    ("answer", "frame"),
    [
        ("Frame 3 shows the ball best; frame 2 is blurred.", 5),
        ("Answer: 3 (second choice: frame 4)", 5),
        ("**Answer:** 3\n**Confidence:** 9", 5),
        ("Frame 3 [1]", 5),
    ],
)
def test_a_choice_in_words_is_taken_and_cached(make: Make, answer: str, frame: int) -> None:
    for source in ("model", "cache"):
        chat = make([answer], frames=4)
        (pivot,) = chat.pick_frames(VIDEO, [SQUARE])
        assert (pivot.frame, pivot.source, pivot.raw) == (frame, source, answer)
        chat.close()


def test_a_number_that_is_not_a_choice_is_asked_about_and_then_a_fallback(make: Make) -> None:
    chat = make(["There are 3 dogs.", "I count 3."], frames=4)
    (pivot,) = chat.pick_frames(VIDEO, [SQUARE])
    assert (pivot.source, len(chat.questions)) == ("fallback", 2)


@pytest.mark.parametrize(("finish", "reason"), [("refusal", "refused"), ("filter", "content filter")])
def test_a_refusal_is_not_asked_about_again(make: Make, finish: Any, reason: str) -> None:
    chat = make([Answer(text="I cannot help with frame 1.", model="m", finish_reason=finish)])
    (pivot,) = chat.pick_frames(VIDEO, [SQUARE])
    assert (pivot.source, len(chat.questions)) == ("fallback", 1)
    assert reason in pivot.why


def test_an_answer_that_was_cut_off_is_not_trusted(make: Make) -> None:
    chat = make([Answer(text="It is not [1", model="m", finish_reason="length"), said(frame=2)], frames=4)
    assert chat.pick_frames(VIDEO, [SQUARE])[0].frame == 3
    assert "cut off" in chat.questions[1].messages[2].text


def test_absent_and_ambiguous_are_answers_with_the_models_reason(make: Make) -> None:
    absent = said(finding="absent", frame=None, box=None)
    (pivot,) = make([absent]).pick_frames(VIDEO, [SQUARE])
    assert (pivot.finding, pivot.frame, pivot.why, pivot.source) == ("absent", None, "it is whole there", "model")
    (box,) = make([absent]).pick_boxes(VIDEO, [two_boxes()])
    assert (box.finding, box.xyxy, box.source) == ("absent", None, "model")
    unsure = said(finding="ambiguous", frame=2, box=2)
    (pivot,) = make([unsure], frames=4).pick_frames(VIDEO, [SQUARE])
    assert (pivot.finding, pivot.frame) == ("ambiguous", 3)
    (box,) = make([unsure], max_candidates=2).pick_boxes(VIDEO, [two_boxes(count=3)])
    assert (box.finding, box.score) == ("ambiguous", pytest.approx(0.5))


def test_a_kept_answer_is_not_asked_for_again(make: Make) -> None:
    first = make([said(frame=2)])
    first.pick_frames(VIDEO, [SQUARE, OTHER])
    first.close()
    second = make([AssertionError("asked again")], concurrency=3)
    pivots = second.pick_frames(VIDEO, [SQUARE, OTHER])
    assert [(pivot.frame, pivot.source) for pivot in pivots] == [(1, "cache"), (1, "cache")]
    assert second.questions == []


@pytest.mark.parametrize("options", [{"image_size": 512}, {"layout": "paper"}, {"prompts": "direct"}, {"image_format": "png"}])
def test_another_question_is_not_answered_from_the_store(make: Make, options: dict[str, Any]) -> None:
    make([said(frame=2)]).pick_frames(VIDEO, [SQUARE])
    other = make([said(frame=3)], **options)
    assert other.pick_frames(VIDEO, [SQUARE])[0].frame == 2
    assert len(other.questions) == 1


class Warm(ScriptedChat):
    class Options(ScriptedChat.Options):  # type: ignore[name-defined, misc]
        model: str = "small"
        temperature: float = 0.0
        timeout: float = 1.0

    neutral_options = ScriptedChat.neutral_options | {"timeout"}


def test_answers_are_kept_by_model_and_by_the_options_that_change_them(tmp_path: Path) -> None:
    def asked(**options: Any) -> int:
        chat = Warm.saying([said(frame=2)], tmp_path / "answers.sqlite", **options)
        chat.pick_frames(VIDEO, [SQUARE])
        return len(chat.questions)

    assert asked() == 1
    assert asked(timeout=5.0) == 0
    assert asked(temperature=1.0) == 1
    assert asked(model="large") == 1
    assert asked(model="large") == 0


def test_answers_are_kept_by_the_model_that_a_server_names(tmp_path: Path) -> None:
    class Named(ScriptedChat):
        def get_model_id(self) -> str:
            return self.named

    for name, questions in (("small", 1), ("small", 0), ("large", 1)):
        chat = Named.saying([said(frame=2)], tmp_path / "answers.sqlite")
        chat.named = name
        chat.pick_frames(VIDEO, [SQUARE])
        assert len(chat.questions) == questions


@pytest.mark.parametrize("finish", ["length", "refusal", "filter"])
def test_answers_that_failed_are_asked_for_again_in_the_next_run(make: Make, finish: Any) -> None:
    make([Answer(text="no", model="m", finish_reason=finish)]).pick_frames(VIDEO, [SQUARE])
    again = make([said(frame=1)])
    assert again.pick_frames(VIDEO, [SQUARE])[0].source == "model"


def test_the_same_question_is_asked_once_for_two_references(make: Make) -> None:
    chat = make([said(frame=2)])
    twin = SQUARE.model_copy(update={"reference": "2"})
    pivots = chat.pick_frames(VIDEO, [SQUARE, twin])
    assert [(pivot.phrase, pivot.frame) for pivot in pivots] == [(SQUARE, 1), (twin, 1)]
    assert [pivot.source for pivot in pivots] == ["model", "cache"]
    assert len(chat.questions) == 1


def test_a_single_candidate_is_taken_without_a_question_where_that_is_allowed(make: Make) -> None:
    single, sound = two_boxes(count=1), two_boxes(SQUARE.model_copy(update={"sound": True}), count=1)
    chat = make([said(box=1)])
    (box,) = chat.pick_boxes(VIDEO, [single])
    assert (box.source, chat.questions) == ("rule", [])
    for options, asked in (
        ({"prompts": "paper"}, 1),
        ({"ask_single": True}, 2),
        ({"prompts": "paper", "ask_single": False}, 0),
    ):
        chat = make(["[1]"], **options)
        chat.pick_boxes(VIDEO, [single, sound])
        assert len(chat.questions) == asked, options


def test_a_model_may_reject_a_single_candidate(make: Make) -> None:
    (box,) = make([said(finding="absent", box=None)], ask_single=True).pick_boxes(VIDEO, [two_boxes(count=1)])
    assert (box.finding, box.xyxy) == ("absent", None)


def test_no_more_than_the_best_candidates_are_shown(make: Make) -> None:
    chat = make([said(box=4)] * 2, max_candidates=3)
    (box,) = chat.pick_boxes(VIDEO, [two_boxes(count=5)])
    assert box.source == "fallback"
    assert "Box 3 (orange)" in chat.questions[0].messages[0].text
    assert "Box 4" not in chat.questions[0].messages[0].text


def test_the_mask_of_the_chosen_candidate_goes_along(make: Make) -> None:
    masks = np.zeros((2, VIDEO.height, VIDEO.width), np.bool_)
    masks[1, 5:9, 5:9] = True
    (box,) = make([said(box=2)]).pick_boxes(VIDEO, [two_boxes().model_copy(update={"masks": masks})])
    assert box.mask is not None
    assert np.array_equal(box.mask, masks[1])


def test_observers_are_told_every_question_with_what_came_of_it(make: Make) -> None:
    events: list[QuestionEvent] = []
    chat = make(["what?", said(frame=2)])
    chat.bind("alref-mine 1.2", lambda hook, event: events.append(event) if hook == "question_answered" else None)
    chat.pick_frames(VIDEO, [SQUARE])
    first, second = events
    assert (first.stage, first.component, first.phrase, first.source) == (
        "temporal",
        "scripted-chat",
        "the red square",
        "model",
    )
    assert first.images == chat.questions[0].image_digests
    assert first.messages == chat.questions[0].messages
    assert first.parsed is not None
    assert first.parsed["kind"] == "unreadable"
    assert second.parsed == {"kind": "found", "number": 2, "why": "it is whole there"}
    assert second.answer is not None
    store = AnswerStore(chat.options.answers or Path())
    assert store.get(second.key) == second.answer
    store.close()
    chat.pick_boxes(VIDEO, [two_boxes()])
    assert events[-1].stage == "spatial"


def test_the_wanted_form_is_sent_as_a_schema_with_the_structured_prompts_only(make: Make) -> None:
    wanted: dict[str, dict[str, Any] | None] = {}

    def answer(question: Question) -> str:
        wanted[question.messages[0].text] = question.answer_schema
        return "[1]"

    make(answer, frames=4).pick_frames(VIDEO, [SQUARE])
    make(answer, prompts="direct").pick_frames(VIDEO, [SQUARE])
    make(answer, prompts="paper").pick_frames(VIDEO, [SQUARE])
    structured, direct, paper = wanted.values()
    assert structured is not None
    assert structured["properties"]["frame"]["enum"] == [1, 2, 3, 4, None]
    assert list(structured["properties"]) == ["why", "finding", "frame"]
    assert (direct, paper) == (None, None)


def test_pivot_middle_asks_nothing_about_a_text_and_cleans_the_labels_of_a_sound(make: Make) -> None:
    tags = [Phrase(reference="2", text=name, sound=True) for name in ("Bark", "Rain", "Domestic animals, pets")]
    chat = make(['{"objects": [{"name": "dog", "frame": 1}]}'], pivot="middle", frames=8)
    text, sound = chat.pick_frames(VIDEO, [SQUARE, *tags])
    assert len(chat.questions) == 1
    assert "Rain" in chat.questions[0].messages[0].text
    found = {pivot.phrase.text: (pivot.frame, pivot.source) for pivot in (text, sound)}
    assert found == {"the red square": (3, "rule"), "dog": (3, "model")}


TAGS = [Phrase(reference="2", text=name, score=score, sound=True) for name, score in (("Bark", 0.9), ("Music", 0.5))]
OUT_OF_RANGE = "{'dog': 12, 'piano': 2}"


def test_a_name_with_a_frame_out_of_range_is_asked_about_again_and_kept(make: Make) -> None:
    chat = make([OUT_OF_RANGE, "Sorry."])
    pivots = chat.pick_frames(VIDEO, TAGS)
    assert len(chat.questions) == 2
    assert [(each.phrase.text, each.frame, each.source) for each in pivots] == [("dog", 4, "fallback"), ("piano", 1, "model")]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (OUT_OF_RANGE, [("dog", 0, "fallback"), ("piano", 1, "model")]),
        ("The dog barks.", [("Bark", None, "fallback"), ("Music", None, "fallback")]),
        ('["dog": the second]', [("Bark", None, "fallback"), ("Music", None, "fallback")]),
        ("[]", [("Bark", None, "model"), ("Music", None, "model")]),
    ],
)
def test_unreadable_paper_takes_the_first_frame_or_nothing_and_does_not_ask_again(
    make: Make, answer: str, expected: list[tuple[str, int | None, str]]
) -> None:
    chat = make([answer], unreadable="paper", sampler="paper")
    pivots = chat.pick_frames(VIDEO, TAGS)
    assert len(chat.questions) == 1
    assert [(each.phrase.text, each.frame, each.source) for each in pivots] == expected


def test_unreadable_paper_leaves_a_chunk_of_a_text_out(make: Make) -> None:
    chat = make(["I cannot tell.", said(box="?"), "no idea"], unreadable="paper", sampler="paper")
    (pivot,) = chat.pick_frames(VIDEO, [SQUARE])
    assert (pivot.finding, pivot.source) == ("absent", "fallback")
    (box,) = chat.pick_boxes(VIDEO, [two_boxes()])
    assert (box.finding, box.source) == ("absent", "fallback")
    (box,) = chat.pick_boxes(VIDEO, [two_boxes(TAGS[0])])
    assert (box.finding, box.score, box.source) == ("found", pytest.approx(0.9), "fallback")
