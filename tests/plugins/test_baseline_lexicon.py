"""The words that the embedded components know: their forms, and the picture classes that show them."""

from __future__ import annotations

import pytest

from alref_baseline import lexicon
from alref_baseline.inflection import is_plural, list_verb_forms, make_singular
from alref_baseline.lexicon import is_listed, load_class_names, look_up_noun


@pytest.mark.parametrize(
    ("many", "one"),
    [
        ("dogs", "dog"), ("boxes", "box"), ("buses", "bus"), ("cherries", "cherry"), ("knives", "knife"), ("women", "woman"),
        ("firemen", "fireman"), ("toy mice", "toy mouse"), ("horses", "horse"), ("shoes", "shoe"), ("watches", "watch"),
        ("bus", "bus"), ("glass", "glass"), ("scissors", "scissors"), ("sheep", "sheep"), ("octopus", "octopus"),
    ],
)  # fmt: skip
def test_plurals_are_turned_into_singulars(many: str, one: str) -> None:
    assert make_singular(many) == one
    assert is_plural(many) == (many != one)


@pytest.mark.parametrize(
    ("verb", "expected"),
    [("run", "running"), ("ride", "riding"), ("lie", "lying"), ("carry", "carries"), ("push", "pushes"), ("stop", "stopped")],
)
def test_verbs_are_inflected(verb: str, expected: str) -> None:
    assert expected in list_verb_forms(verb)


class TestLexicon:
    def test_class_names_stand_in_the_usual_order(self) -> None:
        names = load_class_names()
        known = {
            0: "tench",
            7: "cock",
            151: "Chihuahua",
            207: "golden retriever",
            281: "tabby",
            340: "zebra",
            504: "coffee mug",
        }
        known |= {100: "black swan", 671: "mountain bike", 805: "soccer ball", 817: "sports car", 954: "banana", 968: "cup"}
        assert len(names) == 1000
        assert {number: names[number].split(", ")[0] for number in known} == known
        assert names[999].startswith("toilet tissue")

    @pytest.mark.parametrize(
        ("noun", "first", "last"),
        [("dog", 151, 268), ("cat", 281, 285), ("snake", 52, 68), ("monkey", 370, 382), ("bear", 294, 297), ("wolf", 269, 271)],
    )
    def test_a_kind_of_animal_is_a_whole_range(self, noun: str, first: int, last: int) -> None:
        assert look_up_noun(noun).classes == tuple(range(first, last + 1))

    @pytest.mark.parametrize(
        ("noun", "words"),
        [
            ("bicycle", "mountain bike, bicycle-built-for-two, unicycle, tricycle"),
            ("cup", "cup, coffee mug, measuring cup, espresso"),
            ("sofa", "studio couch"),
            ("guitar", "acoustic guitar, electric guitar, banjo"),
            ("horse", "sorrel"),
            ("crane", "crane, crane"),
            ("fire truck", "fire engine"),
            ("traffic light", "traffic light"),
            ("laptop", "laptop, notebook"),
            ("sheep", "ram, bighorn"),
            ("umbrella", "umbrella"),
        ],
    )
    def test_a_noun_has_the_classes_that_show_it(self, noun: str, words: str) -> None:
        names = [load_class_names()[number].split(", ")[0] for number in look_up_noun(noun).classes]
        assert sorted(names) == sorted(words.split(", "))

    def test_every_animal_has_animal_classes_only(self) -> None:
        for synonyms in lexicon.read_lexicon("animals"):
            outside = [number for number in look_up_noun(synonyms.split(", ")[0]).classes if number >= 398]
            assert [load_class_names()[number] for number in outside] == (
                ["coral reef"] if synonyms.startswith("coral") else []
            )

    def test_no_thing_has_the_class_of_an_animal(self) -> None:
        for group in ("vehicles", "household", "devices", "food", "wear", "leisure"):
            for synonyms in lexicon.read_lexicon(group):
                classes = look_up_noun(synonyms.split(", ")[0].rstrip("*")).classes
                assert all(number >= 398 for number in classes) or synonyms.startswith("mouse*"), synonyms

    def test_every_line_resolves_and_no_noun_stands_twice(self) -> None:
        nouns = [
            noun.rstrip("*") for group in lexicon.GROUPS for line in lexicon.read_lexicon(group) for noun in line.split(", ")
        ]
        assert sorted(set(nouns)) == sorted(nouns)
        assert len(nouns) > 1500
        assert all(look_up_noun(noun).found_by == "lexicon" for noun in nouns)

    def test_clothes_and_sports_gear_stand_in_for_people(self) -> None:
        entry = look_up_noun("woman")
        names = {load_class_names()[number].split(", ")[0] for number in entry.classes}
        assert entry.is_person
        assert {"jersey", "jean", "suit", "cowboy hat", "crash helmet", "swimming trunks", "ballplayer", "scuba diver"} <= names
        assert look_up_noun("motorcyclist").is_person
        assert not look_up_noun("motorcycle").is_person

    def test_small_things_held_in_a_hand_are_compact(self) -> None:
        assert all(look_up_noun(noun).is_handheld for noun in ("ball", "cup", "mug", "apple", "phone", "tennis balls"))
        assert not any(look_up_noun(noun).is_handheld for noun in ("dog", "car", "person", "table"))

    @pytest.mark.parametrize(
        ("noun", "like"),
        [
            ("toy frog", "frog"),
            ("rescue dogs", "dog"),
            ("table leg", "table"),
            ("robot hand", "robot"),
            ("water bottles", "water bottle"),
        ],
    )
    def test_a_compound_is_found_by_its_head_and_then_by_its_modifier(self, noun: str, like: str) -> None:
        assert look_up_noun(noun).classes == look_up_noun(like).classes != ()

    def test_a_compound_of_its_own_is_not_its_head(self) -> None:
        assert set(look_up_noun("fire truck").classes) < set(look_up_noun("truck").classes)
        assert look_up_noun("baseball bat").classes == ()

    def test_class_names_help_where_the_lexicon_ends(self) -> None:
        assert not is_listed("tiger shark")
        assert look_up_noun("tiger sharks").classes == (3,)
        assert look_up_noun("tiger shark").found_by == "class name"
        assert {load_class_names()[number] for number in look_up_noun("lens cap").classes} == {"lens cap, lens cover"}

    @pytest.mark.parametrize("noun", ["skateboard", "gizmo", "hand", "", "zone 51"])
    def test_an_unknown_noun_has_no_class(self, noun: str) -> None:
        assert look_up_noun(noun).classes == ()

    def test_a_word_inside_a_class_name_is_no_match(self) -> None:
        assert look_up_noun("alaskan").classes == ()
