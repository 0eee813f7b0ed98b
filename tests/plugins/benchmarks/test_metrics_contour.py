"""J and F of single masks, against the formulas written down pixel by pixel."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import support.reference_metrics as plain
from alref_benchmarks.metrics.contour import build_contours, compute_boundary_f, compute_region_j

Mask = npt.NDArray[np.bool_]

SIZES = st.tuples(st.integers(1, 40), st.integers(1, 40))


def blocks(size: tuple[int, int]) -> st.SearchStrategy[Any]:
    """Up to three rectangles, which often touch the frame's edges."""
    height, width = size
    corner = st.tuples(st.integers(0, height), st.integers(0, height), st.integers(0, width), st.integers(0, width))
    return st.lists(corner, max_size=3).map(lambda each: drawn(size, each))


def drawn(size: tuple[int, int], corners: list[tuple[int, int, int, int]]) -> Mask:
    mask = np.zeros(size, np.bool_)
    for top, bottom, left, right in corners:
        mask[top:bottom, left:right] = True
    return mask


def both(truth: Mask, predicted: Mask) -> tuple[float, float]:
    return score_pair([truth, predicted], 0, 1)


def score_pair(masks: list[Mask], true: int, found: int) -> tuple[float, float]:
    contours = build_contours(masks)
    pair = contours.select([true]), contours.select([found])
    return compute_region_j(*pair).item(), compute_boundary_f(*pair).item()


@given(SIZES.flatmap(lambda size: st.tuples(blocks(size), blocks(size))))
def test_rectangles_score_as_the_formula_says(masks: tuple[Mask, Mask]) -> None:
    assert both(*masks) == (plain.region(*masks), plain.boundary(*masks))


@given(SIZES.flatmap(lambda size: st.tuples(arrays.arrays(np.bool_, size), arrays.arrays(np.bool_, size))))
def test_scattered_pixels_score_as_the_formula_says(masks: tuple[Mask, Mask]) -> None:
    assert both(*masks) == (plain.region(*masks), plain.boundary(*masks))


@pytest.mark.parametrize("size", [(224, 224), (360, 640), (480, 854), (1080, 200)])
def test_larger_frames_allow_a_larger_distance(size: tuple[int, int]) -> None:
    truth = drawn(size, [(0, 50, 0, 60), (100, 180, 90, 200)])
    for offset in range(10):
        predicted = np.roll(truth, (offset, offset // 2), (0, 1))
        assert both(truth, predicted) == (plain.region(truth, predicted), plain.boundary(truth, predicted))


def test_a_distance_of_more_than_64_pixels_is_allowed_in_very_large_frames() -> None:
    """The bits of a word are 64."""
    truth = drawn((5000, 8000), [(100, 300, 10, 300)])
    for offset in (63, 64, 75, 76, 77):
        assert (both(truth, np.roll(truth, offset, 1))[1] == 1) == (offset <= 76)


@given(SIZES.flatmap(lambda size: st.tuples(blocks(size), blocks(size))), st.integers(0, 9), st.integers(0, 9))
def test_objects_measured_together_score_as_alone(masks: tuple[Mask, Mask], row: int, column: int) -> None:
    far = np.zeros_like(masks[0])
    far[row % far.shape[0], column % far.shape[1]] = True
    assert score_pair([masks[0], far, masks[1]], 0, 2) == both(*masks)


@pytest.mark.parametrize(("size", "near"), [((75, 100), 1), ((75, 101), 2), ((300, 400), 4), ((301, 400), 5)])
def test_near_is_within_8_thousandths_of_the_diagonal_rounded_up(size: tuple[int, int], near: int) -> None:
    """Of 300x400 that is 4 pixels exactly."""
    for apart in range(near + 2):
        left, right = (drawn(size, [(0, size[0], 0, 9 + shift)]) for shift in (0, apart))
        assert both(left, right)[1] == (apart <= near)


@pytest.mark.parametrize(("rows", "columns", "expected"), [(4, 5, 0.25), (5, 4, 0.25), (5, 5, 0), (7, 1, 0), (6, 1, 0.25)])
def test_near_is_a_disk_with_its_rim(rows: int, columns: int, expected: float) -> None:
    """The outline of one pixel has four, 2x2; of two such the nearest are 3 and 4 apart here, which is 5 = the radius."""
    size, (top, left) = (320, 480), (100, 200)
    one = drawn(size, [(top, top + 1, left, left + 1)])
    other = np.roll(one, (rows, columns), (0, 1))
    assert both(one, other)[1] == plain.boundary(one, other) == expected


def test_nothing_predicted_where_nothing_is_is_right() -> None:
    nothing = np.zeros((20, 30), np.bool_)
    assert both(nothing, nothing) == (1, 1)


def test_a_full_frame_has_no_outline() -> None:
    """So that F is 1 for a prediction that is wrong everywhere, as in the official code."""
    nothing = np.zeros((20, 30), np.bool_)
    assert both(nothing, ~nothing) == (0, 1)
