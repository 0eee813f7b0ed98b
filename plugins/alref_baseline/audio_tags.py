"""Map names of sounds to the objects that make them."""

from __future__ import annotations

from collections.abc import Sequence

from alref import Phrase, PivotFrame
from alref.audio.intervals import merge_spans
from alref.audio.vocabulary import find_sound_source, get_object_category, is_generic_object


def resolve_sound_objects(phrases: Sequence[Phrase]) -> tuple[list[Phrase], list[PivotFrame]]:
    """Return the phrases to search for, and an absent pivot for each sound without a visible source.

    Sounds of the same object are merged into one phrase under its name, with the highest score; a general name ("animal") is
    merged into a specific one ("dog") if both are heard. Phrases that are not sounds remain unchanged.
    """
    makers = {phrase: find_sound_source(phrase.text) for phrase in phrases if phrase.sound}
    unseen = [
        PivotFrame(phrase=phrase, finding="absent", why=f"{phrase.text!r} does not name a visible object")
        for phrase, maker in makers.items()
        if maker is None
    ]
    sought = [phrase for phrase in phrases if not phrase.sound]
    for reference in dict.fromkeys(phrase.reference for phrase in makers):
        own = {phrase: maker for phrase, maker in makers.items() if maker and phrase.reference == reference}
        particular = {get_object_category(maker) for maker in own.values() if not is_generic_object(maker)}
        named = [maker for maker in own.values() if not (is_generic_object(maker) and get_object_category(maker) in particular)]
        for maker in dict.fromkeys(named):
            sought.append(_merge_phrases([phrase for phrase, other in own.items() if other == maker], maker))
    return sought, unseen


def _merge_phrases(phrases: Sequence[Phrase], maker: str) -> Phrase:
    """Return one phrase for the sounds of one object, heard whenever any of them is heard."""
    surest = max(phrases, key=lambda phrase: phrase.score)
    if surest.text == maker and len(phrases) == 1:
        return surest
    return surest.model_copy(
        update={"text": maker, "category": maker, "heard": merge_spans(phrase.heard for phrase in phrases)}
    )
