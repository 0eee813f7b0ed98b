"""Cuts an expression into events: words, and the phrases whose meaning does not depend on their neighbours.

Articles are dropped and leave a mark on the next event, so that "on the left of the table" and "on left of table" are one.
The closed word classes and the phrases are data, ``lexicon/words.json``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from alref_baseline.lexicon import listed, read
from alref_baseline.verbs import verb

_TOKEN = re.compile(r"[^\W_]+(?:[-'][^\W_]+)*|[,;&+/]")
_CONTRACTION = re.compile(r"\b(it|that|who|which|there|what|where|he|she)'s\b")
_LONGEST = 6  # words in the longest phrase


@dataclass(frozen=True)
class Token:
    """A lower-case word, where it stands in the text, and whether an article was dropped before it."""

    word: str
    start: int
    end: int
    article: bool = False


@dataclass(frozen=True)
class Event:
    """A phrase of one kind: its value, its place in the text, whether an article, number or possessive leads to it.

    Sides carry the preposition before them (``cue``) and whether "of something" follows (``relative``).
    """

    kind: str
    value: str
    start: int
    end: int
    article: bool = False
    cue: str = ""
    relative: bool = False


def words(name: str) -> Any:
    """Return one table of ``lexicon/words.json``; lists come as frozen sets."""
    return _tables()[name]


@lru_cache(maxsize=1)
def _tables() -> dict[str, Any]:
    return {name: frozenset(table) if isinstance(table, list) else table for name, table in read("words").items()}


def tidy(text: str) -> str:
    """Normalise spelling marks: compatibility forms, apostrophes, dashes and contractions."""
    plain = unicodedata.normalize("NFKC", text).replace("\u2019", "'").replace("\u2010", "-").replace("\u2011", "-")
    plain = re.sub(r"n't\b", " not", plain)
    return _CONTRACTION.sub(r"\1 is", plain).strip()


def scan(text: str) -> list[Event]:
    """Cut a tidy text into events."""
    tokens = _without_opening(_tokens(text))
    events = []
    position = 0
    while position < len(tokens):
        event, taken = _next(tokens, position)
        if event.kind != "skip" or event.value:
            events.append(event)
        position += taken
    return events


def _tokens(text: str) -> list[Token]:
    """List the words; one that an article leads to begins where the article does."""
    found: list[Token] = []
    lead: int | None = None
    for word, start, end in _pieces(text):
        if word in ("the", "a", "an"):
            lead = start
        else:
            found.append(Token(word, start if lead is None else lead, end, article=lead is not None))
            lead = None
    return found


def _pieces(text: str) -> Iterator[tuple[str, int, int]]:
    """Yield words with their places; a hyphenated word that nothing knows comes in its parts."""
    for match in _TOKEN.finditer(text):
        word = match.group().lower()
        if "-" not in word or _known(word):
            yield word, match.start(), match.end()
            continue
        for part in re.finditer(r"[^-]+", word):
            yield part.group(), match.start() + part.start(), min(match.start() + part.end(), match.end())


def _known(word: str) -> bool:
    tables = (words(name) for name in ("colours", "superlatives", "adjectives"))
    return listed(word) or any(word in table for table in tables)


def _without_opening(tokens: list[Token]) -> list[Token]:
    """Drop what only asks ("please segment", "where is") before an article or a possessive; "mask" alone stays a noun."""
    count = next((place for place, token in enumerate(tokens) if token.word not in words("openers")), len(tokens))
    for place in range(min(count, len(tokens) - 1), 0, -1):
        if tokens[place].article or tokens[place].word in words("possessives"):
            return tokens[place:]
    return tokens


def _next(tokens: Sequence[Token], at: int) -> tuple[Event, int]:
    """Take the longest phrase at a place: the event and how many tokens it covers."""
    phrase = _phrase(tokens, at)
    side = _side(tokens, at)
    if side and side[1] >= (phrase[1] if phrase else 0):
        return side
    return phrase or _single(tokens, at)


def _event(kind: str, value: str, tokens: Sequence[Token], **more: Any) -> Event:
    return Event(kind, value, tokens[0].start, tokens[-1].end, tokens[0].article, **more)


def _phrase(tokens: Sequence[Token], at: int) -> tuple[Event, int] | None:
    for length in range(min(_LONGEST, len(tokens) - at), 0, -1):
        run = tokens[at : at + length]
        meaning = words("phrases").get(" ".join(token.word for token in run))
        if meaning is not None:
            kind, _, value = meaning.partition(":")
            if run[-1].word == "to" and _infinitive(tokens, at + length):
                return _event("infinitive", "", run), length
            return _event(kind, value, run), length
    return None


def _infinitive(tokens: Sequence[Token], at: int) -> bool:
    return at < len(tokens) and not tokens[at].article and verb(tokens[at].word).form == "base"


def _side(tokens: Sequence[Token], at: int) -> tuple[Event, int] | None:
    """Match "on the far left side of the picture", "top left corner", "left": one event for the first side it names."""
    place = at
    cue = tokens[place].word if tokens[place].word in words("side_prepositions") else ""
    place = _while(tokens, place + bool(cue), words("side_degrees"))
    stop = _while(tokens, place, words("sides"))
    if stop == place:
        return None
    named = [words("sides")[token.word] for token in tokens[place:stop]]
    end = _after_side(tokens, stop)
    more: dict[str, Any] = {"cue": cue or ("at" if end > stop else "")}
    if end < len(tokens) and tokens[end].word == "of":
        frame = end + 1 < len(tokens) and tokens[end + 1].word in words("frame_words")
        end, more = end + 1 + frame, more | {"relative": not frame and end + 1 < len(tokens)}
    return _event("side", " ".join(dict.fromkeys(named)), tokens[at:end], **more), end - at


def _after_side(tokens: Sequence[Token], at: int) -> int:
    """Skip "side", "corner", "hand side" and the like."""
    hand = at + 1 < len(tokens) and tokens[at].word == "hand" and tokens[at + 1].word in words("side_nouns")
    return _while(tokens, at + hand, words("side_nouns"))


def _while(tokens: Sequence[Token], at: int, allowed: Any) -> int:
    while at < len(tokens) and tokens[at].word in allowed:
        at += 1
    return at


def _single(tokens: Sequence[Token], at: int) -> tuple[Event, int]:
    token = tokens[at]
    if token.word.endswith("'s"):
        return _event("owner", token.word[:-2], [token]), 1
    for kind, table in (("colour", "colours"), ("size", "sizes"), ("superlative", "superlatives"), ("ordinal", "ordinals")):
        if token.word in words(table):
            return _event(kind, token.word, [token]), 1
    if token.word in words("numbers") or token.word in words("possessives") or token.word.isdigit():
        return _event("determiner", token.word, [token]), 1
    return _event("word", token.word, [token]), 1
