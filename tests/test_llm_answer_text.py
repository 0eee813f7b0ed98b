"""What of a server's message is the answer: parts, thoughts, refusals, and why it ended."""

from __future__ import annotations

from pathlib import Path

import pytest

from alref.llm.answer_store import AnswerStore
from alref.llm.messages import Answer, Message, Question, parse_finish_reason, parse_message, strip_thoughts
from alref.llm.options import ChatOptions
from alref.llm.parsing import parse_choice
from alref.records import Phrase, PivotFrame
from alref.testing import make_moving_square
from support.scripted_llm import ScriptedChat

VIDEO, _ = make_moving_square(frames=8)
THOUGHT_TEXTS = [
    "<think>frame 1?</think>3",
    "<thinking>frame 1?</thinking>\n3",
    "<Thought>frame 1?</Thought> 3",
    "<reasoning>frame 1?</reasoning> 3",
    "<analysis>frame 1?</analysis> 3",
    "<seed:think>frame 1?</seed:think>3",
    "◁think▷frame 1?◁/think▷3",
    "[THINK]frame 1?[/THINK]3",
    "<|begin_of_thought|>frame 1?<|end_of_thought|>3",
    "<|channel|>analysis<|message|>frame 1?<|end|><|start|>assistant<|channel|>final<|message|>3",
    "analysisIs it frame 1?assistantfinal3",
    "<unused94>thought\nframe 1?<unused95>3",
    "frame 1?</think>3",
    "<think>frame 1?</think><think>2?</think>3",
    "3<think>or frame 1?</think>",
]


@pytest.mark.parametrize("text", THOUGHT_TEXTS)
def test_thoughts_are_not_the_answer(text: str) -> None:
    assert strip_thoughts(text) == "3"
    assert parse_choice(text, 5).number == 3


@pytest.mark.parametrize("text", ['<think>{"frame": 3}</think>', '<think>\n```json\n{"frame": 3}\n```', '◁think▷{"frame": 3}'])
def test_thoughts_that_are_one_json_object_are_the_answer(text: str) -> None:
    assert parse_choice(text, 5).number == 3


@pytest.mark.parametrize("text", ["<think>frame 3</think>", "<think>It may be frame 3", '<think>{"frame": 3} or not?</think>'])
def test_other_thoughts_alone_are_no_answer_and_the_option_is_named(text: str) -> None:
    reading = parse_choice(text, 5)
    assert (reading.kind, reading.number) == ("unreadable", None)
    assert "reasoner.thinking" in reading.problem


def test_an_answer_tag_ends_thoughts_without_an_end() -> None:
    assert parse_choice("<think>It may be frame 1. <answer>3</answer>", 5).number == 3


TEXT = {"type": "text", "text": "frame 3"}
THINKING = {"type": "thinking", "thinking": [{"type": "text", "text": "frame 1?"}]}


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"content": "frame 3"}, "frame 3"),
        ({"content": [THINKING, TEXT]}, "frame 3"),
        ({"content": ["frame ", {"type": "output_text", "text": {"value": "3"}}]}, "frame 3"),
        ({"content": {"type": "text", "text": "frame 3"}}, "frame 3"),
        ({"content": "frame 3", "reasoning_content": "frame 1?"}, "frame 3"),
        ({"content": None, "reasoning_content": "frame 1?"}, "<think>frame 1?</think>"),
        ({"content": "", "thinking": "frame 1?"}, "<think>frame 1?</think>"),
        ({"content": "\n", "reasoning": "frame 1?", "tool_calls": None}, "<think>frame 1?</think>"),
        ({"reasoning_details": [{"type": "reasoning.text", "text": "frame 1?"}]}, "<think>frame 1?</think>"),
        ({"content": [THINKING]}, "<think>frame 1?</think>"),
        ({"content": [{"type": "image_url", "image_url": {"url": "x"}}]}, ""),
        ({"content": 5}, ""),
        ({"content": None}, ""),
        ({}, ""),
        (None, ""),
    ],
)
def test_the_text_parts_of_a_message_are_its_text(message: dict[str, object] | None, text: str) -> None:
    assert parse_message(message, "stop") == (text, "stop")


@pytest.mark.parametrize("message", [{"refusal": "I cannot."}, {"content": [{"type": "refusal", "refusal": "I cannot."}]}])
def test_a_refusal_is_said(message: dict[str, object]) -> None:
    assert parse_message(message, "stop") == ("I cannot.", "refusal")


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        *[(reason, "stop") for reason in ("stop", "eos", "end_turn", "STOP", "tool_calls", "", None)],
        *[(reason, "length") for reason in ("length", "MAX_TOKENS", "max_output_tokens", "model_length")],
        *[(reason, "filter") for reason in ("content_filter", "content_filter_hate", "content-filter", "SAFETY", "RECITATION")],
        ("refusal", "refusal"),
    ],
)
def test_why_an_answer_ended(reason: str | None, finish: str) -> None:
    assert parse_finish_reason(reason) == finish


def test_thinking_is_off_where_json_is_asked_for_and_else_as_the_option_says() -> None:
    plain, schema = Question(messages=(Message(text="?"),)), Question(messages=(Message(text="?"),), answer_schema={})
    assert [ChatOptions().choose_thinking(question) for question in (plain, schema)] == [None, False]
    for wish in (True, False):
        assert [ChatOptions(thinking=wish).choose_thinking(question) for question in (plain, schema)] == [wish, wish]


def test_only_thoughts_are_not_stored_and_the_fallback_says_why(tmp_path: Path) -> None:
    chat = ScriptedChat.saying(["<think>It may be frame 2.</think>"], tmp_path / "answers.sqlite", max_questions=1)
    (pivot,) = chat.pick_frames(VIDEO, [Phrase(reference="1", text="dog")])
    assert pivot.source == "fallback"
    assert "reasoner.thinking" in pivot.why
    assert [message.text for message in chat.questions[1].messages[1:2]] == ["(no answer)"]
    chat.close()
    assert AnswerStore(tmp_path / "answers.sqlite").get_info().count == 0


def test_thoughts_that_were_cut_off_name_the_option(tmp_path: Path) -> None:
    cut = Answer(text="<think>It may be frame 2", model="m", finish_reason="length")
    chat = ScriptedChat.saying([cut], tmp_path / "answers.sqlite", max_questions=1)
    (pivot,) = chat.pick_frames(VIDEO, [Phrase(reference="1", text="dog")])
    assert "reasoner.max_tokens" in pivot.why


@pytest.mark.parametrize(
    "said", ['{"why": "a \ud800 dog \ud83d\ude00", "frame": 2}', r'{"why": "a \ud800 dog \ud83d\ude00", "frame": 2}']
)
def test_a_lone_surrogate_is_replaced_and_the_answer_is_cached(tmp_path: Path, said: str) -> None:
    for source in ("model", "cache"):
        chat = ScriptedChat.saying([said], tmp_path / "answers.sqlite", max_questions=1)
        (pivot,) = chat.pick_frames(VIDEO, [Phrase(reference="1", text="dog")])
        assert (pivot.why, pivot.source) == ("a \ufffd dog \U0001f600", source)
        assert PivotFrame.model_validate_json(pivot.model_dump_json()) == pivot
        chat.close()


@pytest.mark.parametrize("said", ["{'a \ud800 dog': 2}", r'{"objects": [{"name": "a \ud800 dog", "frame": 2}]}'])
def test_a_lone_surrogate_in_the_name_of_an_object_is_replaced(tmp_path: Path, said: str) -> None:
    chat = ScriptedChat.saying([said], tmp_path / "answers.sqlite")
    (pivot,) = chat.pick_frames(VIDEO, [Phrase(reference="1", text="dog", sound=True)])
    assert pivot.phrase.text == "a \ufffd dog"
    pivot.model_dump_json()
    chat.close()
