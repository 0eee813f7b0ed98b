"""The text of an answer: what of a server's message is the answer, what are thoughts, and why it ended."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from alref.llm.messages import FinishReason

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
    said = str(reason or "").strip().lower().replace("-", "_")
    return next((finish for finish, pattern in _FINISH_REASONS if pattern.match(said)), "stop")


def strip_thoughts(text: str) -> str:
    """Return an answer without the thoughts in it, which tags mark in many spellings; empty if there are only thoughts.

    Thoughts that are as a whole one JSON object are the answer if there is no other: some servers put it there.
    """
    kept: list[str] = []
    thoughts: list[str] = []
    start, thinking = 0, False
    for tag in _TAG.finditer(text):
        if tag["closing"] or (tag["answer"] and thinking):
            if not thinking:
                kept.clear()
            thoughts.append(text[start : tag.start()])
            start, thinking = tag.end() if tag["closing"] else tag.start(), False
        elif tag["opening"] and not thinking:
            kept.append(text[start : tag.start()])
            start, thinking = tag.end(), True
    (thoughts if thinking else kept).append(text[start:])
    answer = "".join(kept).strip()
    return answer or next((each for each in map(_unfence, reversed(thoughts)) if _is_json_object(each)), "")


def _unfence(text: str) -> str:
    fenced = _FENCED.fullmatch(text.strip())
    return fenced[1] if fenced else text.strip()


def _is_json_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False
