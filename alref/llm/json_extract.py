"""Extraction of plain data from a model's text: JSON, fenced JSON, Python literals, whole or in the middle of a sentence."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from alref.utils.text import replace_surrogates

MAX_LENGTH = 20_000
"""Characters of an answer that are searched; of a longer answer, the last ones."""

_FENCE = re.compile(r"```[a-zA-Z]*\s*\n?(.*?)```", re.DOTALL)
_BRACKET_PAIRS = {"{": "}", "[": "]"}
_STRING = r'"(?:\\.|[^"\\])*"' + r"|'(?:\\.|[^'\\])*'"
_COMMENT = re.compile(rf"(?P<string>{_STRING})|//[^\n]*|/\*.*?\*/|#[^\n]*", re.DOTALL)
_LOOSE = re.compile(
    rf"(?P<string>{_STRING})|(?P<comma>,(?=\s*[}}\]]))|(?P<name>\b(?:None|True|False|undefined)\b)|(?P<key>[A-Za-z_]\w*)(?=\s*:)",
    re.DOTALL,
)
_NAMES = {"None": "null", "True": "true", "False": "false", "undefined": "null"}
_QUOTES = {0x201C: '"', 0x201D: '"', 0x201E: '"', 0x2018: "'", 0x2019: "'"}


def extract_json(text: str, longest: bool = False) -> Any:
    """Return the mapping or list that the text is or ends with, or the ``longest`` one in it; None if there is none."""
    parts = _find_json_parts(text[-MAX_LENGTH:])
    for part in sorted(parts, key=len, reverse=True) if longest else parts:
        found = parse_json(part)
        if found is not None:
            return found
    return None


def _find_json_parts(text: str) -> Iterator[str]:
    """Yield parts that may be data, the likeliest first: the whole text, fenced blocks, bracketed parts, each from the last."""
    yield text
    yield from reversed(_FENCE.findall(text))
    for opening in _BRACKET_PAIRS:
        yield from (text[start:end] for start, end in reversed(list(find_balanced_parts(text, opening))))


def find_balanced_parts(text: str, opening: str) -> Iterator[tuple[int, int]]:
    """Yield where the outermost parts between an opening bracket and the matching closing bracket begin and end."""
    depth, start = 0, 0
    for index, letter in enumerate(text):
        if letter == opening:
            start = start if depth else index
            depth += 1
        elif letter == _BRACKET_PAIRS[opening] and depth:
            depth -= 1
            if not depth:
                yield start, index + 1


def parse_json(text: str) -> Any:
    """Return the mapping or list that a whole text is, or None.

    Comments, commas at the end, single quotes, keys without quotes and Python's names of constants are accepted.
    """
    text = text.strip()
    if not text or text[0] not in _BRACKET_PAIRS:
        return None
    for write in (str, _write_strictly, lambda text: _write_strictly(text.translate(_QUOTES))):
        written = write(text)
        try:
            found = json.loads(written, strict=False)
            if "\\ud" in written.lower():
                found = json.loads(replace_surrogates(json.dumps(found, ensure_ascii=False)))
        except (ValueError, RecursionError):
            continue
        return found if isinstance(found, (dict, list)) else None
    return None


def _write_strictly(text: str) -> str:
    """Write loose JSON as JSON."""
    return _LOOSE.sub(_write_token, _COMMENT.sub(lambda token: token["string"] or " ", text))


def _write_token(token: re.Match[str]) -> str:
    if token["string"]:
        inside = token["string"][1:-1]
        if token["string"][0] == "'":
            inside = re.sub(r'(?<!\\)"', r"\"", inside.replace(r"\'", "'"))
        return f'"{inside}"'
    return _NAMES[token["name"]] if token["name"] else f'"{token["key"]}"' if token["key"] else ""


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
