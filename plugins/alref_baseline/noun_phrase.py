"""A noun phrase during parsing: the words that were assigned to it so far."""

from __future__ import annotations

from dataclasses import dataclass, field

from alref_baseline.inflection import is_plural


@dataclass
class NounPhrase:
    """A noun phrase during parsing."""

    words: list[str] = field(default_factory=list)
    colors: list[str] = field(default_factory=list)
    part_colors: list[str] = field(default_factory=list)
    positions: list[str] = field(default_factory=list)
    superlatives: list[str] = field(default_factory=list)
    motions: list[str] = field(default_factory=list)
    relations: list[tuple[str, NounPhrase]] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)
    adjectives: list[str] = field(default_factory=list)
    size: str = ""
    ordinal: int = 0
    count: int = 0
    rank_side: str = ""
    is_generic: bool = False
    is_every: bool = False

    @property
    def has_noun(self) -> bool:
        """Whether a noun was read."""
        return bool(self.words) or self.is_generic

    @property
    def is_empty(self) -> bool:
        """Whether nothing was read."""
        return not (self.has_noun or self.colors or self.adjectives or self.size or self.motions)

    @property
    def is_described(self) -> bool:
        """Whether it has attributes, so that it can be found without a noun."""
        listed = self.colors or self.part_colors or self.positions or self.superlatives or self.motions or self.relations
        return bool(listed or self.size or self.ordinal or self.is_generic)

    @property
    def has_plural_noun(self) -> bool:
        """Whether the noun is in the plural, or "each" or "every" stands before it."""
        return bool(self.words) and (self.is_every or is_plural(self.words[-1]))
