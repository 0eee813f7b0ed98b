"""The embedded unifier for text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alref import InputError, Unifier

if TYPE_CHECKING:
    from collections.abc import Iterator

    from alref import Phrase, Reference, Video
    from alref_baseline.grammar import ObjectDescription


class GrammarUnifier(Unifier):
    """Parses an English expression into one phrase per object ("the dog and the cat"), with the words it did not use.

    It uses the text only; other components use the audio.
    """

    name = "grammar"

    def unify(self, video: Video, reference: Reference) -> list[Phrase]:
        """Return the phrases. Raises InputError if the text contains no word."""
        from alref import Phrase
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
    """Uses the whole expression as one phrase for one object, as AL-Ref-SAM 2 does."""

    name = "verbatim"

    def unify(self, video: Video, reference: Reference) -> list[Phrase]:
        """Return the one phrase, with its head noun if the lexicon has it and the expression names one kind of object."""
        from alref import Phrase
        from alref_baseline.grammar import parse_descriptions
        from alref_baseline.lexicon import is_listed

        nouns = [each.noun for each in parse_descriptions(reference.text)]
        noun = nouns[0] if len(nouns) == 1 and is_listed(nouns[0]) else ""
        return [Phrase(reference=reference.id, text=reference.text.strip(), noun=noun)]


def _check_reference(reference: Reference) -> None:
    if not any(letter.isalpha() for letter in reference.text):
        raise InputError(
            f"reference {reference.id!r}: expected words such as 'the red cup', got {reference.text!r}; name the object"
        )


def _list_warnings(description: ObjectDescription, makes_sound: bool) -> Iterator[str]:
    """Yield the parts of an expression that cannot be used; ``makes_sound`` is True if its object makes a sound."""
    from alref_baseline.lexicon import look_up_noun, read_lexicon
    from alref_baseline.unknown_words import explain_unknown

    unknown = "" if makes_sound else explain_unknown(description)
    if unknown:
        yield unknown
    elif not look_up_noun(description.noun).classes:
        left = "color, position, motion and sound" if makes_sound else "color, position and motion"
        yield f"no image class is known for {description.noun!r}: only {left} can be used"
    if description.is_plural:
        yield f"{description.noun!r} is plural: the order pivot gives one track for all of them, --order tracks one for each"
    for how, other in description.relations:
        if not other.is_findable:
            yield f"'{how} {other.text}' was not used: no image class is known for {other.noun!r}"
    unused = [word for word in description.unused if not (makes_sound and word in read_lexicon("words")["loud"])]
    if unused:
        yield f"unused words: {', '.join(unused)}"
