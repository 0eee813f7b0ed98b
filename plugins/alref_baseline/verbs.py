"""Forms of English verbs and the motions they imply, from ``lexicon/verbs.json`` and ``lexicon/irregular_verbs.json``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from alref_baseline.inflection import list_verb_forms
from alref_baseline.lexicon import is_listed, read_lexicon

_MOTIONS = ("moving", "still", "changing", "up", "down", "closer", "away")
_DIRECTED = frozenset(("up", "down", "closer", "away"))


@dataclass(frozen=True)
class VerbForm:
    """A verb form: the classes of the verb, and ``base``, ``s``, ``ing``, ``ed``, or "" for a word that is not a verb."""

    kinds: frozenset[str] = frozenset()
    form: str = ""

    def list_motions(self, auxiliary: str) -> list[str]:
        """Return the motions that the form implies after an auxiliary: "being filled" implies change, "filled" does not."""
        passive = self.form == "ed" and auxiliary not in ("being", "getting")
        motions = [kind for kind in _MOTIONS if kind in self.kinds and not (kind == "changing" and passive)]
        return ["moving", *motions] if _DIRECTED & set(motions) else motions


def look_up_verb(word: str) -> VerbForm:
    """Return the verb form of a known word."""
    return _build_verb_table().get(word, VerbForm())


def guess_verb(word: str) -> VerbForm:
    """Return the verb form of a word; guess an unlisted one by its ending, with motion if it is active."""
    known = look_up_verb(word)
    if known.form or word in read_lexicon("words")["ing_nouns"] or is_listed(word) or len(word) <= len("being"):
        return known
    if word.endswith("ing"):
        return VerbForm(frozenset({"moving"}), "ing")
    return VerbForm(frozenset(), "ed") if word.endswith("ed") else VerbForm()


@lru_cache(maxsize=1)
def _build_verb_table() -> dict[str, VerbForm]:
    classes: dict[str, set[str]] = {}
    for name, bases in read_lexicon("verbs").items():
        for base in bases.split():
            classes.setdefault(base, set()).add(name)
    table = {
        form: VerbForm(frozenset(kinds), how) for base, kinds in classes.items() for form, how in list_verb_forms(base).items()
    }
    return table | {form: VerbForm(table[base].kinds, "ed") for form, base in read_lexicon("irregular_verbs").items()}
