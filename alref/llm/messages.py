"""Questions to a language model and its answers, and how the message of a server is read as an answer."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Literal

from pydantic import Field

from alref.records import DecisionSource, Record, Text

FinishReason = Literal["stop", "length", "refusal", "filter"]
QuestionSlot = Literal["temporal", "spatial", "selector", "reviewer", "tracker", "propagator"]
"""The slots whose components ask questions, of a language model or of another service that is paid."""

THOUGHT_FIELDS = ("thinking", "reasoning_content", "reasoning", "reasoning_details")
"""Fields of a message in which servers return what a model thinks before it answers."""
THOUGHT_PARTS = ("thinking", "reasoning", "redacted_thinking")
ANSWER_PARTS = ("text", "output_text")

_THOUGHT_NAME = r"(?:\w+:)?\w*(?:think|thought|reason|reflect|analysis|scratchpad|monologue|rationale)\w*"
_TAG = re.compile(
    rf"(?P<closing></{_THOUGHT_NAME}>|◁/think▷|\[/THINK\]|<\|end_of_thought\|>|<\|?channel\|>final(?:<\|message\|>)?"
    rf"|<channel\|>|<unused95>|assistantfinal)"
    rf"|(?P<opening><{_THOUGHT_NAME}>|◁think▷|\[THINK\]|<\|begin_of_thought\|>|<\|?channel\|?>\s*(?:analysis|thought)"
    rf"(?:<\|message\|>)?|<unused94>(?:thought\b)?)"
    rf"|(?P<answer><(?:final_?)?(?:answer|solution|conclusion|response|output)>|<\|begin_of_(?:solution|box)\|>)",
    re.IGNORECASE,
)
_FENCED = re.compile(r"```\w*\s*(.*?)\s*```", re.DOTALL)

_FINISH_REASONS: tuple[tuple[FinishReason, re.Pattern[str]], ...] = (
    ("filter", re.compile(r"content_?filter|(image_)?safety|block|prohibited|recitation|spii|guardrail|sensitive")),
    ("length", re.compile(r"(model_|max_)*(length|tokens|output_tokens)|model_context_window_exceeded")),
    ("refusal", re.compile(r"refus")),
)
"""What a server's reason begins with; any other reason is a stop."""


class Message(Record):
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"] = "user"
    text: Text


class Question(Record):
    """One call of a model: messages, images for the first user message, and the JSON schema of the answer.

    ``images`` are encoded files, JPEG or PNG. ``topic`` is what the question is about; it is not sent. ``model`` is the model
    to ask, that of the component's options if empty.
    """

    messages: tuple[Message, ...]
    images: tuple[bytes, ...] = ()
    answer_schema: dict[str, Any] | None = None
    topic: str = Field("", exclude=True)
    model: str = Field(default="", exclude=True)

    @cached_property
    def image_digests(self) -> tuple[str, ...]:
        """The digest of each image, 32 hexadecimal digits."""
        return tuple(hashlib.blake2b(image, digest_size=16).hexdigest() for image in self.images)

    def to_dict(self) -> dict[str, Any]:
        """Return the sent fields as plain data, each image as its digest."""
        return {**self.model_dump(mode="json", exclude={"images"}), "images": list(self.image_digests)}


class Answer(Record):
    """An answer of a model: its text, the model as the server names it, why it stopped, and its usage.

    ``cost`` is in dollars, None when no price is known; ``retries`` counts the calls that failed before this one.
    ``estimated`` says that the server did not count the tokens.
    """

    text: Text
    model: Text
    finish_reason: FinishReason = "stop"
    prompt_tokens: int = Field(0, ge=0)
    completion_tokens: int = Field(0, ge=0)
    estimated: bool = False
    cost: float | None = None
    retries: int = Field(0, ge=0)
    seconds: float = Field(0.0, ge=0)


class QuestionEvent(Record):
    """One question as observers receive it: component and model, messages, digests of the images, and the outcome."""

    key: str
    stage: QuestionSlot
    component: str
    phrase: str
    messages: tuple[Message, ...]
    images: tuple[str, ...] = ()
    answer: Answer | None
    parsed: dict[str, Any] | None
    source: DecisionSource


def parse_message(message: Mapping[str, Any] | None, reason: str | None = None) -> tuple[str, FinishReason]:
    """Return the text of a server's message and why it ended.

    ``content`` is a text, or a list of parts, of which the text parts count. Without either, the text is the thoughts as
    ``<think>...</think>``, from which ``strip_thoughts`` takes an answer, if they are one.
    """
    message, finish = message or {}, parse_finish_reason(reason)
    content = message.get("content")
    text = _join_parts(content, ANSWER_PARTS)
    refusal = _join_parts(message.get("refusal"), ANSWER_PARTS) or _join_parts(content, ("refusal",))
    if refusal:
        return refusal, "refusal"
    if not text.strip():
        found = [_join_parts(message.get(name), None) for name in THOUGHT_FIELDS] + [_join_parts(content, THOUGHT_PARTS)]
        text = next((f"<think>{thoughts}</think>" for thoughts in found if thoughts.strip()), "")
    return text, finish


def _join_parts(content: Any, kinds: tuple[str, ...] | None) -> str:
    """Return the text of a message's parts of these kinds, of any kind for None; a bare text is one of ``ANSWER_PARTS``."""
    if isinstance(content, str):
        return content if kinds is None or "text" in kinds else ""
    if isinstance(content, Mapping):
        if kinds is not None and content.get("type", "text") not in kinds:
            return ""
        named = (content[name] for name in ("text", "value", "refusal", "thinking", "summary", "content") if content.get(name))
        return _join_parts(next(named, None), None)
    return "".join(_join_parts(part, kinds) for part in content) if isinstance(content, (list, tuple)) else ""


def parse_finish_reason(reason: str | None) -> FinishReason:
    """Return why an answer ended: ``MAX_TOKENS`` or ``content_filter_hate`` are what they say, unknown reasons are a stop."""
    text = str(reason or "").strip().lower().replace("-", "_")
    return next((finish for finish, pattern in _FINISH_REASONS if pattern.match(text)), "stop")


def strip_thoughts(text: str) -> str:
    """Return an answer without the thoughts in it, which tags mark in many spellings; empty if there are only thoughts.

    If there is no other answer, thoughts that form one JSON object are the answer: some servers put it there.
    """
    parts: list[str] = []
    thoughts: list[str] = []
    start, thinking = 0, False
    for tag in _TAG.finditer(text):
        if tag["closing"] or (tag["answer"] and thinking):
            if not thinking:
                parts.clear()
            thoughts.append(text[start : tag.start()])
            start, thinking = tag.end() if tag["closing"] else tag.start(), False
        elif tag["opening"] and not thinking:
            parts.append(text[start : tag.start()])
            start, thinking = tag.end(), True
    (thoughts if thinking else parts).append(text[start:])
    answer = "".join(parts).strip()
    return answer or next((thought for thought in map(_unfence, reversed(thoughts)) if _is_json_object(thought)), "")


def _unfence(text: str) -> str:
    fenced = _FENCED.fullmatch(text.strip())
    return fenced[1] if fenced else text.strip()


def _is_json_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False
