"""One tolerant reader of what models answer: a number in a range, absent, ambiguous, or why it cannot be read. Never raises."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Literal

from alref.llm.json_extract import LONGEST, data, whole

Kind = Literal["value", "absent", "ambiguous", "unreadable"]
WORDS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
NUMBERS = {**{word: n for n, word in enumerate(WORDS, 1)}, **{word: n for n, word in enumerate(ORDINALS, 1)}}
KEYS = ("frame", "box", "number", "id", "answer", "choice", "index", "frame_number", "frame_id", "box_id", "candidate")
REASONS = ("why", "reason", "reasoning", "explanation")
THOUGHT = "</think>"
"""What ends the thoughts that some models write before their answer."""
NOTHING = ("absent", "none", "not found", "missing")

_NOUN = r"(?:frame|box|candidate|object|number|image|option|no\.|id|#)"
_DIGITS = r"-?\d{1,9}(?![\d.]*\d)"
_NUMBER = rf"(?:{_DIGITS}|\b(?:{'|'.join(WORDS)})\b)"
_BOLD = re.compile(r"(\*\*|__)(.{1,80}?)\1")
_BRACKETS = re.compile(r"\[([^\[\]]{0,80})\]")
_FINAL = re.compile(
    r"(?:\b(?:answer|choice|best|result|final|chosen)\b[^.\d\n]{0,40}?(?:\bis|:|=|"
    rf"\b{_NOUN})|\b(?:choose|chose|pick|select)\b(?:\s+{_NOUN})?)\s*[\"'(*]*"
    rf"({_DIGITS}(?![\w-])|(?:{'|'.join(WORDS)})(?=\W*$|[.!;]))",
    re.IGNORECASE,
)
_NAMED = re.compile(rf"{_NOUN}\s*(?:number\s+|no\.\s*|id\s+)?[:=#(\[\"'*]*\s*({_NUMBER})", re.IGNORECASE)
_ORDINAL = re.compile(rf"\b({'|'.join(ORDINALS)})\s+{_NOUN}", re.IGNORECASE)
_BARE = re.compile(rf"(?<![\w.,-])({_DIGITS})(?!\w)")
_ABSENT = re.compile(
    r"\b(?:absent|none|nowhere|no such|nothing (?:is|in|here|makes|that)|no (?:box|frame|object|match\w*)|"
    r"(?:not|never|isn't|doesn't|cannot|can't)\b[^.]{0,30}\b"
    r"(?:visible|present|shown|appears?|seen?|match|matches|there|exist|find|found))\b",
    re.IGNORECASE,
)
_BROKEN = re.compile(r"\s*(?:```\w*\s*)?\{\s*[\"']")
_KEYED = re.compile(rf"[\"'](?:{'|'.join(KEYS)})[\"']\s*:\s*[\"']?({_DIGITS})\b")
_AMBIGUOUS = re.compile(r"\bambiguous\b", re.IGNORECASE)


@dataclass(frozen=True)
class Reading:
    """What an answer says: a ``number`` from 1 up, or none; ``why`` in the model's words; ``problem`` when it is unreadable.

    An ambiguous answer may carry the number that the model thinks likeliest.
    """

    kind: Kind
    number: int | None = None
    why: str = ""
    problem: str = ""


@dataclass(frozen=True)
class Labels:
    """What an answer says of a sound reference: a frame from 1 up for each object's name, none when it is absent."""

    kind: Kind
    frames: dict[str, int] = field(default_factory=dict)
    why: str = ""
    problem: str = ""


def read_choice(text: str, count: int, noun: str = "frame") -> Reading:
    """Read the one number from 1 to ``count`` that an answer gives; ``noun`` says in ``problem`` what was numbered."""
    text = text.rpartition(THOUGHT)[2]
    found = data(text)
    if isinstance(found, list) and len(found) == 1 and isinstance(found[0], dict):
        found = found[0]
    if isinstance(found, dict):
        return _from_mapping({str(key).lower(): value for key, value in found.items()}, count, noun)
    if _BROKEN.match(text):
        return _from_broken(text, count, noun)
    return _from_words(text.strip(), count, noun)


def _from_broken(text: str, count: int, noun: str) -> Reading:
    """Read JSON that breaks off or is not well formed: only a number under a known key counts."""
    numbers = {int(each) for each in _KEYED.findall(text[-LONGEST:])}
    return _in_range(numbers, count, noun) if numbers else Reading("unreadable", problem=f"broken JSON: {_short(text)}")


def _from_mapping(given: dict[str, Any], count: int, noun: str) -> Reading:
    why = next((str(given[key]).strip() for key in REASONS if given.get(key)), "")
    finding = str(given.get("finding", "")).strip().lower()
    named = [given[key] for key in (noun, *KEYS) if key in given]
    value = named[0] if named else _only_number(given)
    if finding in NOTHING or (named and value is None and not finding):
        return Reading("absent", why=why)
    reading = _one_value(value, count, noun)
    if finding == "ambiguous":
        return Reading("ambiguous", reading.number, why)
    return Reading(reading.kind, reading.number, why or reading.why, reading.problem)


def _only_number(given: dict[str, Any]) -> int | None:
    """Return the number under an unknown key, None when there is none, or more than one."""
    numbers = {whole(value) for value in given.values()} - {None}
    return numbers.pop() if len(numbers) == 1 else None


def _one_value(value: Any, count: int, noun: str) -> Reading:
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    number = whole(value)
    if number is not None:
        return _in_range({number}, count, noun)
    if isinstance(value, str):
        return _from_words(value.strip(), count, noun)
    return Reading("unreadable", problem=f"expected one {noun} number, got {_short(value)}")


def _from_words(text: str, count: int, noun: str) -> Reading:
    """Read a sentence: the last brackets, bold, a stated answer, ``frame 3``, a bare number; the first that says one number."""
    text = text[-LONGEST:]
    if not text:
        return Reading("unreadable", problem="the answer was empty")
    stated = _bracketed(text) or _bold(text) or _final(text)
    numbers = stated or _named(text) or _bare(text)
    denied = not stated and bool(_ABSENT.search(text))
    if numbers and not (denied and numbers != {-1}):
        reading = _in_range(numbers, count, noun)
    elif numbers:
        reading = Reading("unreadable", problem=f"cannot tell whether {_short(text)} gives a {noun} or denies one")
    elif _AMBIGUOUS.search(text) or denied:
        reading = Reading("absent" if denied else "ambiguous")
    else:
        reading = Reading("unreadable", problem=f"no {noun} number in {_short(text)}")
    return Reading(reading.kind, reading.number, _reason(text), reading.problem)


def _in_range(numbers: set[int], count: int, noun: str) -> Reading:
    if len(numbers) > 1:
        return Reading("unreadable", problem=f"expected one {noun} number, got {', '.join(map(str, sorted(numbers)))}")
    (number,) = numbers
    if number == -1:
        return Reading("absent")
    if not 1 <= number <= count:
        return Reading("unreadable", problem=f"{noun} {number} is not one of 1 to {count}")
    return Reading("value", number)


def _bracketed(text: str) -> set[int]:
    """Read the last brackets that hold numbers; empty ones, or a word for nothing, are -1."""
    for inside in reversed(_BRACKETS.findall(text)):
        if not inside.strip(" '\"") or inside.strip(" '\"").lower() in ("none", "null"):
            return {-1}
        if numbers := _all_numbers(inside):
            return numbers
    return set()


def _bold(text: str) -> set[int]:
    for _, inside in reversed(_BOLD.findall(text)):
        if numbers := _all_numbers(inside):
            return numbers
    return set()


def _final(text: str) -> set[int]:
    return {_value(each) for each in _FINAL.findall(text)[-1:]}


def _named(text: str) -> set[int]:
    return {_value(each) for each in [*_NAMED.findall(text), *_ORDINAL.findall(text)]}


def _bare(text: str) -> set[int]:
    """Read the last line, or the first one, when it is little more than a number."""
    lines = [line for line in text.splitlines() if line.strip()]
    for line in (lines[-1], lines[0]):
        if len(line.split()) <= 4 and (numbers := _all_numbers(line)):
            return numbers
    return set()


def _all_numbers(text: str) -> set[int]:
    """Read all numbers of a short piece of text, a piece that is a number in words included."""
    word = re.sub(rf"^[^a-z]*(?:{_NOUN}\s+)?[^a-z]*|[^a-z]+$", "", text.lower())
    named = {_value(each) for each in _NAMED.findall(text)}
    return named or {int(each) for each in _BARE.findall(text)} or ({NUMBERS[word]} if word in NUMBERS else set())


def _value(text: str) -> int:
    return NUMBERS.get(text.lower()) or int(text)


def _reason(text: str) -> str:
    """Return the words of an answer, without the number in brackets that ends it; nothing for a bare number."""
    words = re.sub(r"\n*\[[^\[\]]*\]\W*$", "", text).strip()
    return words if re.search(r"[^\W\d_]{2}\W+[^\W\d_]{2}", words) else ""


def _short(value: Any) -> str:
    text = " ".join(str(value).split()) if isinstance(value, str) else repr(value)
    return repr(text if len(text) <= 60 else f"{text[:57]}...")


_PAIR = re.compile(
    r"(?:([\"'])(?P<quoted>.{1,60}?)\1|(?P<plain>[^\W\d_][\w '-]{0,40}?))\s*(?::|=|->|→| - )\s*"
    rf"(?:{_NOUN}\s*)?[\"'*]*(?P<number>{_DIGITS})",
    re.IGNORECASE,
)


def read_labels(text: str, count: int) -> Labels:
    """Read objects and the frame of each, 1 to ``count``: objects of a schema, a dict, ``["dog": 3]``, lines ``dog: 3``.

    A name ends at its first comma or semicolon. No object at all is absent; one frame out of range makes all unreadable.
    """
    text = text.rpartition(THOUGHT)[2]
    found = data(text)
    why = ""
    if isinstance(found, dict):
        why = next((str(found[key]).strip() for key in REASONS if found.get(key)), "")
        found = found.get("objects", {key: value for key, value in found.items() if key not in REASONS})
    pairs = _listed(found) if isinstance(found, (dict, list)) else None
    if pairs is None and _BROKEN.match(text):
        return Labels("unreadable", problem=f"broken JSON: {_short(text)}")
    if pairs is None:
        pairs = [(each["quoted"] or each["plain"], each["number"]) for each in _PAIR.finditer(text[-LONGEST:])]
        if not pairs and not _ABSENT.search(text[-LONGEST:]):
            return Labels("unreadable", problem=f"no object with a frame number in {_short(text)}")
    return _named_frames(pairs, count, why)


def _listed(found: Any) -> list[tuple[str, Any]] | None:
    """Take a dict of frames, or a list of dicts with name and frame, as pairs; None when it is neither."""
    if isinstance(found, dict):
        return [(str(name), value) for name, value in found.items()]
    pairs: list[tuple[str, Any]] = []
    for item in found:
        if not isinstance(item, dict):
            return None
        name = next((item[key] for key in ("name", "label", "category", "object") if key in item), None)
        frame = next((item[key] for key in KEYS if key in item), None)
        pairs += [(str(name), frame)] if name is not None else [(str(key), value) for key, value in item.items()]
    return pairs


def _named_frames(pairs: list[tuple[str, Any]], count: int, why: str) -> Labels:
    frames: dict[str, int] = {}
    for name, value in pairs:
        name = re.split(r"[,;]", name)[0].strip()
        reading = _one_value(value, count, "frame")
        if not name or reading.number is None:
            problem = reading.problem or f"no frame number for {_short(name)}"
            return Labels("unreadable", why=why, problem=f"{name or 'an object without a name'}: {problem}")
        frames[name] = reading.number
    return Labels("value" if frames else "absent", frames, why)
