"""What an English expression says of the object it points at: ``parse`` and ``parse_all``.

A small hand-written grammar for referring expressions ("the second red cup from the left that is being filled"). It reads any
text: what it cannot use is listed in ``Description.unused``. Word classes are data in ``lexicon/``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from alref_baseline.inflection import singular
from alref_baseline.lexicon import listed, lookup
from alref_baseline.noun_phrase import Noun
from alref_baseline.parser import Clause
from alref_baseline.tokenizer import Event, scan, tidy, words
from alref_baseline.verbs import verb

GENERIC = "object"
"""The noun of an expression that names none ("the red one")."""

_RANK_SIDES = {"biggest": "big", "smallest": "small", "leftmost": "left", "rightmost": "right"} | {
    "topmost": "top", "bottommost": "bottom", "closest": "close", "farthest": "far"
}  # fmt: skip


@dataclass(frozen=True)
class Description:
    """One object in words. Every tuple may be empty; ``noun`` never is.

    ``noun`` is the head noun in the singular without colours and sizes, "object" when none is named. ``colours`` are its own,
    ``part_colours`` those of its clothes and parts, both from ``attributes.COLOURS``. ``size`` is small, big or "".
    ``positions`` are among left, right, top, bottom, middle. ``rank`` is (n, side): the n-th counted from the side left, right,
    top, bottom, big, small, close or far. ``motions`` are among moving, still, left, right, up, down, closer, away, changing.
    ``relations`` name another object: near, on, under, above, behind, front, left, right, inside, between or with it.
    ``superlatives`` are among biggest, smallest, leftmost, rightmost, topmost, bottommost, closest, farthest.
    ``plural`` says that the noun stands in the plural; ``unused`` lists words that could not be used.
    """

    text: str
    noun: str
    colours: tuple[str, ...] = ()
    part_colours: tuple[str, ...] = ()
    size: str = ""
    positions: tuple[str, ...] = ()
    rank: tuple[int, str] | None = None
    motions: tuple[str, ...] = ()
    relations: tuple[tuple[str, Description], ...] = ()
    superlatives: tuple[str, ...] = ()
    plural: bool = False
    unused: tuple[str, ...] = ()

    @property
    def places(self) -> tuple[tuple[int, str], ...]:
        """The places in a row that are asked for, as ``rank`` says them: superlatives are first places."""
        firsts = tuple((1, _RANK_SIDES[word]) for word in self.superlatives)
        return (*firsts, self.rank) if self.rank else firsts

    @property
    def findable(self) -> bool:
        """Whether it can be looked for by itself: by the classes of its noun, or by a colour."""
        return bool(lookup(self.noun).classes or self.colours)


@lru_cache(maxsize=1024)
def parse(text: str) -> Description:
    """Read an expression about one object; of several ("the dog and the cat") the first. Never raises."""
    return parse_all(text)[0]


@lru_cache(maxsize=1024)
def parse_all(text: str) -> tuple[Description, ...]:
    """Read an expression: one description for each object that it names side by side, at least one."""
    plain = tidy(text)
    pieces = _split(scan(plain))
    if len(pieces) == 1:
        return (_describe(text.strip(), Clause(pieces[0]).main),)
    return tuple(_describe(plain[piece[0].start : piece[-1].end], Clause(piece).main) for piece in pieces)


def _split(events: Sequence[Event]) -> list[list[Event]]:
    """Cut events at each "and" or comma that joins two objects."""
    pieces: list[list[Event]] = [[]]
    for place, event in enumerate(events):
        if event.kind == "and" and _joins(pieces[-1], events[place + 1 :]):
            pieces.append([])
        elif event.kind != "and" or pieces[-1]:
            pieces[-1].append(event)
    return pieces


def _joins(left: list[Event], rest: Sequence[Event]) -> bool:
    """Say whether what follows "and" is another object, and not more about the first one."""
    stop = next((place for place, event in enumerate(rest) if event.kind == "and"), len(rest))
    right = rest[:stop]
    first, after = Clause(left), Clause(right)
    if left and right and left[-1].kind == right[0].kind == "colour":
        return False
    if not (first.main.named and after.main.named and _starts_noun(right[0])):
        return False
    living = lookup(" ".join(after.main.words)).group in ("people", "animals")
    demanded = living or right[0].article or right[0].kind in ("determiner", "owner")
    return not first.told or (demanded and (after.told or bool(after.main.positions or after.main.superlatives)))


def _starts_noun(event: Event) -> bool:
    if event.kind == "side":
        return not event.cue
    if event.kind != "word":
        return event.kind in ("colour", "size", "ordinal", "superlative", "determiner", "owner")
    linking = ("auxiliaries", "relativisers", "adverbs")
    if event.article:
        return True
    return (
        not verb(event.value).form
        and not event.value.endswith("ly")
        and not any(event.value in words(name) for name in linking)
    )


def _describe(text: str, noun: Noun) -> Description:
    name, left_over = _named(noun, text)
    ordinal_side = next((side for word, side in _RANK_SIDES.items() if noun.ordinal and word in noun.superlatives), "")
    side = noun.origin or ordinal_side or "left"
    rank = (noun.ordinal, side) if noun.ordinal > 0 else (1, _far_end(side)) if noun.ordinal else None
    relations = tuple((how, _describe(" ".join([*other.colours, *other.words]), other)) for how, other in noun.relations)
    return Description(
        text=text,
        noun=name,
        colours=_unique(noun.colours),
        part_colours=_unique(noun.part_colours),
        size=noun.size,
        positions=_unique(noun.positions),
        rank=rank,
        motions=_unique(noun.motions),
        relations=relations,
        superlatives=() if ordinal_side else _unique(noun.superlatives),
        plural=noun.many,
        unused=_unique([*noun.adjectives, *left_over, *noun.unused]),
    )


def _named(noun: Noun, text: str) -> tuple[str, list[str]]:
    """Choose the noun among the words of the phrase, and return the words left over."""
    if noun.words:
        known = (place for place in range(len(noun.words)) if listed(" ".join(noun.words[place:])))
        start = min(next(known, len(noun.words) - 1), max(0, len(noun.words) - 2))
        if len(noun.words) > 2 and not lookup(noun.words[-1]).found_by:
            start = len(noun.words) - 1
        return singular(" ".join(noun.words[start:])), noun.words[:start]
    if noun.adjectives and lookup(noun.adjectives[-1]).found_by:
        return noun.adjectives.pop(), []
    letters = re.findall(r"[^\W\d_]+", tidy(text).lower())
    return (GENERIC if noun.described or not letters else letters[-1]), []


def _far_end(side: str) -> str:
    ends = (("left", "right"), ("top", "bottom"), ("big", "small"), ("close", "far"))
    return next(b if side == a else a for a, b in ends if side in (a, b))


def _unique(items: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(item for item in items if item))
