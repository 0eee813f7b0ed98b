"""Vocabularies of what sounds: complete, the same as published, and words of one mapped to those of another or to none."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

from alref.audio import audioset
from alref.audio.intervals import merge_spans
from alref.audio.vocabulary import (
    find_nearest_word,
    find_sound_source,
    get_object_category,
    is_generic_object,
    load_vocabulary,
)

ANSWERS = Path(__file__).parents[1] / ".." / "shared" / "reference_run" / "gpt_results"
AVSBENCH = load_vocabulary("avsbench")


def answered(setting: str) -> list[str]:
    """Return the names of all objects in the published answers of a setting."""
    path = ANSWERS / setting / "cot_stage_1_outputs.json"
    if not path.is_file():
        pytest.skip(f"no published answers at {path}")
    clips = json.loads(path.read_text(encoding="utf-8"))
    return [name for answer in clips.values() for name in ast.literal_eval(answer)]


def test_avsbench_has_seventy_names_in_order() -> None:
    assert len(AVSBENCH) == len(set(AVSBENCH)) == 70
    assert list(AVSBENCH) == sorted(AVSBENCH)
    assert [AVSBENCH.index(name) + 1 for name in ("accordion", "bus", "duck", "guzheng", "lion", "saw", "train", "woman")] == [
        1, 10, 20, 30, 40, 50, 60, 70,
    ]  # fmt: skip


def test_audioset_has_527_names_and_a_list_is_taken_as_it_is() -> None:
    assert load_vocabulary("audioset") == tuple(audioset.load_class_names().values())
    assert len(load_vocabulary("audioset")) == 527
    assert load_vocabulary(["dog", "cup"]) == ("dog", "cup")


@pytest.mark.parametrize(
    ("setting", "instances", "outside", "distinct"),
    [("s4", 740, 0, 0), ("ms3", 101, 0, 0), ("avss", 1931, 39, 18), ("v2_binary", 993, 25, 15)],
)
def test_published_answers_are_in_the_vocabulary_but_for_those_counted(
    setting: str, instances: int, outside: int, distinct: int
) -> None:
    names = answered(setting)
    strange = [name for name in names if name not in AVSBENCH]
    assert (len(names), len(strange), len(set(strange))) == (instances, outside, distinct)
    assert all(find_nearest_word(name, AVSBENCH) == name for name in names if name in AVSBENCH)


MAPPED = {
    "French horn": "trumpet", "banjo": "guitar", "chainsaw": "saw", "goat": "sheep", "mandolin": "guitar", "tambourine": "drum",
    "vehicle": "car", "xylophone": "marimba", "zither": "guzheng",
}  # fmt: skip


@pytest.mark.parametrize("setting", ["avss", "v2_binary"])
def test_names_outside_the_vocabulary_map_to_a_near_kind_or_to_none(setting: str) -> None:
    for name in set(answered(setting)) - set(AVSBENCH):
        assert find_nearest_word(name, AVSBENCH) == MAPPED.get(name), name


@pytest.mark.parametrize(
    ("name", "word"),
    [("Dog", "dog"), ("dogs", "dog"), ("emergency car", "emergency-car"), ("Vacuum_Cleaner", "vacuum-cleaner"), ("bus", "bus"),
     ("Bark", "dog"), ("Male speech, man speaking", "man"), ("Police car (siren)", "emergency-car"),
     ("Computer keyboard", "keyboard"), ("Rain", None), ("qwertz", None), ("", None)],
)  # fmt: skip
def test_a_name_finds_its_word(name: str, word: str | None) -> None:
    assert find_nearest_word(name, AVSBENCH) == word


def test_every_sound_of_audioset_has_an_object_or_is_said_to_have_none() -> None:
    sounds = load_vocabulary("audioset")
    things = {sound: find_sound_source(sound) for sound in sounds}
    assert all(thing is None or (thing == thing.lower() and get_object_category(thing)) for thing in things.values())
    for sound in ("Rain", "wind", "Music", "Inside, small room", "Silence", "Explosion"):
        assert find_sound_source(sound) is None
    for sound, thing in (("Bark", "dog"), ("Speech", "person"), ("Acoustic guitar", "acoustic guitar"), ("meow", "cat")):
        assert find_sound_source(sound) == thing
    assert find_sound_source("a rusty gate") == "a rusty gate"


def test_general_objects_are_told_from_particular_ones() -> None:
    generic = ("animal", "musical instrument", "person")
    assert [thing for thing in (*generic, "dog", "piano", "man", "bell") if is_generic_object(thing)] == list(generic)
    assert (get_object_category("dog"), get_object_category("piano"), get_object_category("qwertz")) == (
        "animal",
        "instrument",
        "",
    )


def test_spans_of_several_are_joined() -> None:
    assert merge_spans([((0.0, 1.0), (3.0, 4.0)), ((0.5, 2.0),), ()]) == ((0.0, 2.0), (3.0, 4.0))
    assert merge_spans([((0.0, 1.0),), None]) is None
    assert merge_spans([]) == ()
