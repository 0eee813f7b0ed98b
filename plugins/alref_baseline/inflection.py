"""English inflection for referring expressions: singulars of nouns, forms of verbs."""

from __future__ import annotations

import json
from functools import lru_cache
from importlib.resources import files

_VOWELS = frozenset("aeiou")


@lru_cache(maxsize=4096)
def make_singular(noun: str) -> str:
    """Return a noun with its last word in the singular; a word that is not a plural is returned unchanged."""
    rest, space, word = noun.rpartition(" ")
    irregular, unchanged = _load_plurals()
    if word in irregular:
        return rest + space + irregular[word]
    if word in unchanged or noun in unchanged or len(word) < 4 or word.endswith(("ss", "us", "is")):
        return noun
    return rest + space + _strip_plural_suffix(word)


def _strip_plural_suffix(word: str) -> str:
    if word.endswith("men"):
        return word[:-2] + "an"
    if word.endswith("ies"):
        return word[:-3] + "y"
    if word.endswith(("ches", "shes", "sses", "xes", "zzes")):
        return word[:-2]
    return word.removesuffix("s")


def is_plural(word: str) -> bool:
    """Return whether a one-word noun is in the plural; trousers, glasses and other pairs count as singular."""
    _, unchanged = _load_plurals()
    return make_singular(word) != word and word not in unchanged


def list_verb_forms(verb: str) -> dict[str, str]:
    """Return the forms of a regular verb: form -> ``base``, ``s``, ``ing`` or ``ed``."""
    stem = verb[:-1] if verb.endswith("e") and not verb.endswith(("ee", "oe", "ye")) else verb
    soft = verb[:-1] + "i" if verb.endswith("y") and verb[-2:-1] not in _VOWELS else verb
    third = soft + "es" if soft != verb or verb.endswith(("s", "x", "z", "ch", "sh", "o")) else verb + "s"
    past = verb + "d" if verb.endswith("e") else soft + "ed"
    ing = verb[:-2] + "ying" if verb.endswith("ie") else stem + "ing"
    kinds = {verb: "base", third: "s", ing: "ing", past: "ed"}
    if len(verb) > 2 and verb[-1] not in _VOWELS and verb[-2] in _VOWELS and verb[-3] not in _VOWELS:
        kinds |= {verb + verb[-1] + "ing": "ing", verb + verb[-1] + "ed": "ed"}
    return kinds


@lru_cache(maxsize=1)
def _load_plurals() -> tuple[dict[str, str], frozenset[str]]:
    data = json.loads(files("alref_baseline").joinpath("lexicon", "plurals.json").read_text(encoding="utf-8"))
    return data["irregular"], frozenset(data["unchanged"])
