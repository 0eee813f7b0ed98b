"""A noun phrase while it is read: the words that were filed under it so far."""

from __future__ import annotations

from dataclasses import dataclass, field

from alref_baseline.inflection import plural


@dataclass
class Noun:
    """A noun phrase as it is read."""

    words: list[str] = field(default_factory=list)
    colours: list[str] = field(default_factory=list)
    part_colours: list[str] = field(default_factory=list)
    positions: list[str] = field(default_factory=list)
    superlatives: list[str] = field(default_factory=list)
    motions: list[str] = field(default_factory=list)
    relations: list[tuple[str, Noun]] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)
    adjectives: list[str] = field(default_factory=list)
    size: str = ""
    ordinal: int = 0
    origin: str = ""
    generic: bool = False

    @property
    def named(self) -> bool:
        """Whether a noun was read."""
        return bool(self.words) or self.generic

    @property
    def empty(self) -> bool:
        """Whether nothing was read."""
        return not (self.named or self.colours or self.adjectives or self.size or self.motions)

    @property
    def described(self) -> bool:
        """Whether something was said of it, so that it can be looked for without a noun."""
        listed = self.colours or self.part_colours or self.positions or self.superlatives or self.motions or self.relations
        return bool(listed or self.size or self.ordinal or self.generic)

    @property
    def many(self) -> bool:
        """Whether the noun stands in the plural."""
        return bool(self.words) and plural(self.words[-1])
