"""The embedded unifier for text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alref.components.base import Unifier
from alref.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from alref.media.video import Video
    from alref.records import Phrase, Reference
    from alref_baseline.grammar import ObjectDescription


class GrammarUnifier(Unifier):
    """Reads an English expression: one phrase for each object it names ("the dog and the cat"), with what was not understood.

    Reads text only; the sound track beside a text is heard by others.
    """

    name = "grammar"

    def unify(self, video: Video, reference: Reference) -> list[Phrase]:
        """Return the phrases. Raises InputError when the text has no word."""
        from alref.records import Phrase
        from alref_baseline.grammar import parse_descriptions

        _check_reference(reference)
        phrases = [
            Phrase(
                reference=reference.id,
                text=each.text,
                category=each.noun,
                warnings=tuple(_list_warnings(each, reference.sound)),
            )
            for each in parse_descriptions(reference.text)
        ]
        return list(dict.fromkeys(phrases))


class VerbatimUnifier(Unifier):
    """Takes an expression as it is: one phrase, one object, as the published system does."""

    name = "verbatim"

    def unify(self, video: Video, reference: Reference) -> list[Phrase]:
        """Return the one phrase."""
        from alref.records import Phrase

        return [Phrase(reference=reference.id, text=reference.text.strip())]


def _check_reference(reference: Reference) -> None:
    if not any(letter.isalpha() for letter in reference.text):
        raise InputError(
            f"reference {reference.id!r}: expected words such as 'the red cup', got {reference.text!r}; name the object"
        )


def _list_warnings(description: ObjectDescription, makes_sound: bool) -> Iterator[str]:
    """Say what of an expression cannot be used; ``heard`` says that its object makes a sound."""
    from alref_baseline.lexicon import look_up_noun, read_lexicon

    if not look_up_noun(description.noun).classes:
        left = "color, place, motion and sound" if makes_sound else "color, place and motion"
        yield f"no picture class is known for {description.noun!r}: only {left} can be used"
    if description.is_plural:
        yield f"{description.noun!r} stands in the plural: one of them is looked for; name them one by one"
    for how, other in description.relations:
        if not other.is_findable:
            yield f"'{how} {other.text}' was not used: no picture class is known for {other.noun!r}"
    unused = [word for word in description.unused if not (makes_sound and word in read_lexicon("words")["loud"])]
    if unused:
        yield f"words that could not be used: {', '.join(unused)}"
