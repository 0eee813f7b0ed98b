"""The neighbors that the search finds are those that a plain loop finds, whatever the rectangle and the number of threads."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pytest

from alref_baseline import neighbor_search
from alref_baseline.neighbor_search import Roi, find_neighbors, find_window_neighbors

WHOLE = Roi(0, 19, 0, 23)
Floats = npt.NDArray[np.float32]


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    """Leave no session with the threads of a test."""
    yield
    neighbor_search._load_search.cache_clear()


def make_grid(seed: int, rows: int, columns: int) -> Floats:
    vectors = np.random.default_rng(seed).standard_normal((rows, columns, 24)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=2, keepdims=True)


@pytest.mark.parametrize("roi", [Roi(0, 19, 0, 23), Roi(3, 4, 5, 6), Roi(10, 19, 0, 9)])
@pytest.mark.parametrize("radius", [2, 6])
def test_window_neighbors_are_the_most_similar_cells_of_the_window(roi: Roi, radius: int) -> None:
    query, keys = make_grid(1, 19, 23), make_grid(2, 19, 23)
    similarity, cells = find_window_neighbors(query[roi.index], roi, keys, WHOLE, radius, 4)
    places = [(row, column) for row in range(roi.top, roi.bottom) for column in range(roi.left, roi.right)]
    for (row, column), found, where in zip(places, similarity, cells, strict=True):
        near = [
            (other, across)
            for other in range(max(0, row - radius), min(19, row + radius + 1))
            for across in range(max(0, column - radius), min(23, column + radius + 1))
        ]
        order = sorted(near, key=lambda place: -float(query[row, column] @ keys[place]))[:4]
        assert {divmod(int(cell), 23) for cell in where} == set(order)
        expected = [float(query[row, column] @ keys[divmod(int(cell), 23)]) for cell in where]
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_window_with_fewer_cells_than_asked_marks_the_others() -> None:
    grid = make_grid(1, 2, 2)
    similarity, _ = find_window_neighbors(grid, Roi(0, 2, 0, 2), grid, Roi(0, 2, 0, 2), 6, 5)
    assert ((similarity < -1).sum(axis=1) == 1).all()


def test_neighbors_are_inside_the_part_of_the_other_frame_that_is_known() -> None:
    query, keys, roi, part = make_grid(1, 19, 23), make_grid(2, 19, 23), Roi(4, 12, 3, 14), Roi(6, 10, 7, 20)
    known = np.full_like(keys, 0)
    known[part.index] = keys[part.index]
    similarity, cells = find_window_neighbors(query[roi.index], roi, keys[part.index], part, 6, 3)
    expected, _ = find_window_neighbors(query[roi.index], roi, known, WHOLE, 6, 3)
    np.testing.assert_allclose(np.sort(similarity.clip(0), axis=1), np.sort(expected, axis=1), atol=1e-6)
    assert cells[similarity > -1].max() < 4 * 13


def test_neighbors_of_a_memory_smaller_than_asked_are_all_of_it() -> None:
    query, keys = make_grid(1, 3, 3).reshape(9, -1), make_grid(2, 1, 3).reshape(3, -1)
    similarity, index = find_neighbors(query, keys, 8)
    assert (np.sort(index, axis=1) == [0, 1, 2]).all()
    np.testing.assert_allclose(np.take_along_axis(query @ keys.T, index, axis=1), similarity, atol=1e-6)


def test_the_number_of_threads_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    found, roi = [], Roi(0, 40, 0, 60)
    for threads in ("1", "3"):
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        neighbor_search._load_search.cache_clear()
        grid = make_grid(1, 40, 60)
        found.append(find_window_neighbors(grid, roi, make_grid(2, 40, 60), roi, 6, 8))
    assert all(np.array_equal(one, other) for one, other in zip(*found, strict=True))
