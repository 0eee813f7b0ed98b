"""What the components find, beyond the contract."""

import numpy as np
import pytest
from alref import Candidates, Phrase, PivotFrame, Reference
from alref.testing import ArrayVideo, make_moving_square, make_square_box

from alref_example import ColorRegions, PlainWords, TemplateMatch
from alref_example._frames import find_typical_frame, pick_box

VIDEO, TRUTH = make_moving_square()


def pivot(text: str, frame: int = 0) -> PivotFrame:
    return PivotFrame(phrase=Phrase(reference="1", text=text), frame=frame)


def test_polite_words_are_removed_and_the_object_is_named() -> None:
    (phrase,) = PlainWords(PlainWords.Options()).unify(
        VIDEO, Reference(id="1", text="Please show me the red ball on the left!")
    )
    assert (phrase.text, phrase.category) == ("the red ball on the left", "ball")


def test_only_polite_words_give_no_phrase() -> None:
    assert PlainWords(PlainWords.Options()).unify(VIDEO, Reference(id="1", text="please")) == []


def test_a_frame_unlike_the_others_is_not_typical() -> None:
    frames = np.full((5, 40, 40, 3), 100, np.uint8)
    frames[0] = 255
    frame, count = find_typical_frame(ArrayVideo(frames), most=5)
    assert frame != 0
    assert count == 5


@pytest.mark.parametrize(("words", "left"), [("the cup on the left", 0), ("the right cup", 60), ("the cup", 30)])
def test_the_box_is_where_the_words_say(words: str, left: float) -> None:
    boxes = [[30, 0, 40, 10], [0, 0, 10, 10], [60, 0, 70, 10]]
    assert pick_box(Candidates(pivot=pivot(words), xyxy=boxes, scores=[0.9, 0.5, 0.1])).xyxy[0] == left


def test_regions_are_of_the_color_named() -> None:
    component = ColorRegions(ColorRegions.Options())
    red, green = component.propose(VIDEO, [pivot("the red square"), pivot("the green square")])
    assert np.array_equal(red.masks[0], TRUTH[0])
    assert (len(red), len(green), component.warnings) == (1, 0, [])


def test_words_without_a_color_are_a_warning() -> None:
    component = ColorRegions(ColorRegions.Options())
    assert len(component.propose(VIDEO, [pivot("the square")])[0]) == 0
    assert component.warnings == [
        "color-regions: 'the square' names no color; name one of red, orange, yellow, green, blue, purple"
    ]


@pytest.mark.parametrize("start", [0, 4, 7])
def test_an_object_is_followed_both_ways(start: int) -> None:
    for each in TemplateMatch(TemplateMatch.Options()).propagate(VIDEO, [make_square_box(TRUTH, start)]):
        meet, join = each.masks[0] & TRUTH[each.frame], each.masks[0] | TRUTH[each.frame]
        assert meet.sum() / join.sum() > 0.9
