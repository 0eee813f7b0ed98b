"""The language half of the embedded components: grammar, and the unifiers that read text."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alref.errors import InputError
from alref.records import Reference
from alref.testing import UnifierContract, make_moving_square
from alref_baseline import attributes
from alref_baseline.grammar import ObjectDescription, parse_description, parse_descriptions
from alref_baseline.text import GrammarUnifier, VerbatimUnifier

FIELDS = ("colors", "part_colors", "size", "positions", "rank", "motions", "superlatives", "is_plural", "count", "unused")


def told(words: ObjectDescription) -> dict[str, Any]:
    """Return what a description says beside its noun, relations as (relation, noun of the other)."""
    facts = {name: getattr(words, name) for name in FIELDS if getattr(words, name)}
    related = tuple((how, other.noun) for how, other in words.relations)
    return facts | ({"relations": related} if related else {})


EXPRESSIONS: list[tuple[str, str, dict[str, Any]]] = [
    # a noun, plain or compound
    ("a toy frog", "toy frog", {}),
    ("the dog", "dog", {}),
    ("CAR!!!", "car", {}),
    ("the frying pan", "frying pan", {}),
    ("a hot dog", "hot dog", {}),
    ("two pairs of scissors", "scissors", {}),
    ("a group of people dancing", "person", {"motions": ("moving",), "is_plural": True}),
    ("one of the cows", "cow", {"is_plural": True}),
    ("the men", "man", {"is_plural": True}),
    ("this dog", "dog", {}),
    ("three geese", "goose", {"is_plural": True, "count": 3}),
    ("the sunglasses", "sunglasses", {}),
    ("please segment the kettle", "kettle", {}),
    ("where is the kettle?", "kettle", {}),
    # colors
    ("The black swan.", "swan", {"colors": ("black",)}),
    ("a grey coloured cat", "cat", {"colors": ("gray",)}),
    ("a gray colored cat", "cat", {"colors": ("gray",)}),
    ("the dark blue van", "van", {"colors": ("blue",)}),
    ("a navy jacket", "jacket", {"colors": ("blue",)}),
    ("the golden bell", "bell", {"colors": ("yellow",)}),
    ("a black and white cow", "cow", {"colors": ("black", "white")}),
    ("an orange and white kitten", "kitten", {"colors": ("orange", "white")}),
    ("the orange", "orange", {}),
    ("the cup that is blue", "cup", {"colors": ("blue",)}),
    ("the red one", "object", {"colors": ("red",)}),
    # colors of parts and clothes
    ("a man in the white shirt", "man", {"part_colors": ("white",)}),
    ("a boy in red", "boy", {"part_colors": ("red",)}),
    ("the dog with the red collar", "dog", {"part_colors": ("red",)}),
    ("the girl whose dress is pink", "girl", {"part_colors": ("pink",)}),
    ("a lady wearing a green hat and blue jeans", "lady", {"part_colors": ("green", "blue")}),
    ("a lady in a red top", "lady", {"part_colors": ("red",)}),
    ("the black truck with yellow stripes", "truck", {"colors": ("black",), "part_colors": ("yellow",)}),
    ("the dog beside the man in the red coat", "dog", {"relations": (("near", "man"),)}),
    ("the white-faced sheep", "sheep", {"part_colors": ("white",)}),
    # sizes and superlatives
    ("a tiny bird", "bird", {"size": "small"}),
    ("the larger of the two dogs", "dog", {"size": "big", "is_plural": True, "count": 2}),
    ("the baby elephant", "elephant", {"size": "small"}),
    ("the baby", "baby", {}),
    ("the biggest elephant", "elephant", {"superlatives": ("biggest",)}),
    ("the person closest to the camera", "person", {"superlatives": ("closest",)}),
    ("the car in the background", "car", {"superlatives": ("farthest",)}),
    ("the leftmost cup", "cup", {"superlatives": ("leftmost",)}),
    # places and ranks
    ("the left cup", "cup", {"positions": ("left",)}),
    ("the red cup on the right", "cup", {"colors": ("red",), "positions": ("right",)}),
    ("the cow on the left hand side of the picture", "cow", {"positions": ("left",)}),
    ("the fish at the top left corner", "fish", {"positions": ("top", "left")}),
    ("the guy in the middle", "guy", {"positions": ("middle",)}),
    ("a cow to the right of another cow", "cow", {"positions": ("right",)}),
    ("the second cup from the left", "cup", {"rank": (2, "left")}),
    ("3rd car from the right", "car", {"rank": (3, "right")}),
    ("the bottle which is second from the left", "bottle", {"rank": (2, "left")}),
    ("the first dog", "dog", {"rank": (1, "left")}),
    ("the last person", "person", {"rank": (1, "right")}),
    ("the second largest bear", "bear", {"rank": (2, "big")}),
    # motion
    ("a bird that moves closer to the camera", "bird", {"motions": ("moving", "closer")}),
    ("car driving away from the camera", "car", {"motions": ("moving", "away")}),
    ("a person walking to the left", "person", {"motions": ("moving", "left")}),
    ("white van turning right", "van", {"colors": ("white",), "motions": ("moving", "right")}),
    ("the duck swimming from right to left", "duck", {"motions": ("moving", "left")}),
    ("the truck coming from the left", "truck", {"motions": ("moving", "right")}),
    ("the man running on the left", "man", {"motions": ("moving",), "positions": ("left",)}),
    ("the elevator going down", "elevator", {"motions": ("moving", "down")}),
    ("a balloon rising", "balloon", {"motions": ("moving", "up")}),
    ("a person paramotoring", "person", {"motions": ("moving",)}),
    ("the moving train", "train", {"motions": ("moving",)}),
    ("the parked car", "car", {"motions": ("still",)}),
    ("the boy standing still", "boy", {"motions": ("still",)}),
    ("the lizard that isn't moving", "lizard", {"motions": ("still",)}),
    ("the candle burning", "candle", {"motions": ("changing",)}),
    ("a mug being filled with coffee", "mug", {"motions": ("changing",), "relations": (("with", "coffee"),)}),
    ("a mug filled with coffee", "mug", {"relations": (("with", "coffee"),)}),
    ("the dogs run", "dog", {"motions": ("moving",), "is_plural": True}),
    ("the first car to arrive", "car", {"motions": ("moving",), "rank": (1, "left")}),
    ("the first bottle to be filled", "bottle", {"motions": ("changing",), "rank": (1, "left")}),
    ("the car stops", "car", {"motions": ("still",)}),
    ("who is running", "object", {"motions": ("moving",)}),
    # relations
    ("the dog next to the bench", "dog", {"relations": (("near", "bench"),)}),
    ("the cat on the table", "cat", {"relations": (("on", "table"),)}),
    ("a woman behind the man", "woman", {"relations": (("behind", "man"),)}),
    ("the bottle to the left of the plate", "bottle", {"relations": (("left", "plate"),)}),
    ("the bus between the two trucks", "bus", {"relations": (("between", "truck"),)}),
    ("a man holding a cup and a phone", "man", {"relations": (("with", "cup"), ("with", "phone"))}),
    ("a man playing guitar", "man", {"motions": ("moving",), "relations": (("with", "guitar"),)}),
    ("the ball that the dog is chasing", "ball", {"motions": ("moving",), "relations": (("with", "dog"),)}),
    ("the farmer's dog", "dog", {"relations": (("with", "farmer"),)}),
    ("a cup of coffee", "cup", {"relations": (("with", "coffee"),)}),
    (
        "a person in a red jacket riding a bike",
        "person",
        {"part_colors": ("red",), "motions": ("moving",), "relations": (("on", "bike"),)},
    ),
    # what cannot be used is said
    ("an old man", "man", {"unused": ("old",)}),
    ("the man without a hat", "man", {"unused": ("without", "hat")}),
    ("the cow facing left", "cow", {"unused": ("facing",)}),
    ("un perro negro corriendo", "corriendo", {"unused": ("un", "perro", "negro")}),
    ("红色的杯子", "红色的杯子", {}),
    ("", "object", {}),
    ("?!", "object", {}),
    ("the", "the", {}),
]


@pytest.mark.parametrize(("text", "noun", "facts"), EXPRESSIONS, ids=[text for text, _, _ in EXPRESSIONS])
def test_an_expression_is_read(text: str, noun: str, facts: dict[str, Any]) -> None:
    words = parse_description(text)
    assert words.noun == noun
    assert told(words) == facts


def test_the_other_thing_of_a_relation_is_described_too() -> None:
    ((how, other),) = parse_description("the white dog chasing the small black cat").relations
    assert (how, other.noun, other.colors, other.size) == ("with", "cat", ("black",), "small")


def test_superlatives_and_ranks_are_places_in_a_row() -> None:
    assert parse_description("the leftmost cup").ranks == ((1, "left"),)
    assert parse_description("the second cup from the top").ranks == ((2, "top"),)
    assert parse_description("the third biggest cup").ranks == ((3, "big"),)
    assert parse_description("the cup").ranks == ()


SEVERAL: list[tuple[str, list[str]]] = [
    ("the dog and the cat", ["the dog", "the cat"]),
    ("a dog, a cat and two birds", ["a dog", "a cat", "two birds"]),
    ("the man & his dog", ["the man", "his dog"]),
    ("a red car as well as a blue car", ["a red car", "a blue car"]),
    ("man and woman", ["man", "woman"]),
    ("the man on the left and the woman on the right", ["the man on the left", "the woman on the right"]),
    ("the boy in the red shirt and the girl in the blue dress", ["the boy in the red shirt", "the girl in the blue dress"]),
    ("the black and white dog", ["the black and white dog"]),
    ("a man holding a cup and a phone", ["a man holding a cup and a phone"]),
    ("the man wearing a hat and riding a bike", ["the man wearing a hat and riding a bike"]),
    ("the red, white and blue balloon", ["the red, white and blue balloon"]),
    ("a kangaroo hopping away and then turning back", ["a kangaroo hopping away and then turning back"]),
]


@pytest.mark.parametrize(("text", "objects"), SEVERAL, ids=[text for text, _ in SEVERAL])
def test_objects_named_side_by_side_are_told_apart(text: str, objects: list[str]) -> None:
    assert [words.text for words in parse_descriptions(text)] == objects


def test_an_object_of_several_reads_as_it_does_alone() -> None:
    for words in parse_descriptions("the second red cup from the left, a dog running away and the man's hat"):
        assert parse_description(words.text) == words


@given(st.text(max_size=300))
def test_any_text_is_read(text: str) -> None:
    for words in parse_descriptions(text):
        assert words.noun.strip()


_VOCABULARY = (
    "the a his two and , of with in on to left right from second last red white small moving walking holding stands not that"
    " who is dog dogs cup person shirt hat one group man's top front behind next between without filled taking up down closer"
    " away camera"
)


@given(st.lists(st.sampled_from(_VOCABULARY.split()), max_size=25))
def test_any_row_of_known_words_is_read(words: list[str]) -> None:
    for read in parse_descriptions(" ".join(words)):
        assert read.noun
        assert set(read.colors) | set(read.part_colors) <= set(attributes.COLORS)
        assert set(read.positions) <= {"left", "right", "top", "bottom", "middle"}


def test_two_thousand_characters_are_read() -> None:
    assert len(parse_descriptions("the dog and " * 166 + "the cat")) == 167
    assert parse_description("x" * 2000).noun == "x" * 2000


class TestGrammar(UnifierContract):
    def make_component(self) -> GrammarUnifier:
        return GrammarUnifier(GrammarUnifier.Options())

    def unify(self, **fields: Any) -> list[Any]:
        return self.make_component().unify(make_moving_square()[0], Reference(id="7", **fields))

    def test_each_object_is_a_phrase_with_its_words_and_noun(self) -> None:
        phrases = self.unify(text="The small dog and a red car")
        assert [(phrase.reference, phrase.text, phrase.category) for phrase in phrases] == [
            ("7", "The small dog", "dog"),
            ("7", "a red car", "car"),
        ]
        assert all(phrase.warnings == () for phrase in phrases)

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("the old dog", "old"),
            ("the skateboard", "'skateboard'"),
            ("two dogs", "plural"),
            ("the dog on the lawn", "'on lawn' was not used"),
        ],
    )
    def test_what_is_not_understood_is_said(self, text: str, said: str) -> None:
        ((warning,),) = (phrase.warnings for phrase in self.unify(text=text))
        assert said in warning

    def test_loud_is_a_word_that_can_be_used_where_there_is_sound(self) -> None:
        assert self.unify(text="the loudest dog", sound=True)[0].warnings == ()
        assert "loudest" in self.unify(text="the loudest dog")[0].warnings[0]
        assert "motion and sound can be used" in self.unify(text="the louder one", sound=True)[0].warnings[0]

    def test_a_text_without_a_word_is_refused(self) -> None:
        with pytest.raises(InputError, match=r"'7'.*'1234 !'"):
            self.unify(text="1234 !")


class TestVerbatim(UnifierContract):
    def make_component(self) -> VerbatimUnifier:
        return VerbatimUnifier(VerbatimUnifier.Options())

    def test_takes_a_whole_sentence_as_one_object(self) -> None:
        reference = Reference(id="7", text=" the dog and the cat, then nothing ")
        (phrase,) = self.make_component().unify(make_moving_square()[0], reference)
        assert (phrase.text, phrase.category, phrase.warnings) == ("the dog and the cat, then nothing", "", ())

    @pytest.mark.parametrize(
        ("text", "noun"),
        [
            ("the two men who swap places", "man"),
            ("the car overtaking the truck", "car"),
            ("the dog and the cat", ""),
            ("moving to the right, then stops", ""),
            ("le chien rouge", ""),
        ],
    )
    def test_a_noun_is_given_where_the_words_name_one_kind_of_object(self, text: str, noun: str) -> None:
        (phrase,) = self.make_component().unify(make_moving_square()[0], Reference(id="7", text=text))
        assert (phrase.text, phrase.category, phrase.noun) == (text, "", noun)
