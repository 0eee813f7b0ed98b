"""Tolerant parser of model answers: a number in a range, absent, ambiguous, or why the answer is unreadable. Never raises."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Literal

from alref.llm.answer_text import strip_thoughts
from alref.llm.json_extract import MAX_LENGTH, extract_json, to_int
from alref.utils.text import replace_surrogates, shorten_text

AnswerKind = Literal["value", "absent", "ambiguous", "unreadable"]
NUMBER_WORDS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
ORDINAL_WORDS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
WORD_VALUES = {**{word: n for n, word in enumerate(NUMBER_WORDS, 1)}, **{word: n for n, word in enumerate(ORDINAL_WORDS, 1)}}
NUMBER_KEYS = ("frame", "box", "number", "id", "answer", "choice", "index", "frame_number", "frame_id", "box_id", "candidate")
REASON_KEYS = ("why", "reason", "reasoning", "explanation")
ONLY_THOUGHTS = "the model thought and gave no answer: -o reasoner.thinking=false, or a higher reasoner.max_tokens"
ABSENT_WORDS = ("absent", "none", "not found", "missing")

_NOUN = r"(?:frame|box|candidate|object|number|image|option|no\.|id|#)"
_DIGITS = r"-?\d{1,9}(?![\d.]*\d)"
_NUMBER = rf"(?:{_DIGITS}|\b(?:{'|'.join(NUMBER_WORDS)})\b)"
_BOLD = re.compile(r"(\*\*|__)(.{1,80}?)\1")
_BRACKETS = re.compile(r"\[([^\[\]]{0,80})\]")
_STATED_ANSWER = re.compile(
    r"(?:\b(?:answer|choice|best|result|final|chosen)\b[^.\d\n]{0,40}?(?:\bis|:|=|"
    rf"\b{_NOUN})|\b(?:choose|chose|pick|select)\b(?:\s+{_NOUN})?)\s*[\"'(*]*"
    rf"({_DIGITS}(?![\w-])|(?:{'|'.join(NUMBER_WORDS)})(?=\W*$|[.!;]))",
    re.IGNORECASE,
)
_NAMED_NUMBER = re.compile(rf"{_NOUN}\s*(?:number\s+|no\.\s*|id\s+)?[:=#(\[\"'*]*\s*({_NUMBER})", re.IGNORECASE)
_NAMED_ORDINAL = re.compile(rf"\b({'|'.join(ORDINAL_WORDS)})\s+{_NOUN}", re.IGNORECASE)
_BARE_NUMBER = re.compile(rf"(?<![\w.,-])({_DIGITS})(?!\w)")
_ABSENT = re.compile(
    r"\b(?:absent|none|nowhere|no such|nothing (?:is|in|here|makes|that)|no (?:box|frame|object|match\w*)|"
    r"(?:not|never|isn't|doesn't|cannot|can't)\b[^.]{0,30}\b"
    r"(?:visible|present|shown|appears?|seen?|match|matches|there|exist|find|found))\b",
    re.IGNORECASE,
)
_BROKEN_JSON = re.compile(r"\s*(?:```\w*\s*)?\{\s*[\"']")
_KEYED_NUMBER = re.compile(rf"[\"'](?:{'|'.join(NUMBER_KEYS)})[\"']\s*:\s*[\"']?({_DIGITS})\b")
_AMBIGUOUS = re.compile(r"\bambiguous\b", re.IGNORECASE)


@dataclass(frozen=True)
class ParsedChoice:
    """A parsed answer: a ``number`` from 1 up, or none; ``why`` in the model's words; ``problem`` if it is unreadable.

    An ambiguous answer may have the number that the model considers likeliest.
    """

    kind: AnswerKind
    number: int | None = None
    why: str = ""
    problem: str = ""


@dataclass(frozen=True)
class ParsedLabels:
    """A parsed answer about a sound reference: a frame from 1 up for each object's name; empty if the object is absent.

    An unreadable answer may have names too: ``frames`` then holds the numbers out of range as well, and None for no number.
    """

    kind: AnswerKind
    frames: dict[str, int | None] = field(default_factory=dict)
    why: str = ""
    problem: str = ""


def parse_choice(text: str, count: int, noun: str = "frame") -> ParsedChoice:
    """Parse the number from 1 to ``count`` in an answer; ``noun`` names the numbered things in ``problem``."""
    if text.strip() and not strip_thoughts(text):
        return ParsedChoice("unreadable", problem=ONLY_THOUGHTS)
    text = strip_thoughts(text)
    found = extract_json(text)
    if isinstance(found, list) and len(found) == 1 and isinstance(found[0], dict):
        found = found[0]
    if isinstance(found, dict):
        return _parse_mapping({str(key).lower(): value for key, value in found.items()}, count, noun)
    if _BROKEN_JSON.match(text):
        return _parse_broken_json(text, count, noun)
    return _parse_sentence(text.strip(), count, noun)


def _parse_broken_json(text: str, count: int, noun: str) -> ParsedChoice:
    """Parse truncated or malformed JSON: only a number under a known key counts."""
    numbers = {int(each) for each in _KEYED_NUMBER.findall(text[-MAX_LENGTH:])}
    return (
        _check_range(numbers, count, noun)
        if numbers
        else ParsedChoice("unreadable", problem=f"broken JSON: {_format_excerpt(text)}")
    )


def _parse_mapping(mapping: dict[str, Any], count: int, noun: str) -> ParsedChoice:
    why = next((str(mapping[key]).strip() for key in REASON_KEYS if mapping.get(key)), "")
    finding = str(mapping.get("finding", "")).strip().lower()
    named = [mapping[key] for key in (noun, *NUMBER_KEYS) if key in mapping]
    value = named[0] if named else _find_only_number(mapping)
    if finding in ABSENT_WORDS or (named and value is None and not finding):
        return ParsedChoice("absent", why=why)
    reading = _parse_value(value, count, noun)
    if finding == "ambiguous":
        return ParsedChoice("ambiguous", reading.number, why)
    return ParsedChoice(reading.kind, reading.number, why or reading.why, reading.problem)


def _find_only_number(mapping: dict[str, Any]) -> int | None:
    """Return the number under an unknown key, or None if there is not exactly one."""
    numbers = {to_int(value) for value in mapping.values()} - {None}
    return numbers.pop() if len(numbers) == 1 else None


def _parse_value(value: Any, count: int, noun: str) -> ParsedChoice:
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    number = to_int(value)
    if number is not None:
        return _check_range({number}, count, noun)
    if isinstance(value, str):
        return _parse_sentence(value.strip(), count, noun)
    return ParsedChoice("unreadable", problem=f"expected one {noun} number, got {_format_excerpt(value)}")


def _parse_sentence(text: str, count: int, noun: str) -> ParsedChoice:
    """Parse a sentence: the last brackets, bold, a stated answer, ``frame 3``, a bare number; the first with one wins."""
    text = text[-MAX_LENGTH:]
    if not text:
        return ParsedChoice("unreadable", problem="the answer was empty")
    stated = _find_bracketed_numbers(text) or _find_bold_numbers(text) or _find_stated_numbers(text)
    numbers = stated or _find_named_numbers(text) or _find_bare_numbers(text)
    denied = not stated and bool(_ABSENT.search(text))
    if numbers and not (denied and numbers != {-1}):
        reading = _check_range(numbers, count, noun)
    elif numbers:
        reading = ParsedChoice(
            "unreadable", problem=f"cannot tell whether {_format_excerpt(text)} gives a {noun} or denies one"
        )
    elif _AMBIGUOUS.search(text) or denied:
        reading = ParsedChoice("absent" if denied else "ambiguous")
    else:
        reading = ParsedChoice("unreadable", problem=f"no {noun} number in {_format_excerpt(text)}")
    return ParsedChoice(reading.kind, reading.number, _extract_reason(text), reading.problem)


def _check_range(numbers: set[int], count: int, noun: str) -> ParsedChoice:
    if len(numbers) > 1:
        return ParsedChoice("unreadable", problem=f"expected one {noun} number, got {', '.join(map(str, sorted(numbers)))}")
    (number,) = numbers
    if number == -1:
        return ParsedChoice("absent")
    if not 1 <= number <= count:
        return ParsedChoice("unreadable", problem=f"{noun} {number} is not one of 1 to {count}")
    return ParsedChoice("value", number)


def _find_bracketed_numbers(text: str) -> set[int]:
    """Return the numbers in the last brackets that hold any; empty ones, or a word for nothing, are -1."""
    for inside in reversed(_BRACKETS.findall(text)):
        if not inside.strip(" '\"") or inside.strip(" '\"").lower() in ("none", "null"):
            return {-1}
        if numbers := _find_all_numbers(inside):
            return numbers
    return set()


def _find_bold_numbers(text: str) -> set[int]:
    for _, inside in reversed(_BOLD.findall(text)):
        if numbers := _find_all_numbers(inside):
            return numbers
    return set()


def _find_stated_numbers(text: str) -> set[int]:
    return {_parse_number(each) for each in _STATED_ANSWER.findall(text)[-1:]}


def _find_named_numbers(text: str) -> set[int]:
    return {_parse_number(each) for each in [*_NAMED_NUMBER.findall(text), *_NAMED_ORDINAL.findall(text)]}


def _find_bare_numbers(text: str) -> set[int]:
    """Return the numbers of the last line, or of the first, if it is little more than a number."""
    lines = [line for line in text.splitlines() if line.strip()]
    for line in (lines[-1], lines[0]):
        if len(line.split()) <= 4 and (numbers := _find_all_numbers(line)):
            return numbers
    return set()


def _find_all_numbers(text: str) -> set[int]:
    """Return all numbers of a short piece of text; a piece may be a number in words."""
    word = re.sub(rf"^[^a-z]*(?:{_NOUN}\s+)?[^a-z]*|[^a-z]+$", "", text.lower())
    named = {_parse_number(each) for each in _NAMED_NUMBER.findall(text)}
    return (
        named or {int(each) for each in _BARE_NUMBER.findall(text)} or ({WORD_VALUES[word]} if word in WORD_VALUES else set())
    )


def _parse_number(text: str) -> int:
    return WORD_VALUES.get(text.lower()) or int(text)


def _extract_reason(text: str) -> str:
    """Return the text of an answer without the number in brackets at its end; empty for a bare number."""
    words = re.sub(r"\n*\[[^\[\]]*\]\W*$", "", text).strip()
    return words if re.search(r"[^\W\d_]{2}\W+[^\W\d_]{2}", words) else ""


def _format_excerpt(value: Any) -> str:
    text = " ".join(str(value).split()) if isinstance(value, str) else repr(value)
    return repr(shorten_text(text, 60))


_LABEL_PAIR = re.compile(
    r"(?:([\"'])(?P<quoted>.{1,60}?)\1|(?P<plain>[^\W\d_][\w '-]{0,40}?))\s*(?::|=|->|→| - )\s*"
    rf"(?:{_NOUN}\s*)?[\"'*]*(?P<number>{_DIGITS})",
    re.IGNORECASE,
)


def parse_labels(text: str, count: int) -> ParsedLabels:
    """Parse objects and the frame of each, 1 to ``count``: objects of a schema, a dict, ``["dog": 3]``, lines ``dog: 3``.

    A name ends at its first comma or semicolon. Without objects the answer is absent. One frame out of range makes it
    unreadable.
    """
    if text.strip() and not strip_thoughts(text):
        return ParsedLabels("unreadable", problem=ONLY_THOUGHTS)
    text = strip_thoughts(text)
    found = extract_json(text)
    why = ""
    if isinstance(found, dict):
        why = next((str(found[key]).strip() for key in REASON_KEYS if found.get(key)), "")
        found = found.get("objects", {key: value for key, value in found.items() if key not in REASON_KEYS})
    pairs = _collect_pairs(found) if isinstance(found, (dict, list)) else None
    if pairs is None and _BROKEN_JSON.match(text):
        return ParsedLabels("unreadable", problem=f"broken JSON: {_format_excerpt(text)}")
    if pairs is None:
        pairs = [(each["quoted"] or each["plain"], each["number"]) for each in _LABEL_PAIR.finditer(text[-MAX_LENGTH:])]
        if not pairs and not _ABSENT.search(text[-MAX_LENGTH:]):
            return ParsedLabels("unreadable", problem=f"no object with a frame number in {_format_excerpt(text)}")
    return _parse_label_frames(pairs, count, why)


def _collect_pairs(found: Any) -> list[tuple[str, Any]] | None:
    """Return the pairs of a dict of frames, or of a list of dicts with name and frame; None for anything else."""
    if isinstance(found, dict):
        return [(str(name), value) for name, value in found.items()]
    pairs: list[tuple[str, Any]] = []
    for item in found:
        if not isinstance(item, dict):
            return None
        name = next((item[key] for key in ("name", "label", "category", "object") if key in item), None)
        frame = next((item[key] for key in NUMBER_KEYS if key in item), None)
        pairs += [(str(name), frame)] if name is not None else [(str(key), value) for key, value in item.items()]
    return pairs


def _parse_label_frames(pairs: list[tuple[str, Any]], count: int, why: str) -> ParsedLabels:
    frames: dict[str, int | None] = {}
    problems = []
    for name, value in pairs:
        name = replace_surrogates(re.split(r"[,;]", name)[0].strip())
        reading = _parse_value(value, count, "frame")
        if not name or reading.number is None:
            problem = reading.problem or f"no frame number for {_format_excerpt(name)}"
            problems.append(f"{name or 'an object without a name'}: {problem}")
        if name:
            frames[name] = to_int(value) if reading.number is None else reading.number
    kind: AnswerKind = "unreadable" if problems else "value" if frames else "absent"
    return ParsedLabels(kind, frames, why, "; ".join(problems[:1]))
