"""What models say in their own words: a number is read where the answer chooses it, and nowhere else."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alref.llm.parsing import ParsedChoice, parse_choice, parse_labels

COUNT = 9
ROOT = Path(__file__).parents[1]
TABLE = Path(__file__).parent / "data" / "answers.tsv"


def load_phrasings() -> list[tuple[str, str, str]]:
    """Return (noun, meaning, answer) of each line of the table."""
    lines = [line.split("\t") for line in TABLE.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    return [
        (noun, meaning, text.replace(r"\\", "\0").replace(r"\n", "\n").replace("\0", "\\")) for noun, meaning, text in lines
    ]


PHRASINGS = load_phrasings()


def describe(reading: ParsedChoice) -> str:
    return {"found": str(reading.number), "unreadable": "?"}.get(reading.kind, reading.kind)


@pytest.mark.parametrize(("noun", "meaning", "text"), PHRASINGS)
def test_a_phrasing_is_read_as_it_is_meant(noun: str, meaning: str, text: str) -> None:
    found = describe(parse_choice(text, COUNT, noun))
    allowed = (meaning[0], "?") if re.fullmatch(r"\d\?", meaning) else (meaning,)
    assert found in allowed


def test_the_table_is_large_and_nearly_all_of_it_is_read() -> None:
    assert len({text for _, _, text in PHRASINGS}) >= 900
    chosen = [(noun, meaning, text) for noun, meaning, text in PHRASINGS if meaning[0].isdigit()]
    read = [text for noun, meaning, text in chosen if describe(parse_choice(text, COUNT, noun)) == meaning[0]]
    assert len(read) / len(chosen) > 0.97


NUMBER = re.compile(r"(?<![\d.:/\w])\d(?![\d.:/%\w])")
SWAPPABLE = [
    (noun, meaning, text)
    for noun, meaning, text in PHRASINGS
    if meaning in NUMBER.findall(text) and len(NUMBER.findall(text)) == len(re.findall(r"\d", text))
    if not re.search(r"\n1\.|-\d|third|three|second (?:box|frame)", text, re.IGNORECASE)
]
"""Rows in which every digit is a number of its own."""


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(SWAPPABLE), st.permutations(range(1, COUNT + 1)))
def test_other_numbers_in_a_phrasing_give_the_other_choice(row: tuple[str, str, str], order: list[int]) -> None:
    noun, meaning, text = row
    swapped = NUMBER.sub(lambda found: str([0, *order][int(found[0])]), text)
    assert describe(parse_choice(swapped, COUNT, noun)) == str(order[int(meaning) - 1])


CHOICES = (
    "I choose frame {n}",
    "My answer is {n}",
    "The best frame is frame {n}",
    "Answer: {n}",
    "frame {n} shows it best",
    "I'd go with frame {n}",
)
REJECTIONS = (
    "Frame {n} is blurred",
    "I would not choose frame {n}",
    "Frame {n} is too dark",
    "The best frame is not {n}",
    "Frame {n} does not show it",
    "It is hidden in frame {n}",
    "I rule out frame {n}",
    "Frame {n} would be the second best",
    "Frame {n} is worse",
    "Confidence: {n}",
    "It appears {n} times",
    "There are {n} dogs",
    "It takes {n} seconds",
)


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(CHOICES),
    st.lists(st.tuples(st.sampled_from(REJECTIONS), st.integers(1, COUNT)), max_size=4),
    st.integers(1, COUNT),
    st.integers(0, 4),
    st.sampled_from([". ", ".\n", "; ", ".\n\n"]),
)
def test_a_choice_among_rejections_and_distractors_is_read_or_asked_again(
    choice: str, rejected: list[tuple[str, int]], number: int, place: int, separator: str
) -> None:
    others = [form.format(n=other) for form, other in rejected if other != number]
    text = separator.join([*others[:place], choice.format(n=number), *others[place:]])
    assert describe(parse_choice(text, COUNT)) in (str(number), "?")
    assert describe(parse_choice(choice.format(n=number), COUNT)) == str(number)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(REJECTIONS), st.integers(1, COUNT)), min_size=1, max_size=4))
def test_rejections_and_distractors_alone_choose_nothing(rejected: list[tuple[str, int]]) -> None:
    assert parse_choice(". ".join(form.format(n=number) for form, number in rejected), COUNT).number is None


@pytest.mark.parametrize(
    ("text", "frames"),
    [
        ("dog: 3\nConfidence: 9", {"dog": 3}),
        ("**dog**: 3\n**Confidence**: 9", {"dog": 3}),
        ("dog: 3 (90%)\ncat: 1 (80%)", {"dog": 3, "cat": 1}),
        ("At 0:05 it barks.\ndog: 3", {"dog": 3}),
        ("dog: frame 3, score: 9", {"dog": 3}),
        ('{"dog": 3, "confidence": 9}', {"dog": 3}),
        ('{"dog": 3, "why": "frame 2 is blurred"}', {"dog": 3}),
        ('{"dog": "frame 3"}', {"dog": 3}),
        ('{"objects": [{"name": "dog", "best_frame": 3, "score": 9}]}', {"dog": 3}),
        ("{'dog': 3, // best\n}", {"dog": 3}),
        ("dog: ٣", {"dog": 3}),
        ("`dog`: 3", {"dog": 3}),
        ("| Object | Frame |\n|---|---|\n| dog | 3 |\n| cat | 1 |", {"dog": 3, "cat": 1}),
        ('["dog": 3]\n\nExplanation: frame 2: blurred', {"dog": 3}),
        ("The video has a length: 9 s\ndog: 3", {"dog": 3}),
        ("{'dog': {'frame': 3}}", {"dog": 3}),
        ("Answer: dog: 3", {"dog": 3}),
    ],
)
def test_only_objects_are_labels(text: str, frames: dict[str, int]) -> None:
    assert parse_labels(text, COUNT).frames == frames


@pytest.mark.parametrize(
    "text",
    [
        "dog: 3 or 4",
        "dog: 3, 4",
        "dog: 3-5",
        "dog: not frame 2",
        "Frame: 3",
        '{"frame": 3}',
        '{"confidence": 9}',
        "Confidence: 9",
    ],
)
def test_labels_without_one_frame_for_an_object_are_asked_again(text: str) -> None:
    assert parse_labels(text, COUNT).kind == "unreadable"


def test_changed_answers_give_no_error_and_no_number_out_of_range() -> None:
    kinds, faults, _ = runpy.run_path(str(ROOT / "bench/fuzz_answers.py"))["fuzz"](300, seed=1)
    assert not faults
    assert kinds["choice found"] > 20
    assert kinds["choice unreadable"] > 20


@pytest.mark.parametrize("said", ['{"why": "\\ud800", "frame": 2}', '{"frame": "\\udfff 2 or 3"}', "\ud800 frame"])
def test_what_is_read_from_an_answer_can_be_stored(said: str) -> None:
    reading = parse_choice(said, COUNT)
    (reading.why + reading.problem).encode()
