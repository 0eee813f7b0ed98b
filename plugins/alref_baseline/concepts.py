"""Name the noun of a phrase that a tracker searches for, by the grammar and the lexicon."""

from __future__ import annotations

from collections.abc import Sequence

from alref import Concept, Phrase
from alref.audio.vocabulary import find_sound_source, get_object_category
from alref_baseline.audio_tags import resolve_sound_objects
from alref_baseline.grammar import GENERIC_NOUN, ObjectDescription, parse_description
from alref_baseline.lexicon import find_synonym, look_up_noun
from alref_baseline.tokenizer import get_word_table
from alref_baseline.unknown_words import explain_unknown


def name_concept(phrase: Phrase, phrases: Sequence[Phrase], failed: Sequence[Concept]) -> Concept | None:
    """Return the noun of a phrase; after it failed, another word for the same things, or None.

    A more general noun is not tried: rules cannot tell a zebra from another animal, and would find what is not there. A sound
    is the object that makes it, given all ``phrases``. The concept of a phrase that cannot be understood is ambiguous, and that
    of a sound without a visible source is absent.
    """
    tried = {noun for concept in failed if concept.phrase == phrase for noun in concept.nouns}
    if phrase.sound:
        return _name_sound_concept(phrase, phrases, tried)
    description = parse_description(phrase.text)
    unknown = "" if phrase.sounds else explain_unknown(description)
    if unknown:
        return Concept(phrase=phrase, noun=description.noun, finding="ambiguous", why=unknown)
    noun = _describe_noun(description)
    if noun not in tried:
        return Concept(phrase=phrase, noun=noun, why=f"the head noun of {phrase.text!r}")
    return _rename_noun(phrase, noun, tried)


def _describe_noun(description: ObjectDescription) -> str:
    """Return the head noun; the color stands with a noun that no class fits, for it is what can be found."""
    noun = GENERIC_NOUN if description.noun in get_word_table("generic") else description.noun
    if look_up_noun(noun).classes or not description.colors:
        return noun
    return f"{description.colors[0]} {noun}"


def _rename_noun(phrase: Phrase, noun: str, tried: set[str]) -> Concept | None:
    other = find_synonym(noun)
    if not other or other in tried:
        return None
    return Concept(phrase=phrase, noun=other, why=f"no {noun} was found; {other} is another word for it")


def _name_sound_concept(phrase: Phrase, phrases: Sequence[Phrase], tried: set[str]) -> Concept | None:
    maker = find_sound_source(phrase.text)
    if maker is None:
        why = f"{phrase.text!r} does not name a visible object"
        return Concept(phrase=phrase, noun=phrase.text, finding="absent", why=why)
    sought, _ = resolve_sound_objects([each for each in phrases if each.reference == phrase.reference])
    category = get_object_category(maker)
    named = {each.text for each in sought}
    noun = maker if maker in named else next((name for name in named if get_object_category(name) == category), maker)
    if noun.lower() in tried:
        return _rename_noun(phrase, noun, tried)
    return Concept(phrase=phrase, noun=noun, why=f"what makes the sound {phrase.text!r}")
