"""Tolerant parser of model answers: a number in a range, absent, ambiguous, or why the answer is unreadable. Never raises.

A number is read only where the answer chooses it: under a key of JSON that names the choice, in a box or a tag for the answer,
or in words, as ``choice_rules`` reads them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Literal

from alref.llm.choice_rules import ABSENT, find_choice, find_correction, is_denial, remove_distractors
from alref.llm.json_extract import (
    FINDING_KEYS,
    MAX_LENGTH,
    NAME_KEYS,
    REASON_KEYS,
    extract_json,
    find_balanced_parts,
    find_choice_key,
    is_note_key,
    normalize_key,
    parse_json,
    to_int,
)
from alref.llm.messages import strip_thoughts
from alref.utils.text import replace_surrogates, shorten_text

AnswerKind = Literal["found", "absent", "ambiguous", "unreadable"]
ONLY_THOUGHTS = "the model thought and gave no answer: -o reasoner.thinking=false, or a higher reasoner.max_tokens"
MAX_DEPTH = 2
"""How many boxes and tags for an answer are looked for in each other."""

_CONTAINER = re.compile(
    r"\\(?:boxed|fbox)\{(?P<boxed>(?:[^{}]|\{[^{}]*\})*)\}|<\|begin_of_box\|>(?P<glm>.*?)<\|end_of_box\|>"
    r"|<(?P<tag>(?:final_?)?(?:answer|solution|conclusion|choice|output|result|response|frame|box))>(?P<tagged>.*?)(?:</(?P=tag)>|$)",
    re.IGNORECASE | re.DOTALL,
)
_BROKEN_JSON = re.compile(r"\s*(?:```)?(?:json)?\s*\{?\s*[\"'][\w ]{1,40}[\"']\s*:", re.IGNORECASE)
_LABEL_PAIR = re.compile(
    r"(?:([\"'])(?P<quoted>.{1,60}?)\1|(?P<plain>[^\W\d_][\w '-]{0,40}?))\s*(?::|=|->|→| - )\s*"
    r"(?:(?:frame|image|number|no\.|#)\s*)?[\"'*]*(?P<number>-?\d{1,9}(?![\d.]*\d)(?!\s*(?:,|/|-|or|and|to)\s*\d))",
    re.IGNORECASE,
)
_TABLE_ROW = re.compile(r"^[ \t]*\|[ \t]*([^|\n]{1,60}?)[ \t]*\|[ \t]*(\d{1,9})[ \t]*\|", re.MULTILINE)
_OPENING_BRACE = re.compile(r"\s*(?:```)?(?:json)?\s*\{")
_PAIR = re.compile(r"[\"']?(\w{1,40})[\"']?\s*:\s*[\"']?(-?\d{1,9})(?![\w.])[\"']?\s*(?=[,}\n]|$)")


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
    """Parse the number from 1 to ``count`` in an answer; ``noun``, frame or box, says what is numbered."""
    answer = strip_thoughts(replace_surrogates(text))
    if text.strip() and not answer:
        return ParsedChoice("unreadable", problem=ONLY_THOUGHTS)
    return _parse_part(answer[-MAX_LENGTH:], count, noun)


def _parse_part(text: str, count: int, noun: str, depth: int = 0) -> ParsedChoice:
    """Parse JSON, else the last box or tag for an answer, else JSON in a sentence, else the sentence."""
    quoted = parse_json(f"[{text}]") if text.lstrip().startswith('"') and depth < MAX_DEPTH else None
    if isinstance(quoted, list) and len(quoted) == 1 and isinstance(quoted[0], str):
        return _parse_part(quoted[0], count, noun, depth + 1)
    whole = parse_json(text)
    if isinstance(whole, list) and len(whole) == 1 and isinstance(whole[0], dict):
        whole = whole[0]
    if isinstance(whole, dict):
        return _parse_mapping(whole, count, noun)
    contained = [
        (
            container.start(),
            container.end(),
            _parse_part(next(filter(None, container.group("boxed", "glm", "tagged")), ""), count, noun, depth + 1),
        )
        for container in (_CONTAINER.finditer(text) if depth < MAX_DEPTH else ())
    ]
    if contained:
        return _take_last(contained, text)
    embedded = _parse_embedded(text, count, noun)
    if embedded is not None:
        return embedded
    if _BROKEN_JSON.match(text):
        mapping = dict(_PAIR.findall(text))
        reading = _parse_mapping(mapping, count, noun) if find_choice_key(mapping, noun) else None
        return reading or ParsedChoice("unreadable", problem=f"broken JSON: {format_excerpt(text)}")
    return _parse_sentence(text.strip(), count, noun)


def _parse_embedded(text: str, count: int, noun: str) -> ParsedChoice | None:
    """Parse the last JSON object in a text, unless words behind it correct it."""
    parts = [
        (start, end, _parse_mapping(found, count, noun))
        for start, end in find_balanced_parts(text, "{")
        if isinstance(found := parse_json(text[start:end]), dict)
    ]
    if not parts:
        return None
    corrected = find_correction(text[parts[-1][1] :], noun)
    return _check_range(corrected, count, noun) if corrected else _take_last(parts, text)


def _take_last(parts: list[tuple[int, int, ParsedChoice]], text: str) -> ParsedChoice:
    """Return the last of several readings with their places, unless one stands beside it that says something else."""
    last = parts[-1][2]
    for (_, end, reading), (start, _, following) in zip(parts[-2::-1], parts[:0:-1], strict=True):
        if len(re.findall(r"[^\W\d_]{2,}", text[end:start].replace("json", ""))) > 1:
            break
        if (reading.kind, reading.number) != (following.kind, following.number):
            return ParsedChoice("unreadable", problem=f"several answers: {format_excerpt(text)}")
    return last


def _parse_mapping(mapping: dict[str, Any], count: int, noun: str) -> ParsedChoice:
    mapping = {normalize_key(key): value for key, value in mapping.items()}
    why = next((str(mapping[key]).strip() for key in REASON_KEYS if mapping.get(key)), "")
    finding = next((mapping[key] for key in FINDING_KEYS if key in mapping), "")
    key = find_choice_key(mapping, noun)
    value = None if key is None else mapping[key]
    if finding is False or (isinstance(finding, str) and finding != "found" and is_denial(finding)):
        return ParsedChoice("absent", why=why)
    if key is not None and value in (None, []) and not finding:
        return ParsedChoice("absent", why=why)
    nested = [part for part in mapping.values() if isinstance(part, dict)]
    reading = _parse_value(nested[0] if key is None and len(nested) == 1 else value, count, noun)
    if isinstance(finding, str) and "ambiguous" in finding.lower():
        return ParsedChoice("ambiguous", reading.number, why)
    return ParsedChoice(reading.kind, reading.number, why or reading.why, reading.problem)


def _parse_value(value: Any, count: int, noun: str) -> ParsedChoice:
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    if (number := to_int(value)) is not None:
        return _check_range({number}, count, noun)
    if isinstance(value, dict):
        return _parse_mapping(value, count, noun)
    if isinstance(value, str):
        return _parse_sentence(value.strip(), count, noun)
    return ParsedChoice("unreadable", problem=f"expected one {noun} number, got {format_excerpt(value)}")


def _parse_sentence(text: str, count: int, noun: str) -> ParsedChoice:
    if not text:
        return ParsedChoice("unreadable", problem="the answer was empty")
    numbers = find_choice(text, noun)
    denied = is_denial(text, everywhere=bool(numbers))
    if numbers and denied and numbers != {ABSENT}:
        problem = f"cannot tell whether {format_excerpt(text)} gives a {noun} or denies one"
        reading = ParsedChoice("unreadable", problem=problem)
    elif numbers:
        reading = _check_range(numbers, count, noun)
    elif denied:
        reading = ParsedChoice("absent")
    elif re.search(r"\bambiguous\b", text, re.IGNORECASE):
        reading = ParsedChoice("ambiguous")
    else:
        reading = ParsedChoice("unreadable", problem=f"{format_excerpt(text)} does not choose one {noun} number")
    return ParsedChoice(reading.kind, reading.number, _extract_reason(text), reading.problem)


def _check_range(numbers: set[int], count: int, noun: str) -> ParsedChoice:
    if len(numbers) > 1:
        return ParsedChoice("unreadable", problem=f"expected one {noun} number, got {', '.join(map(str, sorted(numbers)))}")
    (number,) = numbers
    if number == ABSENT:
        return ParsedChoice("absent")
    if not 1 <= number <= count:
        return ParsedChoice("unreadable", problem=f"{noun} {number} is not one of 1 to {count}")
    return ParsedChoice("found", number)


def _extract_reason(text: str) -> str:
    """Return the text of an answer without the number in brackets at its end; empty for a bare number."""
    words = re.sub(r"\n*\[[^\[\]]*\]\W*$", "", text).strip()
    return words if re.search(r"[^\W\d_]{2}\W+[^\W\d_]{2}", words) else ""


def format_excerpt(value: Any) -> str:
    """Return the beginning of a value in quotes, for messages."""
    text = " ".join(str(value).split()) if isinstance(value, str) else repr(value)
    return repr(shorten_text(text, 60))


def parse_labels(text: str, count: int) -> ParsedLabels:
    """Parse objects and the frame of each, 1 to ``count``: objects of a schema, a dict, ``["dog": 3]``, lines ``dog: 3``.

    A name ends at its first comma or semicolon. Without objects the answer is absent. One frame out of range makes it
    unreadable.
    """
    answer = strip_thoughts(replace_surrogates(text))[-MAX_LENGTH:]
    if text.strip() and not answer:
        return ParsedLabels("unreadable", problem=ONLY_THOUGHTS)
    found = extract_json(answer)
    why = next((str(found[key]).strip() for key in REASON_KEYS if found.get(key)), "") if isinstance(found, dict) else ""
    if isinstance(found, dict):
        objects = {key: value for key, value in found.items() if not is_note_key(key)}
        if found and not objects:
            return ParsedLabels("unreadable", why=why, problem=f"no object with a frame number in {format_excerpt(answer)}")
        found = found.get("objects", objects)
    pairs = _collect_pairs(found) if isinstance(found, (dict, list)) else None
    if pairs is None and _OPENING_BRACE.match(answer):
        return ParsedLabels("unreadable", problem=f"broken JSON: {format_excerpt(answer)}")
    if pairs is None:
        pairs = _find_label_pairs(answer)
        if not pairs and not is_denial(answer):
            return ParsedLabels("unreadable", problem=f"no object with a frame number in {format_excerpt(answer)}")
    return _parse_label_frames(pairs, count, why)


def _find_label_pairs(answer: str) -> list[tuple[str, Any]]:
    """Return the objects and numbers of lines such as ``dog: 3`` and of rows of a table; scores and times are left out."""
    text = remove_distractors(_TABLE_ROW.sub(r"\1: \2", re.sub(r"[*`]", "", answer)))
    pairs = [(match["quoted"] or match["plain"], match["number"]) for match in _LABEL_PAIR.finditer(text)]
    return [(name, number) for name, number in pairs if not is_note_key(name)]


def _collect_pairs(found: Any) -> list[tuple[str, Any]] | None:
    """Return the pairs of a dict of frames, or of a list of dicts with name and frame; None for anything else."""
    if isinstance(found, dict):
        return [(str(name), value) for name, value in found.items()]
    pairs: list[tuple[str, Any]] = []
    for item in found:
        if not isinstance(item, dict):
            return None
        values = {normalize_key(key): value for key, value in item.items()}
        name = next((values[key] for key in NAME_KEYS if key in values), None)
        frame = values.get(find_choice_key(values, "frame") or "")
        pairs += [(str(name), frame)] if name is not None else [(str(key), value) for key, value in item.items()]
    return pairs


def _parse_label_frames(pairs: list[tuple[str, Any]], count: int, why: str) -> ParsedLabels:
    frames: dict[str, int | None] = {}
    problems = []
    for name, value in pairs:
        name = re.split(r"[,;]", name)[0].strip()
        reading = _parse_value(value, count, "frame")
        if not name or reading.number is None:
            problem = reading.problem or f"no frame number for {format_excerpt(name)}"
            problems.append(f"{name or 'an object without a name'}: {problem}")
        if name:
            frames[name] = to_int(value) if reading.number is None else reading.number
    kind: AnswerKind = "unreadable" if problems else "found" if frames else "absent"
    return ParsedLabels(kind, frames, why, "; ".join(problems[:1]))
