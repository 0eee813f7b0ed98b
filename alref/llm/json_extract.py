"""Extraction of plain data from a model's text: JSON, fenced JSON, Python literals, whole or in the middle of a sentence."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from typing import Any

MAX_LENGTH = 20_000
"""Characters of an answer that are searched; of a longer answer, the last ones."""

_FENCE = re.compile(r"```[a-zA-Z]*\s*\n?(.*?)```", re.DOTALL)
_BRACKET_PAIRS = {"{": "}", "[": "]"}
_PARSE_ERRORS = (ValueError, SyntaxError, RecursionError, MemoryError, TypeError)


def extract_json(text: str) -> Any:
    """Return the mapping or list that the text is or ends with, or None."""
    for part in _find_json_parts(text[-MAX_LENGTH:]):
        found = _parse_literal(part)
        if isinstance(found, (dict, list)):
            return found
    return None


def _find_json_parts(text: str) -> Iterator[str]:
    """Yield parts that may be data, the likeliest first: the whole text, fenced blocks, bracketed parts, each from the last."""
    yield text
    yield from reversed(_FENCE.findall(text))
    for opening in _BRACKET_PAIRS:
        yield from reversed(list(_find_balanced_parts(text, opening)))


def _find_balanced_parts(text: str, opening: str) -> Iterator[str]:
    """Yield the outermost balanced parts between an opening bracket and the matching closing bracket."""
    depth, start = 0, 0
    for index, letter in enumerate(text):
        if letter == opening:
            start = start if depth else index
            depth += 1
        elif letter == _BRACKET_PAIRS[opening] and depth:
            depth -= 1
            if not depth:
                yield text[start : index + 1]


def _parse_literal(text: str) -> Any:
    text = text.strip()
    if not text or text[0] not in _BRACKET_PAIRS:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    try:
        return ast.literal_eval(text)
    except _PARSE_ERRORS:
        return None


def to_int(value: Any) -> int | None:
    """Return an integer for 3, 3.0 or "3", and None for other values such as True or 3.5."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and re.fullmatch(r"\s*[-+]?\d{1,9}(\.0+)?\s*", value, re.ASCII):
        return int(float(value))
    return None
