"""Answers about tracks are read in the forms that models use, and never guessed."""

from __future__ import annotations

import pytest

from alref.llm.parsing import ONLY_THOUGHTS
from alref.llm.track_parsing import (
    FRAME_ANSWERS,
    TRACK_CHOICES,
    is_doubt,
    parse_concept,
    parse_description,
    parse_judgment,
    parse_ratings,
)


@pytest.mark.parametrize(
    ("noun", "expected"),
    [
        ("dog", "dog"),
        ("A Dog.", "dog"),
        (" the  fire truck ", "fire truck"),
        ("T-shirt", "t-shirt"),
        ("pomme d'api", "pomme d'api"),
    ],
)
def test_a_noun_is_written_plainly(noun: str, expected: str) -> None:
    parsed = parse_concept(f'{{"why": "", "noun": "{noun}", "broader": ""}}', is_shown=True)
    assert (parsed.kind, parsed.noun, parsed.reasoning) == ("found", expected, True)


@pytest.mark.parametrize("noun", ["the dog that runs left", "dog, cat", "<dog>", "7", "dog/cat"])
def test_what_is_no_noun_is_not_searched_for(noun: str) -> None:
    assert parse_concept(f'{{"noun": "{noun}"}}', is_shown=True).kind == "unreadable"
    assert parse_concept(f'{{"kind": "explicit", "noun": "{noun}"}}').kind == "unreadable"


@pytest.mark.parametrize("noun", ['"none"', '""', "null", '"Nothing"'])
def test_no_noun_is_an_answer_only_with_frames(noun: str) -> None:
    assert parse_concept(f'{{"noun": {noun}}}', is_shown=True).kind == "absent"
    assert parse_concept(f'{{"kind": "explicit", "noun": {noun}}}').kind == "unreadable"


@pytest.mark.parametrize(
    ("broader", "expected"), [("animal", "animal"), ("dog", ""), ("wolf", ""), ("big wild four-legged animal", ""), ("", "")]
)
def test_a_broader_noun_is_another_one_that_did_not_fail(broader: str, expected: str) -> None:
    parsed = parse_concept(f'{{"noun": "dog", "broader": "{broader}"}}', failed=["wolf"], is_shown=True)
    assert (parsed.noun, parsed.broader) == ("dog", expected)


def test_thoughts_alone_are_no_answer() -> None:
    thoughts = "<think>number 1 is it</think>"
    readings = [parse_concept(thoughts), parse_ratings(thoughts, [1], TRACK_CHOICES), parse_judgment(thoughts, ["yes"])]
    assert [(each.kind, each.problem) for each in [*readings, parse_description(thoughts)]] == [
        ("unreadable", ONLY_THOUGHTS)
    ] * 4


@pytest.mark.parametrize(
    "text",
    [
        '{"why": "", "frames": [{"frame": 1, "answer": "yes", "why": ""}, {"frame": 2, "answer": "no", "why": "a cat"}]}',
        '{"frames": {"1": "Yes", "2": {"answer": "No.", "reason": "a cat"}}}',
        '{"frame 1": true, "frame_2": "no"}',
        '{"yes": [1], "no": ["2"]}',
    ],
)
def test_ratings_are_read_in_any_form_of_json(text: str) -> None:
    parsed = parse_ratings(text, [1, 2, 3], FRAME_ANSWERS)
    assert {number: word for number, (word, _) in parsed.ratings.items()} == {1: "yes", 2: "no"}
    assert parsed.kind == "found"


@pytest.mark.parametrize(
    "evidence", ["on frame 3 it turns to the right", "two dogs are seen, not three", "it is the cat that is chased"]
)
def test_a_fact_is_no_doubt(evidence: str) -> None:
    assert not is_doubt(evidence)


@pytest.mark.parametrize(
    "evidence", ["it is not clear that it turns", "It may stand still", "one cannot tell", "there is no evidence of a turn"]
)
def test_a_doubt_is_no_fact(evidence: str) -> None:
    assert is_doubt(evidence)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"description": "white fur"}', "white fur"),
        ("white fur, black ears", "white fur, black ears"),
        ('{"x": 1}', ""),
        ("", ""),
    ],
)
def test_a_description_is_its_text(text: str, expected: str) -> None:
    parsed = parse_description(text)
    assert (parsed.evidence, parsed.kind == "found") == (expected, bool(expected))
