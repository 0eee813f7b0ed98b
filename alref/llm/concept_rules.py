"""The noun of a phrase that needs no question: what a unifier found, where the words name a kind of thing."""

from __future__ import annotations

import re

from alref.llm.track_parsing import clean_noun
from alref.records import Phrase

PLACEHOLDERS = frozenset(
    [
        "anything",
        "element",
        "entity",
        "everything",
        "instance",
        "it",
        "item",
        "object",
        "one",
        "other",
        "part",
        "scene",
        "something",
        "stuff",
        "subject",
        "target",
        "that",
        "thing",
        "this",
        "which",
        "what",
        "who",
    ]
)
"""Words that stand for any kind of thing."""
_OPEN = re.compile(
    r"\?|^\W*(?:what|which|who|whom|whose|where|when|why|how|some(?:thing|one|body)|any(?:thing|one)|whatever)\b", re.I
)
"""Questions, and words that leave open which kind of thing is meant."""


def find_plain_noun(phrase: Phrase) -> str:
    """Return the category or the head noun of a phrase if it can be searched for; empty if a model has to be asked."""
    noun = clean_noun(phrase.category or phrase.noun)
    if not noun or phrase.sound or _OPEN.search(phrase.text) or PLACEHOLDERS & {*noun.split()}:
        return ""
    return noun
