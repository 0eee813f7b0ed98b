"""Plain data in a model's text: JSON, fenced JSON, Python literals, whole or in a sentence; and which of its keys mean what."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from alref.llm import choice_words as words
from alref.llm.number_text import BOX_NOUNS, FRAME_NOUNS
from alref.utils.text import replace_surrogates

MAX_LENGTH = 20_000
"""Characters of an answer that are searched; of a longer answer, the last ones."""
REASON_KEYS = ("why", "reason", "reasoning", "explanation", "rationale", "justification", "analysis")
FINDING_KEYS = ("finding", "found", "status", "verdict", "visible", "present", "exists")
NAME_KEYS = ("name", "label", "category", "object")
GENERIC_KEYS = (
    *("answer", "final answer", "choice", "chosen", "selected", "selection", "pick", "best", "result", "output", "response"),
    *("prediction", "decision", "number", "index", "id", "candidate"),
)
_CHOSEN = re.compile(r"\b(?:best|chosen|selected|final|answer|correct|choice|preferred|predicted|pivot|key)\b")
_OTHER = re.compile(
    rf"\b{words.ANOTHER}\b|\b(?:total|count|num|max|min|start|end|of|per|previous|not|other|why|reason|score|confidence)\b"
)

_NOTE = re.compile(
    rf"^(?:(?:my|the|overall|total) )?(?:{words.SCORES}|answer|note|total|count|summary|frames?|images?|number)(?: \w+)?$"
)

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


def normalize_key(key: object) -> str:
    """Return a key in small letters, its words apart: ``best frame`` for bestFrame, best_frame and BEST-FRAME."""
    return re.sub(r"[\W_]+", " ", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", str(key))).strip().lower()


def find_choice_key(keys: Iterable[str], noun: str) -> str | None:
    """Return the key whose value is the choice: the best frame, else the frame, else a key such as ``answer``."""
    own = re.compile(rf"(?:^|\b)(?:{BOX_NOUNS if noun == 'box' else FRAME_NOUNS})(?: (?:number|no|id|index))?$")
    known = [key for key in map(normalize_key, keys) if not _OTHER.search(key)]
    named = [key for key in known if own.search(key)]
    ranked = [*filter(_CHOSEN.search, named), *sorted(named, key=len), *(key for key in GENERIC_KEYS if key in known)]
    return next(iter(ranked), None)


def is_note_key(key: str) -> bool:
    """Return whether a key of an answer about several objects is a note about it, such as its confidence, and not an object."""
    words_of_key = normalize_key(key)
    return words_of_key in REASON_KEYS or bool(_NOTE.search(words_of_key))
