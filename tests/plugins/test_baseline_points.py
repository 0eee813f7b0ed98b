"""What a point off the object takes away with the embedded propagator, and that it stays away on other frames."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from alref.records import Phrase, PivotBox, PivotFrame
from alref.testing import ArrayVideo
from alref_baseline.features import VideoFeatures
from alref_baseline.points import segment_points
from alref_baseline.vision import LabelPropagator

Mask = npt.NDArray[np.bool_]
LENGTH, HEIGHT, WIDTH, STEP = 10, 120, 160, 3
HAND = (68, 62)
"""The center of the hand on frame 0."""


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at small pictures."""
    monkeypatch.setattr("alref_baseline.features.LONG_SIDE", 320)


def draw_cup_in_hand() -> tuple[ArrayVideo, Mask, Mask]:
    """Return a film of a cup that a hand moves to the right, and the true masks of the cup and of the hand."""
    rng = np.random.default_rng(0)
    ground = cv2.GaussianBlur(rng.integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8), (0, 0), 3)
    frames, (cup, hand) = np.repeat(ground[None], LENGTH, axis=0), np.zeros((2, LENGTH, HEIGHT, WIDTH), bool)
    for frame in range(LENGTH):
        left = 30 + STEP * frame
        cup[frame, 40:86, left : left + 31] = True
        disc = cv2.circle(np.zeros((HEIGHT, WIDTH), np.uint8), (HAND[0] + STEP * frame, HAND[1]), 13, 1, -1)
        hand[frame] = (disc > 0) & ~cup[frame]
        frames[frame][cup[frame]], frames[frame][hand[frame]] = (170, 40, 60), (225, 175, 140)
        frames[frame] = np.clip(frames[frame] + rng.integers(-12, 12, frames[frame].shape), 0, 255)
    return ArrayVideo(frames), cup, hand


def make_box(frame: int, mask: Mask, **fields: object) -> PivotBox:
    return PivotBox(pivot=PivotFrame(phrase=Phrase(reference="1", text="cup"), frame=frame), mask=mask, **fields)


@pytest.mark.parametrize("knows_prior", [True, False], ids=["mask before the click", "mask after it"])
def test_what_a_point_took_away_does_not_return(knows_prior: bool) -> None:
    """The start on frame 0 has the hand in its mask; a click on frame 4 takes it away there."""
    video, cup, hand = draw_cup_in_hand()
    clicked = 4
    center = (HAND[0] + STEP * clicked, HAND[1])
    points = {"points": [center, (56, 62)], "point_labels": [False, True]}
    mask = (cup | hand)[clicked] if knows_prior else cup[clicked]
    boxes = [make_box(0, (cup | hand)[0], score=0.5), make_box(clicked, mask, score=1.0, **points)]
    masks = {each.frame: each.masks[0] for each in LabelPropagator(LabelPropagator.Options()).propagate(video, boxes)}
    for frame in range(clicked, LENGTH):
        assert (masks[frame] & hand[frame]).sum() < 0.1 * hand[frame].sum(), frame
        assert (masks[frame] & cup[frame]).sum() > 0.95 * cup[frame].sum(), frame


@pytest.mark.parametrize("has_other_part", [False, True], ids=["the only part", "one of two parts"])
def test_a_point_off_the_object_in_the_middle_of_a_part(has_other_part: bool) -> None:
    """It cuts a part of the only part of a mask; one of several parts goes as a whole."""
    video, cup, hand = draw_cup_in_hand()
    part, other = (cup | hand)[0], np.zeros((HEIGHT, WIDTH), bool)
    other[90:110, 110:140] = has_other_part
    center = np.array([[45, 63]], np.float32)
    mask = segment_points(VideoFeatures(video), 0, center, np.array([False]), (HEIGHT, WIDTH), prior=part | other)
    assert not mask[63, 45]
    assert np.array_equal(mask & other, other)
    assert (mask & part).any() != has_other_part
    assert not (mask & ~part & ~other).any()


def test_a_point_on_the_object_does_not_add_most_of_the_frame() -> None:
    """The point is far from the mask, on the background."""
    video, cup, _ = draw_cup_in_hand()
    point = np.array([[100, 100]], np.float32)
    mask = segment_points(VideoFeatures(video), 0, point, np.array([True]), (HEIGHT, WIDTH), prior=cup[0])
    assert mask[100, 100]
    assert not (cup[0] & ~mask).any()
    assert mask.sum() < 0.5 * mask.size
