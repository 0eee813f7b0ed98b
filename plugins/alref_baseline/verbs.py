"""English verbs: what their forms tell of motion. The verbs are data, ``lexicon/verbs.json`` and ``irregular_verbs.json``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from alref_baseline.inflection import forms
from alref_baseline.lexicon import listed, read

_MOTIONS = ("moving", "still", "changing", "up", "down", "closer", "away")
_DIRECTED = frozenset(("up", "down", "closer", "away"))


@dataclass(frozen=True)
class Verb:
    """A verb's form: the classes of the verb, and ``base``, ``s``, ``ing``, ``ed``, or "" for what is no verb."""

    kinds: frozenset[str] = frozenset()
    form: str = ""

    def motions(self, helper: str) -> list[str]:
        """List the motions that it tells of after a helping verb: "being filled" changes, "filled" does not."""
        passive = self.form == "ed" and helper not in ("being", "getting")
        motions = [kind for kind in _MOTIONS if kind in self.kinds and not (kind == "changing" and passive)]
        return ["moving", *motions] if _DIRECTED & set(motions) else motions


def verb(word: str) -> Verb:
    """Return what is known of a word as a verb's form."""
    return _table().get(word, Verb())


def guess(word: str) -> Verb:
    """Return what is known of a word as a verb's form; an unlisted one is guessed by its ending, and moves when it acts."""
    known = verb(word)
    if known.form or word in read("words")["ing_nouns"] or listed(word) or len(word) <= len("being"):
        return known
    if word.endswith("ing"):
        return Verb(frozenset({"moving"}), "ing")
    return Verb(frozenset(), "ed") if word.endswith("ed") else Verb()


@lru_cache(maxsize=1)
def _table() -> dict[str, Verb]:
    classes: dict[str, set[str]] = {}
    for name, bases in read("verbs").items():
        for base in bases.split():
            classes.setdefault(base, set()).add(name)
    table = {form: Verb(frozenset(kinds), how) for base, kinds in classes.items() for form, how in forms(base).items()}
    return table | {form: Verb(table[base].kinds, "ed") for form, base in read("irregular_verbs").items()}
