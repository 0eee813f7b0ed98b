from __future__ import annotations

import numpy as np

from alref.utils.array_cache import ArrayCache


def make_array(value: int, size: int = 10) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    return np.full(size, value, np.uint8)


def test_the_least_recently_used_array_is_dropped_first() -> None:
    cache: ArrayCache[int, np.uint8] = ArrayCache(20)
    cache.put(0, make_array(0))
    cache.put(1, make_array(1))
    assert cache.get(0) is not None
    cache.put(2, make_array(2))
    assert [cache.get(key) is not None for key in range(3)] == [True, False, True]
    assert cache.num_bytes == 20


def test_an_array_larger_than_the_bound_is_returned_and_not_cached() -> None:
    cache: ArrayCache[str, np.uint8] = ArrayCache(5)
    assert cache.get_or_compute("a", lambda: make_array(7)).tolist() == [7] * 10
    assert cache.get("a") is None
    assert cache.num_bytes == 0


def test_what_is_cached_is_not_computed_again() -> None:
    cache: ArrayCache[str, np.uint8] = ArrayCache(100)
    calls: list[int] = []
    for _ in range(2):
        cache.get_or_compute("a", lambda: calls.append(1) or make_array(1))  # type: ignore[func-returns-value]
    assert calls == [1]
