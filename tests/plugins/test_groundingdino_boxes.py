"""What detectors are shown, and which of their boxes are kept: no model is needed for either."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from alref_groundingdino import DetectorOptions, GroundingDinoOptions
from alref_groundingdino.detection import Detections
from alref_groundingdino.preprocessing import ImagePreprocessing, compute_fitted_size, resize_to_fit, resize_to_square
from alref_groundingdino.proposals import SelectedBoxes, select_boxes

SIZE = (60, 80)
SIDES = st.integers(1, 4000)
CORNERS = arrays(np.float32, st.tuples(st.integers(0, 12), st.just(4)), elements=st.floats(-20, 100, width=32))


def picture(height: int, width: int) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 255, (height, width, 3), np.uint8)


@given(height=SIDES, width=SIDES, short=st.integers(32, 1000), long=st.integers(32, 1500))
def test_pictures_are_made_as_large_as_the_library_makes_them(height: int, width: int, short: int, long: int) -> None:
    transforms = pytest.importorskip("transformers.image_transforms")
    expected = transforms.get_size_with_aspect_ratio((height, width), short, long)
    if min(expected) > 0:
        assert compute_fitted_size(height, width, short, long) == expected


@pytest.mark.parametrize(("height", "width"), [(96, 128), (200, 90), (64, 64), (30, 40)])
def test_pictures_are_resized_and_normalized_as_by_the_library(height: int, width: int) -> None:
    transformers = pytest.importorskip("transformers")
    library = transformers.GroundingDinoImageProcessorPil(size={"shortest_edge": 64, "longest_edge": 96})
    shown = picture(height, width)
    expected = library(shown, return_tensors="np")["pixel_values"]
    look = ImagePreprocessing({}, tuple(library.image_mean), tuple(library.image_std))
    np.testing.assert_allclose(look.normalize_images([resize_to_fit(shown, 64, 96)]), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("height", "width"), [(120, 200), (300, 90), (96, 96), (96, 400)])
def test_pictures_are_squared_as_by_the_library(height: int, width: int) -> None:
    pytest.importorskip("scipy")
    transformers = pytest.importorskip("transformers")
    library = transformers.Owlv2ImageProcessorPil(size={"height": 96, "width": 96})
    expected = library(picture(height, width), do_normalize=False, return_tensors="np")["pixel_values"][0].transpose(1, 2, 0)
    np.testing.assert_allclose(resize_to_square(picture(height, width), 96), expected, rtol=0, atol=1e-5)


def test_what_shrinks_is_blurred_first() -> None:
    stripes = np.zeros((400, 400, 3), np.uint8)
    stripes[:, ::4] = 255
    plain = cv2.resize(stripes, (96, 96), interpolation=cv2.INTER_LINEAR) / 255
    assert np.abs(resize_to_square(stripes, 96)[4:-4, 4:-4] - 0.25).max() < 0.1 < np.abs(plain - 0.25).max()


def test_a_square_is_padded_with_black_at_the_right_and_below() -> None:
    wide, tall = (resize_to_square(np.full((*sides, 3), 255, np.uint8), 96) for sides in ((48, 96), (96, 48)))
    for inside, outside in ((wide[:48], wide[48:]), (tall[:, :48], tall[:, 48:])):
        assert (inside.min(), outside.max()) == (1, 0)


def answer(boxes: npt.NDArray[np.float32], scores: Any) -> Detections:
    return Detections(boxes, np.asarray(scores, np.float32), ("dog",), np.ones((len(boxes), 1), np.bool_))


def options(**given: Any) -> DetectorOptions:
    return GroundingDinoOptions(**{"box_threshold": 0.0, "top_k": 100, **given})


@given(boxes=CORNERS, seed=st.integers(0, 99), threshold=st.floats(0, 0.9), top=st.integers(1, 5), side=st.floats(0, 30))
def test_boxes_that_are_kept_are_good_enough_and_the_best(
    boxes: npt.NDArray[np.float32], seed: int, threshold: float, top: int, side: float
) -> None:
    scores = np.random.default_rng(seed).random(len(boxes), np.float32)
    found = select_boxes(answer(boxes, scores), options(box_threshold=threshold, top_k=top, min_size=side), SIZE)
    clipped = np.clip(boxes, 0, [80, 60, 80, 60]).astype(np.float32)
    sides = (clipped[:, 2:] - clipped[:, :2]).min(axis=1, initial=np.inf)
    good = [place for place in range(len(boxes)) if scores[place] > threshold and sides[place] >= side and sides[place] > 0]
    best = sorted(good, key=lambda place: -scores[place])[:top]
    np.testing.assert_array_equal(found.boxes, clipped[best])
    np.testing.assert_array_equal(found.scores, scores[best])
    assert found.labels == ("dog",) * len(best)
    assert found.boxes.dtype == np.float32


@given(boxes=CORNERS, overlap=st.sampled_from([0.1, 0.5, 0.7]))
def test_of_two_boxes_that_overlap_the_weaker_is_dropped(boxes: npt.NDArray[np.float32], overlap: float) -> None:
    scores = np.linspace(0.9, 0.1, len(boxes))
    everything, found = (select_boxes(answer(boxes, scores), options(nms_threshold=nms), SIZE) for nms in (None, overlap))
    expected: list[int] = []
    for place, box in enumerate(everything.boxes):
        if all(iou(box, everything.boxes[better]) <= overlap for better in expected):
            expected.append(place)
    np.testing.assert_array_equal(found.boxes, everything.boxes[expected])


def iou(one: npt.NDArray[np.float32], other: npt.NDArray[np.float32]) -> float:
    shared = (np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])).clip(0).prod(dtype=float)
    both = sum((each[2:] - each[:2]).prod(dtype=float) for each in (one, other))
    return float(shared / (both - shared))


def test_nms_comes_before_the_best_are_counted() -> None:
    boxes = np.array([[0, 0, 40, 40], [1, 1, 40, 40], [40, 0, 80, 40]], np.float32)
    found: SelectedBoxes = select_boxes(answer(boxes, [0.9, 0.8, 0.7]), options(nms_threshold=0.5, top_k=2), SIZE)
    np.testing.assert_array_equal(found.scores, np.float32([0.9, 0.7]))


@pytest.mark.parametrize(("meant", "label"), [([0, 1, 0], "dog"), ([1, 1, 1], "the dog barks"), ([0, 0, 0], "the dog barks")])
def test_a_label_is_words_of_the_prompt(meant: list[int], label: str) -> None:
    box = np.array([[0, 0, 9, 9]], np.float32)
    said = Detections(box, np.ones(1, np.float32), ("the", "dog", "barks"), np.array([meant], np.bool_))
    assert select_boxes(said, options(), SIZE).labels == (label,)
