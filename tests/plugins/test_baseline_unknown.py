"""Words that the embedded components cannot understand: what is said about them, and that nothing is shown for them."""

from __future__ import annotations

import pytest

from alref import Pipeline, Reference
from alref.testing import make_moving_square
from alref_baseline.grammar import parse_description
from alref_baseline.unknown_words import explain_unknown, guess_language, suggest_nouns


@pytest.mark.parametrize(
    ("typo", "meant"),
    [("dgo", "dog"), ("womna", "woman"), ("motorcicle", "motorcycle"), ("socer bal", "soccer ball"), ("elepant", "elephant")],
)
def test_a_typo_gets_the_noun_that_was_meant(typo: str, meant: str) -> None:
    assert repr(meant) in suggest_nouns(typo)
    assert repr(meant) in explain_unknown(parse_description(f"the {typo}"))


def test_what_resembles_nothing_gets_no_suggestion() -> None:
    assert suggest_nouns("xqzzv") == ""


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("el perro", "Spanish"),
        ("der Hund", "German"),
        ("l'oiseau", "French"),
        ("il cane", "Italian"),
        ("um cachorro", "Portuguese"),
        ("het paard", "Dutch"),
        ("красная чашка", "script"),
        ("红色的杯子", "script"),
    ],
)
def test_other_languages_are_recognized(text: str, language: str) -> None:
    assert language in guess_language(text)
    assert "--reasoner" in explain_unknown(parse_description(text))


@pytest.mark.parametrize(
    "text",
    ["the dog", "dog", "a die on the table", "ten cups", "the piñata", "as the dog runs", "the den of the fox", "red car"],
)
def test_english_is_read(text: str) -> None:
    assert guess_language(text) == ""


@pytest.mark.parametrize("text", ["the dog's head", "the head of the dog", "the dog's tail"])
def test_a_part_is_answered_with_its_owner(text: str) -> None:
    assert "'the dog'" in explain_unknown(parse_description(text))


@pytest.mark.parametrize("text", ["the hand", "the skateboard", "the thing", "hand on the table"])
def test_a_noun_without_class_needs_more_words(text: str) -> None:
    assert explain_unknown(parse_description(text))


@pytest.mark.parametrize(
    "text", ["the dog", "the red hand", "the moving object", "the one on the left", "the giraffe", "the red one"]
)
def test_what_can_be_looked_for_is_not_explained_away(text: str) -> None:
    assert explain_unknown(parse_description(text)) == ""


@pytest.mark.parametrize("text", ["the dgo", "el perro", "the dog's head", "the skateboard"])
def test_unknown_words_are_ambiguous_and_show_nothing(text: str) -> None:
    video, _ = make_moving_square()
    with Pipeline() as pipeline:
        result = pipeline.run(video, [Reference(id="1", text=text)])
    (verdict,) = result.verdicts
    assert verdict.finding == "ambiguous"
    assert verdict.why == explain_unknown(parse_description(text))
    assert not result.masks().any()
    assert any(verdict.why in warning for warning in result.warnings)
