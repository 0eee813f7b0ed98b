"""The embedded unifier for text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alref.components.base import Unifier
from alref.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from alref.media.video import Video
    from alref.records import Phrase, Reference
    from alref_baseline.grammar import Description


class Grammar(Unifier):
    """Reads an English expression: one phrase for each object it names ("the dog and the cat"), with what was not understood.

    Reads text only; the sound track beside a text is heard by others.
    """

    name = "grammar"

    def unify(self, video: Video, reference: Reference) -> list[Phrase]:
        """Return the phrases. Raises InputError when the text has no word."""
        from alref.records import Phrase
        from alref_baseline.grammar import parse_all

        _check(reference)
        phrases = [
            Phrase(reference=reference.id, text=each.text, category=each.noun, warnings=tuple(_warnings(each, reference.sound)))
            for each in parse_all(reference.text)
        ]
        return list(dict.fromkeys(phrases))


class Verbatim(Unifier):
    """Takes an expression as it is: one phrase, one object, as the published system does."""

    name = "verbatim"

    def unify(self, video: Video, reference: Reference) -> list[Phrase]:
        """Return the one phrase."""
        from alref.records import Phrase

        return [Phrase(reference=reference.id, text=reference.text.strip())]


def _check(reference: Reference) -> None:
    if not any(letter.isalpha() for letter in reference.text):
        raise InputError(
            f"reference {reference.id!r}: expected words such as 'the red cup', got {reference.text!r}; name the object"
        )


def _warnings(words: Description, heard: bool) -> Iterator[str]:
    """Say what of an expression cannot be used; ``heard`` says that its object makes a sound."""
    from alref_baseline.lexicon import lookup, read

    if not lookup(words.noun).classes:
        left = "colour, place, motion and sound" if heard else "colour, place and motion"
        yield f"no picture class is known for {words.noun!r}: only {left} can be used"
    if words.plural:
        yield f"{words.noun!r} stands in the plural: one of them is looked for; name them one by one"
    for how, other in words.relations:
        if not other.findable:
            yield f"'{how} {other.text}' was not used: no picture class is known for {other.noun!r}"
    unused = [word for word in words.unused if not (heard and word in read("words")["loud"])]
    if unused:
        yield f"words that could not be used: {', '.join(unused)}"
