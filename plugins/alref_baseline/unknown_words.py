"""Explain why an object cannot be found by its words, and what to do: typos, other languages, parts, nouns without a class."""

from __future__ import annotations

import re
from functools import lru_cache

from alref.errors import suggest_names
from alref_baseline.grammar import GENERIC_NOUN, ObjectDescription
from alref_baseline.lexicon import list_nouns, look_up_noun, read_lexicon
from alref_baseline.tokenizer import get_word_table, normalize_text

_LAST_LATIN = 0x024F
"""The last letter of the Latin alphabets; later ones are of other scripts."""
_ENGLISH = frozenset(("a", "an", "the", "of", "on", "in", "with", "that", "this", "is", "to", "and", "at", "by"))


def explain_unknown(description: ObjectDescription) -> str:
    """Return why the object cannot be found by class or color and what to do, or "" if it can be, or is only described."""
    language = guess_language(description.text)
    if language:
        return f"only English is read, not {language}; translate it, or let a language model read it: --reasoner openai"
    if description.is_findable:
        return ""
    entry = look_up_noun(description.noun)
    if description.noun in (GENERIC_NOUN, *get_word_table("generic")):
        return "" if description.is_described else "no object is named; name it, its color or its motion"
    owner = next((other.noun for how, other in description.relations if how == "with" and other.is_findable), "")
    if entry.group == "parts" and owner:
        return (
            f"{description.noun!r} is a part of {owner!r} and cannot be found by itself; ask for 'the {owner}', or give a --box"
        )
    if not entry.found_by:
        return f"{description.noun!r} is not a known noun{suggest_nouns(description.noun)}"
    return f"no image class is known for {description.noun!r}; name its color, give a --box, or use --proposer grounding-dino"


def suggest_nouns(noun: str) -> str:
    """Return known nouns that are spelled alike, swapped letters first: "; did you mean 'dog'?"; "" if there is none."""
    swapped = [each for each in list_nouns() if each[0] == noun[0] and sorted(each) == sorted(noun)]
    return f"; did you mean {swapped[0]!r}?" if swapped else suggest_names(noun, list_nouns())


def guess_language(text: str) -> str:
    """Return the language of a text that is not English, or "" if it may be English.

    It is told by letters of another script, or by an article at the beginning and no English word of grammar.
    """
    if any(letter.isalpha() and ord(letter) > _LAST_LATIN for letter in text):
        return "another script"
    words = re.findall(r"[^\W\d_]+'?", normalize_text(text).lower())
    if not words or _ENGLISH.intersection(words):
        return ""
    return " or ".join(_index_articles().get(words[0], ()))


@lru_cache(maxsize=1)
def _index_articles() -> dict[str, list[str]]:
    index: dict[str, list[str]] = {}
    for language, articles in read_lexicon("languages").items():
        for article in articles.split():
            index.setdefault(article, []).append(language)
    return index
