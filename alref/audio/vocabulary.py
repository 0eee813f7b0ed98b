"""Names of what sounds: shipped vocabularies, the visible object behind a sound, and words that mean the same.

What is said here of words is data, ``objects.json``: AVSBench's classes; the objects that make AudioSet's sounds, by kind; the
sounds that no object in a picture stands for; and what the words of a vocabulary are also called.
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
"""The text of a phrase for a sound of which nobody knows what it is."""


def load_vocabulary(vocabulary: VocabularyName | Sequence[str]) -> tuple[str, ...]:
    """Return the names of a shipped vocabulary, or of a list the names themselves.

    ``avsbench`` are the 70 classes of AVSBench-semantic: a class's index is its place + 1, and 0 is the background.
    ``audioset`` are AudioSet's 527.
    """
    if vocabulary == "audioset":
        return tuple(audioset.load_class_names().values())
    return tuple(_load_objects()["avsbench"] if vocabulary == "avsbench" else vocabulary)


def join_names(names: Sequence[str]) -> str:
    """Join names to one line; by semicolons where one of them holds a comma. A sound without a name is described as such."""
    words = ["a sound of an unknown kind" if name == UNKNOWN_SOUND else name for name in names]
    return ("; " if any("," in name for name in words) else ", ").join(words)


def find_sound_source(sound: str) -> str | None:
    """Return the object that is likely to make a sound of AudioSet, a common noun; None where none can be seen.

    The name of another sound is itself returned: it may be that of an object.
    """
    return _index_sound_sources().get(sound.lower(), sound)


def get_object_category(name: str) -> str:
    """Return the kind of a visible object, one of person, animal, instrument, vehicle, thing; empty when it is not known."""
    return next((kind for kind, things in _load_objects()["seen"].items() if name in things), "")


def is_generic_object(name: str) -> bool:
    """Say whether a visible object stands for any of its kind: person, animal, musical instrument, vehicle."""
    return any(name == next(iter(things)) for kind, things in _load_objects()["seen"].items() if kind != "thing")


def find_nearest_word(name: str, vocabulary: Sequence[str]) -> str | None:
    """Return the word of a vocabulary that a name means, by a list of synonyms and near kinds; None where it lists none.

    Compared without regard to case, hyphens and plurals. A sound stands for the object that makes it.
    """
    known = {_normalize_name(word): word for word in reversed(vocabulary)}
    return next((known[each] for each in _expand_meanings(name) if each in known), None)


def _expand_meanings(name: str) -> Iterator[str]:
    """Yield a name, the object that makes the sound of that name, and what each is a kind of; the nearest first."""
    for each in dict.fromkeys((name, find_sound_source(name) or name)):
        plain = _normalize_name(each)
        yield plain
        yield from (
            _normalize_name(word) for word, others in _load_objects()["called"].items() if plain in map(_normalize_name, others)
        )


def _normalize_name(name: str) -> str:
    """Write a name in lower case, in the singular where that is plain, with single blanks."""
    plain = " ".join(re.split(r"[\s_-]+", name.lower().strip()))
    return plain[:-1] if re.fullmatch(r".*[^s]s", plain) and len(plain) > len("bus") else plain


@cache
def _load_objects() -> Any:
    return json.loads(files("alref.audio").joinpath("objects.json").read_text(encoding="utf-8"))


@cache
def _index_sound_sources() -> dict[str, str | None]:
    """Index sounds in lower case: the object that makes each, None for those that no object stands for."""
    unseen: dict[str, str | None] = {sound.lower(): None for sound in _load_objects()["unseen"]}
    return unseen | {
        sound.lower(): thing
        for things in _load_objects()["seen"].values()
        for thing, sounds in things.items()
        for sound in sounds
    }
