"""Read the response of a server: JSON or a stream of events, in which fields may be missing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from alref.llm.messages import THOUGHT_FIELDS, parse_message
from alref.llm.server_connection import Completion
from alref.llm.server_errors import ServerError, classify_error, extract_error_text, read_count

MAX_SHOWN = 300
"""Maximum number of characters of an unreadable answer in an error."""
_COMMENTS = re.compile(rb"\A(\s*(:[^\n]*)?\n)*\s*")
"""Empty lines and comments with which a server keeps a connection alive before it answers."""
MESSAGE_FIELDS = ("content", "refusal", *THOUGHT_FIELDS)


def parse_completion(content: bytes) -> Completion:
    """Return the answer in a response. Raises ServerError if there is none, or an error instead."""
    data = _read_object(content)
    error = data.get("error")
    listed = data.get("choices")
    choice = listed[0] if isinstance(listed, list) and listed and isinstance(listed[0], Mapping) else {}
    error = error or choice.get("error")
    reason = str(choice.get("finish_reason") or "")
    if error or reason == "error":
        text = extract_error_text(error) or "the answer ended with an error"
        raise ServerError(classify_error(None, error or text), text)
    if not choice and "message" in data:
        raise ServerError(classify_error(None, data), extract_error_text(data))
    if not choice:
        raise _make_unreadable_error(content)
    message = choice.get("message")
    if not isinstance(message, Mapping):
        message = {"content": message or choice.get("text")}
    text, finish = parse_message(message, reason)
    usage = data.get("usage")
    details = usage.get("prompt_tokens_details") or usage.get("input_tokens_details") if isinstance(usage, Mapping) else None
    prompt = read_count(usage, "prompt_tokens", "input_tokens", "prompt_eval_count", "promptTokenCount")
    written = read_count(usage, "completion_tokens", "output_tokens", "eval_count", "candidatesTokenCount")
    return Completion(
        text=text,
        finish_reason=finish,
        model=data["model"] if isinstance(data.get("model"), str) else "",
        prompt_tokens=prompt,
        completion_tokens=written,
        cached_tokens=read_count(details, "cached_tokens") or 0,
    )


def _read_object(content: bytes) -> dict[str, Any]:
    """Return the JSON object of a response; the events of a stream are joined to one."""
    content = _COMMENTS.sub(b"", content)
    if content.startswith((b"data:", b"event:", b"id:", b"retry:")):
        return _join_events(list(_read_events(content)), content)
    try:
        data = json.loads(content, strict=False)
    except (ValueError, RecursionError):
        raise _make_unreadable_error(content) from None
    if not isinstance(data, dict):
        raise _make_unreadable_error(content)
    return data


def _read_events(content: bytes) -> Iterator[dict[str, Any]]:
    """Yield the objects of a stream of events; the last, if the stream is cut off, may be incomplete and is left out."""
    for line in content.decode("utf-8", "replace").split("\n"):
        name, _, value = line.partition(":")
        if name == "data" and value.strip() != "[DONE]":
            try:
                event = json.loads(value, strict=False)
            except (ValueError, RecursionError):
                return
            if isinstance(event, dict):
                yield event


def _join_events(events: list[dict[str, Any]], content: bytes) -> dict[str, Any]:
    """Return the answer that the events of a stream make. Raises ServerError if it does not end."""
    joined: dict[str, Any] = {}
    message: dict[str, Any] = {}
    reason = None
    for event in events:
        joined |= {name: event[name] for name in ("error", "usage", "model") if event.get(name)}
        choices = event.get("choices")
        for choice in choices[:1] if isinstance(choices, list) else ():
            if not isinstance(choice, Mapping):
                continue
            reason = choice.get("finish_reason") or reason
            joined |= {"error": choice["error"]} if choice.get("error") else {}
            _append_delta(message, choice.get("delta") or choice.get("message"))
    if not joined.get("error") and reason is None and b"[DONE]" not in content:
        raise _make_unreadable_error(content)
    return {**joined, "choices": [{"message": message, "finish_reason": reason}]}


def _append_delta(message: dict[str, Any], delta: Any) -> None:
    """Append the parts of one event to a message: texts, or lists of parts."""
    for name in MESSAGE_FIELDS:
        part = delta.get(name) if isinstance(delta, Mapping) else None
        if isinstance(part, str) and isinstance(message.get(name, ""), str):
            message[name] = message.get(name, "") + part
        elif isinstance(part, list):
            before = message.get(name, [])
            message[name] = [*(before if isinstance(before, list) else [{"type": "text", "text": before}]), *part]


def _make_unreadable_error(content: bytes) -> ServerError:
    return ServerError("failed", content[:MAX_SHOWN].decode("utf-8", "replace").strip() or "an empty response")
