"""Split an expression into events: words, and phrases whose meaning does not depend on their neighbors.

Articles are removed and recorded in the next event, so that "on the left of the table" and "on left of table" are equivalent.
The closed word classes and the phrases are data in ``lexicon/words.json``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from alref_baseline.lexicon import is_listed, read_lexicon
from alref_baseline.verbs import look_up_verb

_TOKEN = re.compile(r"[^\W_]+(?:[-'][^\W_]+)*|[,;&+/]")
_CONTRACTION = re.compile(r"\b(it|that|who|which|there|what|where|he|she)'s\b")
_MAX_PHRASE_WORDS = 6  # words in the longest phrase


@dataclass(frozen=True)
class Token:
    """A lower-case word, its position in the text, and whether an article before it was removed."""

    word: str
    start: int
    end: int
    article: bool = False


@dataclass(frozen=True)
class ParseEvent:
    """A phrase of one kind: its value, its position in the text, and whether an article, number or possessive precedes it.

    A side has the preposition before it (``preposition``), and whether "of something" follows (``has_complement``).
    """

    kind: str
    value: str
    start: int
    end: int
    article: bool = False
    preposition: str = ""
    has_complement: bool = False


def get_word_table(name: str) -> Any:
    """Return one table of ``lexicon/words.json``; lists are returned as frozen sets."""
    return _load_word_tables()[name]


@lru_cache(maxsize=1)
def _load_word_tables() -> dict[str, Any]:
    return {name: frozenset(table) if isinstance(table, list) else table for name, table in read_lexicon("words").items()}


def normalize_text(text: str) -> str:
    """Normalize spelling marks: compatibility forms, apostrophes, dashes and contractions."""
    plain = unicodedata.normalize("NFKC", text).replace("\u2019", "'").replace("\u2010", "-").replace("\u2011", "-")
    plain = re.sub(r"n't\b", " not", plain)
    return _CONTRACTION.sub(r"\1 is", plain).strip()


def tokenize_expression(text: str) -> list[ParseEvent]:
    """Split a normalized text into events."""
    tokens = _strip_opening(_list_tokens(text))
    events = []
    position = 0
    while position < len(tokens):
        event, taken = _take_next(tokens, position)
        if event.kind != "skip" or event.value:
            events.append(event)
        position += taken
    return events


def _list_tokens(text: str) -> list[Token]:
    """Return the words; a word after an article starts at the position of the article."""
    found: list[Token] = []
    lead: int | None = None
    for word, start, end in _split_words(text):
        if word in ("the", "a", "an"):
            lead = start
        else:
            found.append(Token(word, start if lead is None else lead, end, article=lead is not None))
            lead = None
    return found


def _split_words(text: str) -> Iterator[tuple[str, int, int]]:
    """Yield words with their positions; an unknown hyphenated word is split into its parts."""
    for match in _TOKEN.finditer(text):
        word = match.group().lower()
        if "-" not in word or _is_known(word):
            yield word, match.start(), match.end()
            continue
        for part in re.finditer(r"[^-]+", word):
            yield part.group(), match.start() + part.start(), min(match.start() + part.end(), match.end())


def _is_known(word: str) -> bool:
    tables = (get_word_table(name) for name in ("colors", "superlatives", "adjectives"))
    return is_listed(word) or any(word in table for table in tables)


def _strip_opening(tokens: list[Token]) -> list[Token]:
    """Remove a request ("please segment", "where is") before an article or a possessive; "mask" alone remains a noun."""
    count = next((place for place, token in enumerate(tokens) if token.word not in get_word_table("openers")), len(tokens))
    for place in range(min(count, len(tokens) - 1), 0, -1):
        if tokens[place].article or tokens[place].word in get_word_table("possessives"):
            return tokens[place:]
    return tokens


def _take_next(tokens: Sequence[Token], position: int) -> tuple[ParseEvent, int]:
    """Return the event of the longest phrase at a position, and its number of tokens."""
    phrase = _match_phrase(tokens, position)
    side = _match_side(tokens, position)
    if side and side[1] >= (phrase[1] if phrase else 0):
        return side
    return phrase or _match_single(tokens, position)


def _make_event(kind: str, value: str, tokens: Sequence[Token], **more: Any) -> ParseEvent:
    return ParseEvent(kind, value, tokens[0].start, tokens[-1].end, tokens[0].article, **more)


def _match_phrase(tokens: Sequence[Token], position: int) -> tuple[ParseEvent, int] | None:
    for length in range(min(_MAX_PHRASE_WORDS, len(tokens) - position), 0, -1):
        run = tokens[position : position + length]
        meaning = get_word_table("phrases").get(" ".join(token.word for token in run))
        if meaning is not None:
            kind, _, value = meaning.partition(":")
            if run[-1].word == "to" and _is_infinitive(tokens, position + length):
                return _make_event("infinitive", "", run), length
            return _make_event(kind, value, run), length
    return None


def _is_infinitive(tokens: Sequence[Token], position: int) -> bool:
    return position < len(tokens) and not tokens[position].article and look_up_verb(tokens[position].word).form == "base"


def _match_side(tokens: Sequence[Token], position: int) -> tuple[ParseEvent, int] | None:
    """Match "on the far left side of the picture", "top left corner", "left": one event for the first side it names."""
    place = position
    cue = tokens[place].word if tokens[place].word in get_word_table("side_prepositions") else ""
    place = _skip_while(tokens, place + bool(cue), get_word_table("side_degrees"))
    stop = _skip_while(tokens, place, get_word_table("sides"))
    if stop == place:
        return None
    named = [get_word_table("sides")[token.word] for token in tokens[place:stop]]
    end = _skip_side_nouns(tokens, stop)
    more: dict[str, Any] = {"preposition": cue or ("at" if end > stop else "")}
    if end < len(tokens) and tokens[end].word == "of":
        frame = end + 1 < len(tokens) and tokens[end + 1].word in get_word_table("frame_words")
        end, more = end + 1 + frame, more | {"has_complement": not frame and end + 1 < len(tokens)}
    return _make_event("side", " ".join(dict.fromkeys(named)), tokens[position:end], **more), end - position


def _skip_side_nouns(tokens: Sequence[Token], position: int) -> int:
    """Skip "side", "corner", "hand side" and the like."""
    hand = (
        position + 1 < len(tokens)
        and tokens[position].word == "hand"
        and tokens[position + 1].word in get_word_table("side_nouns")
    )
    return _skip_while(tokens, position + hand, get_word_table("side_nouns"))


def _skip_while(tokens: Sequence[Token], position: int, allowed: Any) -> int:
    while position < len(tokens) and tokens[position].word in allowed:
        position += 1
    return position


def _match_single(tokens: Sequence[Token], position: int) -> tuple[ParseEvent, int]:
    token = tokens[position]
    if token.word.endswith("'s"):
        return _make_event("owner", token.word[:-2], [token]), 1
    for kind, table in (("color", "colors"), ("size", "sizes"), ("superlative", "superlatives"), ("ordinal", "ordinals")):
        if token.word in get_word_table(table):
            return _make_event(kind, token.word, [token]), 1
    if token.word in get_word_table("numbers") or token.word in get_word_table("possessives") or token.word.isdigit():
        return _make_event("determiner", token.word, [token]), 1
    return _make_event("word", token.word, [token]), 1
