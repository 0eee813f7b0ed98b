"""Parse English referring expressions: ``parse_description`` and ``parse_descriptions``.

A small hand-written grammar for expressions such as "the second red cup from the left that is being filled". It accepts any
text and lists the words that it cannot use in ``ObjectDescription.unused``. Word classes are data in ``lexicon/``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from alref_baseline.inflection import make_singular
from alref_baseline.lexicon import is_listed, look_up_noun
from alref_baseline.noun_phrase import NounPhrase
from alref_baseline.parser import ClauseParser
from alref_baseline.tokenizer import ParseEvent, get_word_table, normalize_text, tokenize_expression
from alref_baseline.verbs import look_up_verb

GENERIC_NOUN = "object"
"""The noun of an expression without a noun ("the red one")."""

_RANK_SIDES = {"biggest": "big", "smallest": "small", "leftmost": "left", "rightmost": "right"} | {
    "topmost": "top", "bottommost": "bottom", "closest": "close", "farthest": "far"
}  # fmt: skip


@dataclass(frozen=True)
class ObjectDescription:
    """The parsed description of one object. Every tuple may be empty; ``noun`` is never empty.

    ``noun`` is the head noun in the singular without colors and sizes, "object" if none is named. ``colors`` are its own,
    ``part_colors`` those of its clothes and parts, both from ``attributes.COLORS``. ``size`` is small, big or "".
    ``positions`` are among left, right, top, bottom, middle. ``rank`` is (n, side): the n-th counted from the side left, right,
    top, bottom, big, small, close or far. ``motions`` are among moving, still, left, right, up, down, closer, away, changing.
    ``relations`` are to another object: near, on, under, above, behind, front, left, right, inside, between or with it.
    ``superlatives`` are among biggest, smallest, leftmost, rightmost, topmost, bottommost, closest, farthest.
    ``is_plural`` is True if the noun is in the plural; ``count`` is the number that is named with it, 0 if none is.
    ``unused`` lists words that could not be used.
    """

    text: str
    noun: str
    colors: tuple[str, ...] = ()
    part_colors: tuple[str, ...] = ()
    size: str = ""
    positions: tuple[str, ...] = ()
    rank: tuple[int, str] | None = None
    motions: tuple[str, ...] = ()
    relations: tuple[tuple[str, ObjectDescription], ...] = ()
    superlatives: tuple[str, ...] = ()
    is_plural: bool = False
    count: int = 0
    unused: tuple[str, ...] = ()

    @property
    def ranks(self) -> tuple[tuple[int, str], ...]:
        """The requested ranks, in the format of ``rank``; a superlative is a first rank."""
        firsts = tuple((1, _RANK_SIDES[word]) for word in self.superlatives)
        return (*firsts, self.rank) if self.rank else firsts

    @property
    def is_findable(self) -> bool:
        """Whether the object can be detected on its own: by the classes of its noun, or by a color."""
        return bool(look_up_noun(self.noun).classes or self.colors)

    @property
    def is_among_several(self) -> bool:
        """Whether the words choose one or all of several objects of one noun, by place, order, size or motion."""
        placed = self.is_plural or self.positions or self.ranks or self.size
        return bool(placed or not {"closer", "away", "changing"}.issuperset(self.motions))

    @property
    def favors_motion(self) -> bool:
        """Whether the object rather moves; not where one of several is meant that may stand still."""
        placed = self.positions or self.ranks or self.size or self.is_plural or "still" in self.motions
        return "moving" in self.motions or not placed

    @property
    def is_described(self) -> bool:
        """Whether anything but a noun is named: a color, position, size, order, motion or relation."""
        looks = self.colors or self.part_colors
        return bool(self.is_among_several or looks or self.motions or self.relations)


@lru_cache(maxsize=1024)
def parse_description(text: str) -> ObjectDescription:
    """Parse an expression and return its first object ("the dog" for "the dog and the cat"). Never raises."""
    return parse_descriptions(text)[0]


@lru_cache(maxsize=1024)
def parse_descriptions(text: str) -> tuple[ObjectDescription, ...]:
    """Parse an expression and return one description for each coordinated object, at least one."""
    plain = normalize_text(text)
    pieces = _split_objects(tokenize_expression(plain))
    if len(pieces) == 1:
        return (_build_description(text.strip(), ClauseParser(pieces[0]).main),)
    return tuple(_build_description(plain[piece[0].start : piece[-1].end], ClauseParser(piece).main) for piece in pieces)


def _split_objects(events: Sequence[ParseEvent]) -> list[list[ParseEvent]]:
    """Split events at each "and" or comma that joins two objects."""
    pieces: list[list[ParseEvent]] = [[]]
    for place, event in enumerate(events):
        if event.kind == "and" and _is_new_object(pieces[-1], events[place + 1 :]):
            pieces.append([])
        elif event.kind != "and" or pieces[-1]:
            pieces[-1].append(event)
    return pieces


def _is_new_object(left: list[ParseEvent], rest: Sequence[ParseEvent]) -> bool:
    """Return whether the words after "and" name another object instead of describing the first one."""
    stop = next((place for place, event in enumerate(rest) if event.kind == "and"), len(rest))
    right = rest[:stop]
    first, after = ClauseParser(left), ClauseParser(right)
    if left and right and left[-1].kind == right[0].kind == "color":
        return False
    if not (first.main.has_noun and after.main.has_noun and _is_noun_start(right[0])):
        return False
    living = look_up_noun(" ".join(after.main.words)).group in ("people", "animals")
    demanded = living or right[0].article or right[0].kind in ("determiner", "owner")
    return not first.has_details or (demanded and (after.has_details or bool(after.main.positions or after.main.superlatives)))


def _is_noun_start(event: ParseEvent) -> bool:
    if event.kind == "side":
        return not event.preposition
    if event.kind != "word":
        return event.kind in ("color", "size", "ordinal", "superlative", "determiner", "owner")
    linking = ("auxiliaries", "relativisers", "adverbs")
    if event.article:
        return True
    return (
        not look_up_verb(event.value).form
        and not event.value.endswith("ly")
        and not any(event.value in get_word_table(name) for name in linking)
    )


def _build_description(text: str, noun: NounPhrase) -> ObjectDescription:
    name, left_over = _choose_noun(noun, text)
    ordinal_side = next((side for word, side in _RANK_SIDES.items() if noun.ordinal and word in noun.superlatives), "")
    side = noun.rank_side or ordinal_side or "left"
    rank = (noun.ordinal, side) if noun.ordinal > 0 else (1, _get_opposite_side(side)) if noun.ordinal else None
    relations = tuple(
        (how, _build_description(" ".join([*other.colors, *other.words]), other)) for how, other in noun.relations
    )
    return ObjectDescription(
        text=text,
        noun=name,
        colors=_remove_duplicates(noun.colors),
        part_colors=_remove_duplicates(noun.part_colors),
        size=noun.size,
        positions=_remove_duplicates(noun.positions),
        rank=rank,
        motions=_remove_duplicates(noun.motions),
        relations=relations,
        superlatives=() if ordinal_side else _remove_duplicates(noun.superlatives),
        is_plural=noun.has_plural_noun,
        count=noun.count if noun.has_plural_noun else 0,
        unused=_remove_duplicates([*noun.adjectives, *left_over, *noun.unused]),
    )


def _choose_noun(noun: NounPhrase, text: str) -> tuple[str, list[str]]:
    """Choose the noun among the words of the phrase, and return the words left over."""
    if noun.words:
        known = (place for place in range(len(noun.words)) if is_listed(" ".join(noun.words[place:])))
        start = min(next(known, len(noun.words) - 1), max(0, len(noun.words) - 2))
        if len(noun.words) > 2 and not look_up_noun(noun.words[-1]).found_by:
            start = len(noun.words) - 1
        return make_singular(" ".join(noun.words[start:])), noun.words[:start]
    if noun.adjectives and look_up_noun(noun.adjectives[-1]).found_by:
        return noun.adjectives.pop(), []
    letters = re.findall(r"[^\W\d_]+", normalize_text(text).lower())
    return (GENERIC_NOUN if noun.is_described or not letters else letters[-1]), []


def _get_opposite_side(side: str) -> str:
    ends = (("left", "right"), ("top", "bottom"), ("big", "small"), ("close", "far"))
    return next(b if side == a else a for a, b in ends if side in (a, b))


def _remove_duplicates(items: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(item for item in items if item))
