"""Labels of a sound are cleaned in one question; a model that does not see is told what can be measured."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from alref.audio.vocabulary import UNKNOWN_SOUND, load_vocabulary
from alref.components.options import build_options
from alref.errors import ConfigError
from alref.llm.options import ChatOptions
from alref.records import Candidates, Phrase, PivotFrame
from alref.testing import (
    SQUARE,
    ArrayVideo,
    make_moving_square,
)
from support.scripted_llm import ScriptedChat

VIDEO, _ = make_moving_square(frames=8)
Make = Callable[..., ScriptedChat]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Make a scripted model with the answers kept in one file."""
    return lambda answers, **options: ScriptedChat.saying(answers, tmp_path / "answers.sqlite", **options)


def said(**facts: Any) -> str:
    return json.dumps({"why": "it is whole there", "finding": "found", **facts})


def two_boxes(phrase: Phrase) -> Candidates:
    boxes = np.array([[10, 5, 40, 50], [20, 5, 50, 50]], np.float32)
    return Candidates(pivot=PivotFrame(phrase=phrase, frame=3), xyxy=boxes, scores=np.array([0.8, 0.7]))


def labels(*names: str) -> list[Phrase]:
    scores = [0.9 - place / 10 for place in range(len(names))]
    return [Phrase(reference="1", text=name, score=score, sound=True) for name, score in zip(names, scores, strict=True)]


def test_labels_of_a_sound_are_cleaned_in_one_question(make: Make) -> None:
    chat = make([json.dumps({"why": "w", "objects": [{"name": "dog", "frame": 2}, {"name": "Car", "frame": 4}]})], frames=4)
    heard = labels("Bark", "dog", "Rain", "car")
    pivots = chat.pick_frames(VIDEO, heard[::-1])
    assert [(pivot.phrase.text, pivot.frame, pivot.finding) for pivot in pivots] == [("dog", 3, "found"), ("car", 7, "found")]
    assert [pivot.phrase for pivot in pivots] == [heard[1], heard[3]]
    assert len(chat.questions) == 1
    assert "Bark, dog, Rain, car" in chat.questions[0].messages[0].text


def test_a_label_may_get_a_new_name(make: Make) -> None:
    (pivot,) = make(["{'violin': 1}"]).pick_frames(VIDEO, labels("Bowed string instrument", "Music"))
    assert (pivot.phrase.text, pivot.phrase.category, pivot.phrase.reference) == ("violin", "violin", "1")


def test_frames_are_shown_of_the_time_in_which_something_is_heard(make: Make) -> None:
    chat = make(["{'dog': 1}"])
    late = [label.model_copy(update={"heard": ((0.5, 0.7),)}) for label in labels("Bark", "Rain")]
    (pivot,) = chat.pick_frames(VIDEO, late)
    assert pivot.frame == 5
    assert "1 to 2" in chat.questions[0].messages[0].text


def test_a_sound_of_nothing_visible_is_absent(make: Make) -> None:
    pivots = make(['{"why": "only rain", "objects": []}']).pick_frames(VIDEO, labels("Rain", "Wind"))
    assert {(pivot.finding, pivot.frame, pivot.why) for pivot in pivots} == {("absent", None, "only rain")}


def test_labels_that_cannot_be_read_fall_back_to_the_surest(make: Make) -> None:
    pivots = make(["I hear a dog."]).pick_frames(VIDEO, labels("Bark", "Rain")[::-1])
    assert [(pivot.phrase.text, pivot.source) for pivot in pivots] == [("Bark", "fallback")]


def test_a_single_source_and_a_vocabulary_are_asked_for(make: Make) -> None:
    chat = make(['["dog": 1, "cat": 2]'], one_source=True, vocabulary=("dog", "keyboard"), prompts="paper")
    pivots = chat.pick_frames(VIDEO, labels("Bark"))
    assert [pivot.phrase.text for pivot in pivots] == ["dog"]
    text = chat.questions[0].messages[0].text
    assert "exactly one" in text
    assert "dog, keyboard" in text
    assert "not a musical instrument" in text


def test_what_is_heard_beside_a_text_is_told_with_its_seconds(make: Make) -> None:
    chat = make([said(frame=1, box=1)])
    louder = Phrase(
        reference="1", text="the louder one", sounds=("Bark", "Child speech, kid speaking"), heard=((0.2, 0.44), (0.6, 0.7))
    )
    chat.pick_frames(VIDEO, [louder])
    chat.pick_boxes(VIDEO, [two_boxes(louder)])
    for question in chat.questions:
        assert "Bark; Child speech, kid speaking" in question.messages[0].text
        assert "0.2 to 0.4, 0.6 to 0.7" in question.messages[0].text
    assert "at 0.2, 0.3, 0.4, 0.6 seconds" in chat.questions[0].messages[0].text


@pytest.mark.parametrize("prompts", ["structured", "direct", "paper"])
def test_another_sound_is_another_question_but_in_the_published_words(make: Make, prompts: str) -> None:
    asked = [SQUARE, *(SQUARE.model_copy(update={"sounds": names}) for names in (("Bark",), ("Meow",)))]
    chat = make(["[1]"], prompts=prompts)
    chat.pick_frames(VIDEO, asked)
    assert len(chat.questions) == (1 if prompts == "paper" else 3)


def test_labels_are_told_with_the_seconds_in_which_they_are_heard(make: Make) -> None:
    chat = make(["[]"])
    chat.pick_frames(VIDEO, [label.model_copy(update={"heard": ((0.1, 0.3),)}) for label in labels("Bark", UNKNOWN_SOUND)])
    assert "Bark, a sound of an unknown kind" in chat.questions[0].messages[0].text
    assert "0.1 to 0.3" in chat.questions[0].messages[0].text


@pytest.mark.parametrize(
    ("name", "count", "some"), [("avsbench", 70, "accordion, airplane"), ("audioset", 527, "Speech; Male speech, man")]
)
def test_a_shipped_vocabulary_is_asked_for_by_its_name(make: Make, name: str, count: int, some: str) -> None:
    chat = make(["[]"], vocabulary=name)
    chat.pick_frames(VIDEO, labels("Bark"))
    text = chat.questions[0].messages[0].text
    assert some in text
    assert len(load_vocabulary(chat.options.vocabulary)) == count
    free = make(["[]"])
    free.pick_frames(VIDEO, labels("Bark"))
    assert len(free.questions) == 1
    assert "Take a name from this list" not in free.questions[0].messages[0].text


def test_an_unknown_vocabulary_is_an_error_that_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"\bvocabulary: .*\bavsbench\b.*\baudioset\b"):
        build_options(ChatOptions, {"vocabulary": "avsbnch"}, "reasoner")


def test_nothing_is_shown_to_a_model_that_does_not_see(make: Make) -> None:
    red = np.full((64, 96, 3), 110, np.uint8)
    red[20:50, 10:40], red[20:50, 60:90] = (220, 20, 20), (20, 40, 220)
    video = ArrayVideo(np.stack([red] * 4))
    boxes = np.array([[10, 20, 40, 50], [60, 20, 90, 50]], np.float32)
    asked = Candidates(pivot=PivotFrame(phrase=SQUARE, frame=1), xyxy=boxes, scores=np.array([0.8, 0.7]), labels=("cup", "mug"))
    chat = make([said(frame=2, box=2)], vision=False)
    assert chat.pick_boxes(video, [asked])[0].score == pytest.approx(0.7)
    assert chat.pick_frames(video, [SQUARE])[0].frame == 1
    box, frame = chat.questions
    assert (box.images, frame.images) == ((), ())
    lines = box.messages[0].text.splitlines()
    first, second = (next(line for line in lines if line.startswith(f"Box {number}:")) for number in (1, 2))
    assert all(word in first for word in ('"cup"', "0.80", "left", "red", "keeps still"))
    assert all(word in second for word in ('"mug"', "0.70", "right", "blue"))
    assert "Frame 4, at 0.3 s: brightness" in frame.messages[0].text


@pytest.mark.parametrize(
    ("across", "down", "words"),
    [(4, 0, "moves to the right"), (-4, 0, "moves to the left"), (0, 4, "moves down"), (1, -4, "moves up")],
)
@pytest.mark.parametrize("pivot", [0, 2])
def test_movement_is_told_to_a_model_that_does_not_see(make: Make, across: int, down: int, words: str, pivot: int) -> None:
    ground = np.random.default_rng(0).integers(60, 180, (120, 200, 1), np.uint8).repeat(3, axis=2)
    thing = np.random.default_rng(1).integers(0, 255, (50, 50, 3), np.uint8)
    pictures = np.stack([ground] * 3)
    for place, picture in enumerate(pictures):
        left, top = 80 + across * (place - pivot), 30 + down * (place - pivot)
        picture[top : top + 50, left : left + 50] = thing
    boxes = np.array([[80, 30, 130, 80], [0, 90, 40, 118]], np.float32)
    asked = Candidates(pivot=PivotFrame(phrase=SQUARE, frame=pivot), xyxy=boxes, scores=np.array([0.8, 0.7]))
    chat = make([said(box=1)], vision=False)
    chat.pick_boxes(ArrayVideo(pictures), [asked])
    lines = chat.questions[0].messages[0].text.splitlines()
    assert words in next(line for line in lines if line.startswith("Box 1:"))
    assert "keeps still" in next(line for line in lines if line.startswith("Box 2:"))


def test_a_movement_of_the_camera_is_no_movement(make: Make) -> None:
    blots = np.random.default_rng(0).integers(0, 255, (20, 40, 3), np.uint8)
    ground = cv2.resize(blots, (320, 160), interpolation=cv2.INTER_CUBIC)
    pictures = np.stack([ground[:120, shift : shift + 200] for shift in (0, 6, 12)])
    boxes = np.array([[80, 30, 130, 80], [20, 20, 60, 60]], np.float32)
    asked = Candidates(pivot=PivotFrame(phrase=SQUARE, frame=0), xyxy=boxes, scores=np.array([0.8, 0.7]))
    chat = make([said(box=1)], vision=False)
    chat.pick_boxes(ArrayVideo(pictures), [asked])
    assert chat.questions[0].messages[0].text.count("keeps still") == 2
