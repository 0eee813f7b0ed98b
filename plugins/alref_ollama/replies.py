"""Read the response of a server: one JSON object or several, in which fields may be missing."""

from __future__ import annotations

import json
from typing import Any

from alref.llm.messages import parse_message
from alref.llm.server_connection import Completion
from alref.llm.server_errors import ServerError, classify_error, extract_error_text, parse_wait, read_count

MAX_SHOWN = 300
"""Maximum number of characters of an unreadable answer in an error."""


def check_status(status: int, headers: Any, content: bytes) -> None:
    """Raise ServerError for a response that is not a success."""
    if not 200 <= status < 300:
        try:
            error = json.loads(content)
        except (ValueError, RecursionError):
            error = _decode_text(content)
        error = error.get("error", error) if isinstance(error, dict) else error
        raise ServerError(classify_error(status, error), extract_error_text(error) or f"status {status}", parse_wait(headers))


def parse_completion(content: bytes) -> Completion:
    """Return the answer in a response. Raises ServerError if there is none, or an error instead."""
    parts = _read_objects(content)
    if error := next((part["error"] for part in parts if part.get("error")), None):
        raise ServerError(classify_error(None, error), extract_error_text(error))
    if not any("message" in part for part in parts) or (len(parts) > 1 and not parts[-1].get("done")):
        raise ServerError("failed", _decode_text(content))
    messages = [part["message"] for part in parts if isinstance(part.get("message"), dict)]
    joined = {
        "content": "".join(parse_message({"content": message.get("content")})[0] for message in messages),
        "thinking": "".join(message["thinking"] for message in messages if isinstance(message.get("thinking"), str)),
    }
    last = parts[-1]
    text, finish = parse_message(joined, str(last.get("done_reason") or ""))
    return Completion(
        text=text,
        finish_reason=finish,
        model=next((part["model"] for part in parts if isinstance(part.get("model"), str)), ""),
        prompt_tokens=read_count(last, "prompt_eval_count", "prompt_tokens"),
        completion_tokens=read_count(last, "eval_count", "completion_tokens"),
    )


def _read_objects(content: bytes) -> list[dict[str, Any]]:
    """Return the objects of a response: one of any layout, or one on each line."""
    try:
        found = [json.loads(content, strict=False)]
    except RecursionError:
        raise ServerError("failed", _decode_text(content)) from None
    except ValueError:
        try:
            found = [json.loads(line, strict=False) for line in content.split(b"\n") if line.strip()]
        except (ValueError, RecursionError):
            found = []
    if not found or not all(isinstance(item, dict) for item in found):
        raise ServerError("failed", _decode_text(content))
    return found


def _decode_text(content: bytes) -> str:
    return content[:MAX_SHOWN].decode("utf-8", "replace").strip() or "an empty response"
