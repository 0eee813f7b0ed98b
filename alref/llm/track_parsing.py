"""Tolerant parsers of answers about tracks: nouns, one choice for each number, verdicts with evidence. They never raise.

What an answer leaves out, says twice in different ways, or says in other words than were asked for is undecided, never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from alref.llm.json_extract import MAX_LENGTH, REASON_KEYS, extract_json, normalize_key, to_int
from alref.llm.messages import strip_thoughts
from alref.llm.parsing import ONLY_THOUGHTS, AnswerKind, format_excerpt
from alref.utils.text import replace_surrogates, shorten_text

TRACK_CHOICES = {"accept": "accept", "reject": "reject", "uncertain": "uncertain"} | {
    "accepted": "accept", "rejected": "reject", "unsure": "uncertain", "undecided": "uncertain"
}  # fmt: skip
"""The choices about a track, by the words that are read as them."""
FRAME_ANSWERS = {"yes": "yes", "no": "no", "unclear": "unclear", "true": "yes", "false": "no", "unsure": "unclear"}
"""The answers about a frame, by the words that are read as them."""
CRITERIA = ("category", "count", "action", "trajectory", "order", "role")
MAX_NOUN_WORDS = 3
MAX_REASON_LENGTH = 500

_NUMBER_KEYS = ("id", "number", "track", "object", "frame", "index", "no")
_CHOICE_KEYS = ("choice", "decision", "answer", "verdict", "status", "label")
_ARTICLE = re.compile(r"^(?:an?|the|some|any)\s+", re.IGNORECASE)
_NOUN = re.compile(r"[^\W\d_][\w'-]*(?: [\w'-]+)*")
_NO_NOUN = frozenset({"", "none", "null", "nothing", "n/a", "na", "unknown", "no noun", "empty"})
_SEEING = r"(?:tell|told|say|said|see|seen|judged?|determined?|confirm(?:ed)?)"
_DOUBT = re.compile(
    r"\b(?:unclear|uncertain|unsure|ambiguous|not (?:quite |entirely )?(?:clear|sure|certain|shown)|not enough"
    r"|may|might|maybe|perhaps|possibly|probably|presumably|seem(?:s|ingly)?|could (?:be|have)"
    rf"|(?:can ?not|can't|could not|couldn't|hard to|difficult to|impossible to) (?:be )?{_SEEING}"
    r"|no (?:clear |direct )?(?:evidence|proof|sign))\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class ParsedConcept:
    """A parsed answer about the noun to look for; both nouns are empty if nothing visible is meant.

    ``reasoning`` says that the words do not name a visible kind of thing.
    """

    kind: AnswerKind
    noun: str = ""
    broader: str = ""
    reasoning: bool = False
    why: str = ""
    problem: str = ""


@dataclass(frozen=True)
class ParsedRatings:
    """A parsed answer with one rating for each number and the reason for it; undecided numbers are left out."""

    kind: AnswerKind
    ratings: dict[int, tuple[str, str]] = field(default_factory=dict)
    why: str = ""
    problem: str = ""


@dataclass(frozen=True)
class ParsedJudgment:
    """A parsed answer to one question: ``verdict`` is one of the words asked for; a contradiction has evidence."""

    kind: AnswerKind
    verdict: str = ""
    criterion: str = ""
    evidence: str = ""
    why: str = ""
    problem: str = ""


def parse_concept(text: str, failed: Collection[str] = (), is_shown: bool = False) -> ParsedConcept:
    """Parse the nouns to look for, which are none of ``failed``; without frames (``is_shown``) the answer also has a kind."""
    found, problem = _extract_mapping(text)
    if problem:
        return ParsedConcept("unreadable", problem=problem)
    why, kind = _find_reason(found), str(found.get("kind", "")).strip().lower()
    if not is_shown and kind not in ("explicit", "reasoning"):
        return ParsedConcept("unreadable", why=why, problem=f"kind: expected explicit or reasoning, got {format_excerpt(kind)}")
    if not is_shown and kind == "reasoning":
        return ParsedConcept("found", reasoning=True, why=why)
    noun, broader = (clean_noun(found.get(name)) for name in ("noun", "broader"))
    if noun is None:
        return ParsedConcept("unreadable", why=why, problem=f"noun: expected one noun, got {format_excerpt(found.get('noun'))}")
    if noun in failed:
        return ParsedConcept("unreadable", why=why, problem=f"{noun!r} was looked for before, and nothing was found")
    if not noun and not is_shown:
        return ParsedConcept("unreadable", why=why, problem="noun: expected one noun, got none")
    general = broader if noun and broader and broader != noun and broader not in failed else ""
    return ParsedConcept("found" if noun else "absent", noun, general, is_shown, why)


def clean_noun(value: Any) -> str | None:
    """Return a noun in small letters without an article, empty for none; None if it is not a noun of a few words."""
    if value is None:
        return ""
    if not isinstance(value, str):
        return None
    words = _ARTICLE.sub("", " ".join(value.split()).strip(" .\"'`")).lower()
    if words in _NO_NOUN:
        return ""
    return words if _NOUN.fullmatch(words) and len(words.split()) <= MAX_NOUN_WORDS else None


def parse_ratings(text: str, numbers: Sequence[int], words: Mapping[str, str]) -> ParsedRatings:
    """Parse one of ``words`` for each of ``numbers``, in any of the usual forms of JSON. Unknown numbers do not count."""
    found, problem = _extract_data(text)
    why = _find_reason(found) if isinstance(found, dict) else ""
    if problem:
        return ParsedRatings("unreadable", why=why, problem=problem)
    by_number: dict[int, list[tuple[str | None, str]]] = {}
    for number, rating, reason in _list_ratings(found, words):
        if number in numbers:
            by_number.setdefault(number, []).append((words.get(rating), reason))
    if not by_number:
        expected = ", ".join(dict.fromkeys(words.values()))
        return ParsedRatings(
            "unreadable", why=why, problem=f"expected {expected} for each of the numbers, got {format_excerpt(text)}"
        )
    ratings = {
        number: (word, answers[0][1])
        for number, answers in by_number.items()
        if (word := answers[0][0]) is not None and all(other == word for other, _ in answers)
    }
    return ParsedRatings("found", ratings, why)


def _list_ratings(found: Any, words: Mapping[str, str]) -> Iterator[tuple[int, str, str]]:
    """Yield number, word and reason from a list of objects, numbers under words, or words under numbers."""
    if isinstance(found, list):
        for item in found:
            yield from _read_item(item, words) if isinstance(item, dict) else ()
    elif isinstance(found, dict):
        for key, value in found.items():
            yield from _read_entry(key, value, words)


def _read_item(item: dict[Any, Any], words: Mapping[str, str]) -> Iterator[tuple[int, str, str]]:
    """Read an object that has its number in it."""
    values = {normalize_key(key): value for key, value in item.items()}
    number = next((to_int(values[key]) for key in _NUMBER_KEYS if key in values), None)
    if number is None:
        yield from _list_ratings(item, words)
    else:
        yield number, _normalize_word(next((values[key] for key in _CHOICE_KEYS if key in values), "")), _find_reason(item)


def _read_entry(key: Any, value: Any, words: Mapping[str, str]) -> Iterator[tuple[int, str, str]]:
    """Read what stands under a key: a number with its word, a word with its numbers, or a list with all of them."""
    number = to_int(re.sub(r"^(?:track|object|frame|id)[ _#]*", "", str(key).strip().lower()))
    if number is not None and isinstance(value, dict):
        yield from _read_item({**value, "id": number}, words)
    elif number is not None:
        yield number, _normalize_word(value), ""
    elif normalize_key(key) in words and isinstance(value, list):
        yield from ((id_, normalize_key(key), "") for id_ in map(to_int, value) if id_ is not None)
    else:
        yield from _list_ratings(value, words)


def _normalize_word(value: Any) -> str:
    return str(value).strip(" .\"'").lower()


def parse_judgment(text: str, verdicts: Collection[str], contradiction: str = "", named: bool = False) -> ParsedJudgment:
    """Parse one of ``verdicts``. ``contradiction``, one of them, needs evidence that states a fact, or else it is a doubt.

    It needs a criterion too if ``named`` is set. A doubt keeps its words in ``why`` and has the verdict ``unsure``.
    """
    found, problem = _extract_mapping(text)
    if problem:
        return ParsedJudgment("unreadable", problem=problem)
    why = _find_reason(found)
    verdict = _normalize_word(next((found[key] for key in ("verdict", *_CHOICE_KEYS) if key in found), ""))
    if verdict not in verdicts:
        return ParsedJudgment("unreadable", why=why, problem=f"expected {' or '.join(verdicts)}, got {format_excerpt(verdict)}")
    if verdict != contradiction:
        return ParsedJudgment("found", verdict, why=why)
    evidence = _shorten_reason(found.get("evidence"))
    criterion = _normalize_word(found.get("criterion", ""))
    criterion = criterion if criterion in CRITERIA else ""
    if not evidence or is_doubt(evidence) or (named and not criterion):
        return ParsedJudgment("found", "unsure", why=why or evidence)
    return ParsedJudgment("found", verdict, criterion, evidence, why)


def is_doubt(evidence: str) -> bool:
    """Return whether a text supposes, or says that something cannot be seen, instead of stating what is seen."""
    return bool(_DOUBT.search(evidence))


def parse_description(text: str) -> ParsedJudgment:
    """Parse a short description, which becomes ``evidence``; a text without JSON is the description itself."""
    found, problem = _extract_mapping(text)
    words = (
        _shorten_reason(found.get("description")) if not problem else _shorten_reason(strip_thoughts(replace_surrogates(text)))
    )
    broken = problem and ("{" in words or not words)
    return (
        ParsedJudgment("unreadable", problem=problem or "no description")
        if broken or not words
        else ParsedJudgment("found", evidence=words)
    )


def _extract_mapping(text: str) -> tuple[dict[str, Any], str]:
    """Return the JSON object of an answer, and a problem if there is none."""
    found, problem = _extract_data(text)
    if isinstance(found, list) and len(found) == 1:
        found = found[0]
    if not problem and not isinstance(found, dict):
        problem = f"expected one JSON object, got {format_excerpt(text)}"
    return ({str(key): value for key, value in found.items()}, "") if isinstance(found, dict) else ({}, problem)


def _extract_data(text: str) -> tuple[Any, str]:
    answer = strip_thoughts(replace_surrogates(text))[-MAX_LENGTH:]
    if text.strip() and not answer:
        return None, ONLY_THOUGHTS
    found = extract_json(answer, longest=True)
    return (
        found,
        "" if found is not None else f"expected JSON, got {format_excerpt(answer)}" if answer else "the answer was empty",
    )


def _find_reason(found: Mapping[Any, Any]) -> str:
    values = {normalize_key(key): value for key, value in found.items()}
    return next((_shorten_reason(values[key]) for key in REASON_KEYS if values.get(key)), "")


def _shorten_reason(value: Any) -> str:
    return shorten_text(" ".join(value.split()), MAX_REASON_LENGTH) if isinstance(value, str) else ""
