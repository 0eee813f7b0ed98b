"""Answers of language models are read in every form that models give them, and nothing else is taken for an answer."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alref.llm.number_text import NUMBER_WORDS, ORDINAL_WORDS, WORD_VALUES
from alref.llm.parsing import ParsedChoice, parse_choice, parse_labels

FORMS = (
    "{n}",
    " {n}\n",
    "{n}.",
    "({n})",
    "#{n}",
    "[{n}]",
    '["{n}"]',
    "[frame {n}]",
    "frame {n}",
    "Frame: {n}",
    "Frame #{n}",
    "**{n}**",
    "**Frame {n}**",
    "Answer: {n}",
    "The answer is {n}.",
    "I choose {n} because it is sharp.",
    "The best frame is {n} because the others are blurred.",
    "The best of all 400 is [{n}].",
    "In frame 1 it stands, in frame 2 it jumps.\n\n[{n}]",
    "[1] is blurred, and so is [2]. [{n}]",
    '{{"frame": {n}}}',
    '{{"frame": "{n}"}}',
    '{{"frame": {n}.0}}',
    '{{"frame": [{n}]}}',
    '{{"frame": "frame {n}"}}',
    '{{"Frame": {n}, "why": "in frame 1 it is hidden"}}',
    '{{"analysis": "frame 1 is dark", "chosen": {n}}}',
    '[{{"frame": {n}}}]',
    "{{'frame': {n}}}",
    '```json\n{{"why": "it jumps", "frame": {n}}}\n```',
    "```\n[{n}]\n```",
    'Here it is:\n```json\n{{\n  "frame": {n}\n}}\n```\nI hope this helps.',
    'Sure. {{"finding": "found", "frame": {n}}} Anything else?',
    "\\boxed{{{n}}}",
    "<answer>{n}</answer>",
    "<think>frame 1? no, [2] is better</think>\n\nframe {n}",
    '{{"why": "a brace }} in frame 1", "frame": {n}}}',
    '{{"why": "frame 1 is dark", "frame": {n},}}',
    '{{"why": "frame 1 is dark", "finding": "found", "frame": {n}',
)
WORDED = (
    "{w}",
    "{w}.",
    "**{w}**",
    "[{w}]",
    "frame {w}",
    "Frame {w}.",
    "The answer is {w}.",
    "I choose frame {w}.",
    '{{"frame": "{w}"}}',
)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("number", [1, 2, 7, 10])
def test_a_number_is_read_in_every_form(form: str, number: int) -> None:
    reading = parse_choice(form.format(n=number), 10)
    assert (reading.kind, reading.number, reading.problem) == ("found", number, "")


@pytest.mark.parametrize("form", FORMS)
def test_a_number_outside_the_range_is_unreadable_and_says_so(form: str) -> None:
    reading = parse_choice(form.format(n=11), 10)
    assert (reading.kind, reading.number) == ("unreadable", None)
    assert re.search(r"\b11\b.*\b1 to 10\b", reading.problem)


@pytest.mark.parametrize("form", WORDED)
@pytest.mark.parametrize("number", range(1, 11))
def test_a_number_in_words_is_read(form: str, number: int) -> None:
    assert parse_choice(form.format(w=NUMBER_WORDS[number - 1]), 10).number == number


@pytest.mark.parametrize("number", range(1, 11))
def test_an_ordinal_is_read(number: int) -> None:
    assert parse_choice(f"It is the {ORDINAL_WORDS[number - 1]} frame.", 10).number == number


@pytest.mark.parametrize(
    "text",
    [
        "[-1]",
        "-1",
        "Answer: -1",
        "[]",
        "[none]",
        "none",
        "None of the boxes match.",
        "There is no such object.",
        "The dog is not visible in any of them.",
        "It does not appear.",
        '{"frame": null}',
        '{"frame": -1}',
        '{"finding": "absent", "frame": null, "why": "there is no dog"}',
        '{"finding": "absent", "frame": 3}',
        '{"finding": "Not found", "frame": 3}',
        "{'finding': 'absent', 'frame': None}",
    ],
)
def test_absent_is_an_answer(text: str) -> None:
    assert (parse_choice(text, 5).kind, parse_choice(text, 5).number) == ("absent", None)


def test_ambiguous_is_an_answer_and_keeps_the_likeliest_number_in_range() -> None:
    text = '{{"why": "two dogs jump", "finding": "ambiguous", "frame": {}}}'
    assert parse_choice(text.format(2), 5) == ParsedChoice("ambiguous", 2, "two dogs jump")
    assert parse_choice(text.format("null"), 5) == ParsedChoice("ambiguous", None, "two dogs jump")
    assert parse_choice(text.format(6), 5) == ParsedChoice("ambiguous", None, "two dogs jump")
    assert parse_choice("This is ambiguous.", 5).kind == "ambiguous"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   \n",
        "Sorry, I cannot help with that.",
        "3.5",
        "[1, 2]",
        "frame 1 or frame 2",
        "Box 1 is wrong, so box 2",
        "It is not visible in frame 1.",
        "this one shows it",
        "The best is one that shows the dog.",
        "The dog jumps after 3 seconds of the video.",
        '{"frame": true}',
        '{"frame": 1e999}',
        '{"frame": NaN}',
        '{"frame": {}}',
        '{"finding": "found", "frame": null}',
        '{"why": "it jumps"}',
        '{"why": "frame 1 is sharp, but the dog',
        '```json\n{"why": "In frame 2 it',
        '{"why": "x", "frame": 2.5',
        '{"first": 1, "second": 2}',
        "0",
        "99999999999999999999",
        "9" * 6000,
        "[" * 5000,
        '{"a":' * 5000,
    ],
)
def test_what_is_no_answer_is_flagged_and_the_reason_given(text: str) -> None:
    reading = parse_choice(text, 5)
    assert (reading.kind, reading.number) == ("unreadable", None)
    assert reading.problem
    assert len(reading.problem) < 200


def test_the_key_asked_for_goes_before_others() -> None:
    assert parse_choice('{"frame": 2, "box": 1}', 5, "box").number == 1
    assert parse_choice('{"frame": 2, "box": 1}', 5, "frame").number == 2


def test_the_reason_is_the_models_own() -> None:
    assert parse_choice('{"why": " it jumps ", "frame": 2}', 5).why == "it jumps"
    assert parse_choice("The dog stands, then it jumps.\n\n[2]", 5).why == "The dog stands, then it jumps."
    assert parse_choice("[2]", 5).why == ""


def assert_sound(reading: ParsedChoice, count: int) -> None:
    """Check what every reading promises."""
    assert reading.number is None or 1 <= reading.number <= count
    assert (reading.kind == "found") <= (reading.number is not None)
    assert (reading.kind in ("absent", "unreadable")) <= (reading.number is None)
    assert (reading.kind == "unreadable") == bool(reading.problem)


PIECES = st.sampled_from(
    [
        *FORMS,
        *WORDED,
        "{{",
        "}}",
        "[",
        "]",
        "```",
        "**",
        "'",
        '"',
        ":",
        ",",
        "-1",
        "null",
        "none",
        "absent",
        "not",
        "visible",
        "\n",
    ]
)
NUMBER = st.integers(-3, 14)


@settings(max_examples=600, deadline=None)
@given(st.lists(st.tuples(PIECES, NUMBER, st.sampled_from(sorted(WORD_VALUES))), max_size=6), st.integers(1, 12))
def test_any_mixture_of_answers_is_read_or_flagged(parts: list[tuple[str, int, str]], count: int) -> None:
    text = " ".join(form.format(n=number, w=word) for form, number, word in parts)
    assert_sound(parse_choice(text, count), count)


@settings(max_examples=600, deadline=None)
@given(st.text(max_size=200), st.integers(1, 12))
def test_any_text_is_read_or_flagged(text: str, count: int) -> None:
    reading = parse_choice(text, count)
    assert_sound(reading, count)
    if not any(letter.isdigit() for letter in text) and not any(re.search(word, text, re.IGNORECASE) for word in WORD_VALUES):
        assert reading.kind != "found"


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(["3", "frame 2", "absent"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["frame", "box", "finding", "why", "objects", "name", "x"]) | st.text(max_size=5), inner
        )
    ),
    max_leaves=12,
)


@settings(max_examples=500, deadline=None)
@given(JSON, st.integers(1, 12), st.booleans(), st.sampled_from(["{}", "```json\n{}\n```", "Well: {} Bye."]))
def test_any_json_is_read_or_flagged(value: object, count: int, python: bool, around: str) -> None:
    text = around.replace("{}", repr(value) if python else json.dumps(value))
    assert_sound(parse_choice(text, count), count)
    labels = parse_labels(text, count)
    assert all(labels.frames)
    assert labels.kind != "found" or (labels.frames and all(frame and 1 <= frame <= count for frame in labels.frames.values()))
    assert labels.kind != "absent" or not labels.frames
    assert (labels.kind == "unreadable") == bool(labels.problem)


@settings(max_examples=300, deadline=None)
@given(st.integers(1, 30), st.data(), st.sampled_from(FORMS))
def test_a_number_in_range_is_never_lost(count: int, data: st.DataObject, form: str) -> None:
    number = data.draw(st.integers(1, count))
    assert parse_choice(form.format(n=number), count).number == number


@pytest.mark.parametrize(
    ("text", "frames"),
    [
        ("{'dog': 3}", {"dog": 3}),
        ("{'dog': 3, 'cat': 1}", {"dog": 3, "cat": 1}),
        ('["dog": 3]', {"dog": 3}),
        ('["dog": 3, "cat": 1]', {"dog": 3, "cat": 1}),
        ("['dog': 3], ['cat': 1]", {"dog": 3, "cat": 1}),
        ("[{'dog': 3}, {'cat': 1}]", {"dog": 3, "cat": 1}),
        ("dog: 3\ncat: frame 1", {"dog": 3, "cat": 1}),
        ("- dog -> 3\n- cat -> 1", {"dog": 3, "cat": 1}),
        ("{'dog, barking': '3'}", {"dog": 3}),
        ('{"why": "it barks", "objects": [{"name": "dog", "frame": 3}]}', {"dog": 3}),
        ('```json\n{"objects": [{"label": "dog", "frame": "3"}]}\n```', {"dog": 3}),
    ],
)
def test_labels_are_read_in_every_form(text: str, frames: dict[str, int]) -> None:
    assert (parse_labels(text, 5).kind, parse_labels(text, 5).frames) == ("found", frames)


@pytest.mark.parametrize("text", ["{}", "[]", '{"objects": []}', "None of these objects is visible."])
def test_no_label_at_all_is_absent(text: str) -> None:
    assert parse_labels(text, 5).kind == "absent"


@pytest.mark.parametrize(
    ("text", "frames"),
    [
        ("", {}),
        ("a dog", {}),
        ("[3]", {}),
        ("{'dog': 6}", {"dog": 6}),
        ("{'dog': 3, 'cat': 0}", {"dog": 3, "cat": 0}),
        ("{'dog': None}", {"dog": None}),
        ('{"objects": [{"name": "dog", "frame": 3}', {}),
        ('{"objects": "dog"}', {}),
    ],
)
def test_labels_that_cannot_be_used_are_flagged_with_their_names(text: str, frames: dict[str, int | None]) -> None:
    labels = parse_labels(text, 5)
    assert (labels.kind, labels.frames) == ("unreadable", frames)
    assert labels.problem


def test_a_number_in_words_is_one_word() -> None:
    assert parse_choice("(three)", 5).number == 3
    assert parse_choice("S:IX", 6).kind == "unreadable"


def test_a_set_of_lists_is_no_python_value_and_no_crash() -> None:
    assert_sound(parse_choice("{[1]}", 1), 1)
    assert_sound(parse_choice("{{[1]}: 2}", 3), 3)
