"""The keys of an answer in JSON: which one names the choice, the finding, the reason."""

from __future__ import annotations

import re
from collections.abc import Iterable

from alref.llm import choice_words as words
from alref.llm.number_text import BOX_NOUNS, FRAME_NOUNS

REASON_KEYS = ("why", "reason", "reasoning", "explanation", "rationale", "justification", "analysis")
FINDING_KEYS = ("finding", "found", "status", "verdict", "visible", "present", "exists")
NAME_KEYS = ("name", "label", "category", "object")
GENERIC_KEYS = (
    *("answer", "final answer", "choice", "chosen", "selected", "selection", "pick", "best", "result", "output", "response"),
    *("prediction", "decision", "number", "index", "id", "candidate"),
)
_CHOSEN = re.compile(r"\b(?:best|chosen|selected|final|answer|correct|choice|preferred|predicted|pivot|key)\b")
_OTHER = re.compile(
    rf"\b{words.ANOTHER}\b|\b(?:total|count|num|max|min|start|end|of|per|previous|not|other|why|reason|score|confidence)\b"
)

_NOTE = re.compile(
    rf"^(?:(?:my|the|overall|total) )?(?:{words.SCORES}|answer|note|total|count|summary|frames?|images?|number)(?: \w+)?$"
)


def normalize_key(key: object) -> str:
    """Return a key in small letters, its words apart: ``best frame`` for bestFrame, best_frame and BEST-FRAME."""
    return re.sub(r"[\W_]+", " ", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", str(key))).strip().lower()


def find_choice_key(keys: Iterable[str], noun: str) -> str | None:
    """Return the key whose value is the choice: the best frame, else the frame, else one that says that it is an answer."""
    own = re.compile(rf"(?:^|\b)(?:{BOX_NOUNS if noun == 'box' else FRAME_NOUNS})(?: (?:number|no|id|index))?$")
    known = [key for key in map(normalize_key, keys) if not _OTHER.search(key)]
    named = [key for key in known if own.search(key)]
    ranked = [*filter(_CHOSEN.search, named), *sorted(named, key=len), *(key for key in GENERIC_KEYS if key in known)]
    return next(iter(ranked), None)


def is_note_key(key: str) -> bool:
    """Return whether a key of an answer about several objects is a note about it, such as its confidence, and not an object."""
    words_of_key = normalize_key(key)
    return words_of_key in REASON_KEYS or bool(_NOTE.search(words_of_key))
