"""The noun that is tracked: from the words where they name one, else from questions, and never one that failed before."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from alref.records import Concept, Phrase
from alref.testing import make_moving_square
from support.object_tracks import read_task
from support.scripted_llm import ScriptedChat

VIDEO, _ = make_moving_square(frames=40)
Make = Callable[..., ScriptedChat]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Make a scripted model with the answers kept in one file."""
    return lambda answers, **options: ScriptedChat.saying(answers, tmp_path / "answers.sqlite", **options)


def write_phrase(text: str, category: str = "", **facts: Any) -> Phrase:
    return Phrase(reference="1", text=text, category=category, **facts)


def say(**facts: Any) -> str:
    return json.dumps({"why": "the words say so", **facts})


def list_tasks(chat: ScriptedChat) -> list[str]:
    return [read_task(question) for question in chat.questions]


def fail(phrase: Phrase, *nouns: str) -> list[Concept]:
    return [Concept(phrase=phrase, noun=noun, attempt=number) for number, noun in enumerate(nouns, 1)]


@pytest.mark.parametrize(("text", "category"), [("the dog that runs", "dog"), ("a man on a bike", "man"), ("dog", "the dog")])
def test_a_plain_noun_of_the_words_takes_no_question(make: Make, text: str, category: str) -> None:
    chat = make([AssertionError("asked")])
    (concept,) = chat.name_concepts(VIDEO, [write_phrase(text, category)], [])
    assert (concept.noun, concept.source, concept.attempt) == (category.removeprefix("the "), "rule", 1)


def test_a_head_noun_stands_for_a_missing_category(make: Make) -> None:
    phrases = [write_phrase("the dogs that run", noun="dog"), write_phrase("who wins the race?", noun="winner")]
    chat = make([say(kind="explicit", noun="runner", broader="person")])
    concepts = chat.name_concepts(VIDEO, phrases, [])
    assert [(concept.noun, concept.source) for concept in concepts] == [("dog", "rule"), ("runner", "model")]


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("the thing that barks", "thing"),
        ("the one in white", "one"),
        ("what could the cat use to hide?", "cat use"),
        ("something people drink from", "person"),
        ("the dog that runs to the left", ""),
        ("the dog that runs to the left", "the dog that runs to the left"),
    ],
)
def test_other_words_are_asked_about_without_a_frame(make: Make, text: str, category: str) -> None:
    chat = make([say(kind="explicit", noun="A Dog", broader="animal")])
    (concept,) = chat.name_concepts(VIDEO, [write_phrase(text, category)], [])
    assert (concept.noun, concept.broader, concept.reasoning, concept.source) == ("dog", "animal", False, "model")
    assert list_tasks(chat) == ["concept"]
    assert chat.questions[0].images == ()


def test_a_reasoning_expression_is_asked_about_again_with_frames(make: Make) -> None:
    chat = make([say(kind="reasoning", noun="", broader=""), say(noun="cup", broader="container")])
    (concept,) = chat.name_concepts(VIDEO, [write_phrase("what can one drink from?", "object")], [])
    assert (concept.noun, concept.broader, concept.reasoning) == ("cup", "container", True)
    assert list_tasks(chat) == ["concept", "concept_shown"]
    assert len(chat.questions[1].images) == 1


def test_failed_nouns_go_back_with_frames_and_are_not_returned_again(make: Make) -> None:
    phrase = write_phrase("the yak", "yak")
    chat = make([say(noun="yak", broader=""), say(noun="cow", broader="bison")])
    (concept,) = chat.name_concepts(VIDEO, [phrase], fail(phrase, "yak", "bison"))
    assert (concept.noun, concept.broader, concept.attempt) == ("cow", "", 3)
    assert list_tasks(chat) == ["concept_shown"] * 2
    assert "yak, bison" in chat.questions[0].messages[0].text


def test_no_noun_is_left_if_the_model_only_repeats_one(make: Make) -> None:
    phrase = write_phrase("the yak", "yak")
    chat = make([say(noun="yak", broader="")])
    assert chat.name_concepts(VIDEO, [phrase], fail(phrase, "yak")) == []
    assert len(chat.questions) == 2


def test_each_phrase_has_its_own_failed_nouns(make: Make) -> None:
    yak, dog = write_phrase("the yak", "yak"), write_phrase("the dog", "dog")
    chat = make([say(noun="cow", broader="animal")])
    concepts = chat.name_concepts(VIDEO, [yak, dog], fail(yak, "yak"))
    assert [(each.phrase.text, each.noun, each.source) for each in concepts] == [
        ("the yak", "cow", "model"),
        ("the dog", "dog", "rule"),
    ]


def test_an_answer_without_a_noun_means_that_nothing_can_be_tracked(make: Make) -> None:
    chat = make([say(kind="reasoning", noun="", broader=""), say(noun="", broader="")])
    (concept,) = chat.name_concepts(VIDEO, [write_phrase("what flies?", "object")], [])
    assert (concept.finding, concept.why) == ("absent", "the words say so")


@pytest.mark.parametrize("answer", ["", "I like dogs.", say(kind="explicit", noun="the dog that runs to the left", broader="")])
def test_an_answer_that_cannot_be_read_is_no_absence(make: Make, answer: str) -> None:
    chat = make([answer])
    (concept,) = chat.name_concepts(VIDEO, [write_phrase("the thing", "thing")], [])
    assert (concept.finding, concept.source) == ("ambiguous", "fallback")
    assert list_tasks(chat) == ["concept"] * 2 + ["concept_shown"] * 2


def test_the_labels_of_a_sound_are_one_question_and_each_has_one_concept(make: Make) -> None:
    labels = [
        write_phrase(text, text, sound=True, score=score) for text, score in (("Bark", 0.9), ("Dog", 0.8), ("Speech", 0.3))
    ]
    chat = make([json.dumps({"why": "a dog barks", "objects": [{"name": "Dog", "frame": 2}, {"name": "man", "frame": 1}]})])
    concepts = chat.name_concepts(VIDEO, labels, [])
    assert [(each.phrase.text, each.noun, each.finding) for each in concepts] == [
        ("Bark", "man", "found"),
        ("Dog", "dog", "found"),
        ("Speech", "speech", "absent"),
    ]
    assert len(chat.questions) == 1
    failed = [each for each in concepts if each.noun == "dog"]
    again = make([say(noun="wolf", broader="")])
    (concept,) = again.name_concepts(VIDEO, [labels[1]], failed)
    assert (concept.noun, concept.attempt) == ("wolf", 2)
