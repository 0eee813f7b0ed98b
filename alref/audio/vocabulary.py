"""Names of sounds: shipped vocabularies, the visible object behind a sound, and synonyms.

The data are in ``objects.json``: AVSBench's classes; the objects that make AudioSet's sounds, by category; the sounds without
a visible object; and synonyms of the words of a vocabulary.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, Literal, get_args

from alref.audio import audioset

VocabularyName = Literal["avsbench", "audioset"]
VOCABULARY_NAMES: tuple[str, ...] = get_args(VocabularyName)
UNKNOWN_SOUND = "what sounds"
"""The text of a phrase for an unidentified sound."""


def load_vocabulary(vocabulary: VocabularyName | Sequence[str]) -> tuple[str, ...]:
    """Return the names of a shipped vocabulary; a list of names is returned as a tuple.

    ``avsbench`` has the 70 classes of AVSBench-semantic: a class's index is its position + 1, and 0 is the background.
    ``audioset`` has AudioSet's 527 classes.
    """
    if vocabulary == "audioset":
        return tuple(audioset.load_class_names().values())
    return tuple(_load_objects()["avsbench"] if vocabulary == "avsbench" else vocabulary)


def find_sound_source(sound: str) -> str | None:
    """Return the object that probably makes a sound of AudioSet, as a common noun; None if the sound has no visible object.

    The name of any other sound is returned unchanged, because it may be the name of an object.
    """
    return _index_sound_sources().get(sound.lower(), sound)


def get_object_category(name: str) -> str:
    """Return the category of a visible object: person, animal, instrument, vehicle or thing; empty when it is unknown."""
    return next((kind for kind, things in _load_objects()["seen"].items() if name in things), "")


def is_generic_object(name: str) -> bool:
    """Return whether a name stands for any object of its category: person, animal, musical instrument, vehicle."""
    return any(name == next(iter(things)) for kind, things in _load_objects()["seen"].items() if kind != "thing")


def find_nearest_word(name: str, vocabulary: Sequence[str]) -> str | None:
    """Return the word of a vocabulary that a name means, from a list of synonyms and near categories; None if it has no entry.

    Case, hyphens and plurals are ignored. A sound stands for the object that makes it.
    """
    known = {_normalize_name(word): word for word in reversed(vocabulary)}
    return next((known[meaning] for meaning in _expand_meanings(name) if meaning in known), None)


def _expand_meanings(name: str) -> Iterator[str]:
    """Yield a name, the object that makes the sound of that name, and the more general names of each, nearest first."""
    for sound in dict.fromkeys((name, find_sound_source(name) or name)):
        plain = _normalize_name(sound)
        yield plain
        yield from (
            _normalize_name(word) for word, others in _load_objects()["called"].items() if plain in map(_normalize_name, others)
        )


def _normalize_name(name: str) -> str:
    """Normalize a name to lower case, to the singular where it is clear, and to single spaces."""
    plain = " ".join(re.split(r"[\s_-]+", name.lower().strip()))
    return plain[:-1] if re.fullmatch(r".*[^s]s", plain) and len(plain) > len("bus") else plain


@cache
def _load_objects() -> Any:
    return json.loads(files("alref.audio").joinpath("objects.json").read_text(encoding="utf-8"))


@cache
def _index_sound_sources() -> dict[str, str | None]:
    """Map each sound in lower case to the object that makes it, None for sounds without a visible object."""
    unseen: dict[str, str | None] = {sound.lower(): None for sound in _load_objects()["unseen"]}
    return unseen | {
        sound.lower(): thing
        for things in _load_objects()["seen"].values()
        for thing, sounds in things.items()
        for sound in sounds
    }
