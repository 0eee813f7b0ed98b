"""What components remember of a video."""

from __future__ import annotations

import gc
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any
from weakref import ref

import numpy as np
import pytest

from alref.errors import InputError
from alref.media.video_store import VideoStore, measure_bytes
from alref.testing import make_moving_square


class Counter:
    """Returns arrays of some bytes, and counts how often it was called."""

    def __init__(self, size: int = 10) -> None:
        self.size, self.calls = size, 0

    def __call__(self) -> Any:
        self.calls += 1
        return np.zeros(self.size, np.uint8)


def test_a_value_is_made_once_for_each_video_and_key() -> None:
    one, other = make_moving_square()[0], make_moving_square(seed=1)[0]
    made = Counter()
    assert one.remember("a", made) is one.remember("a", made)
    other.remember("a", made)
    one.remember("b", made)
    assert made.calls == 3


def test_threads_wait_for_the_first() -> None:
    video, made, together = make_moving_square()[0], Counter(), Barrier(4)

    def ask(_: int) -> Any:
        together.wait()
        return video.remember("a", made)

    with ThreadPoolExecutor(4) as threads:
        values = list(threads.map(ask, range(4)))
    assert made.calls == 1
    assert all(value is values[0] for value in values)


def test_one_value_may_be_made_from_another() -> None:
    video = make_moving_square()[0]
    assert video.remember("a", lambda: video.remember("b", lambda: 1) + 1) == 2


def test_the_least_recently_used_values_are_dropped_within_the_bytes() -> None:
    store = VideoStore(max_bytes=100)
    counters = {key: Counter(40) for key in "abc"}
    for key in "abac":
        store.get_or_make(key, counters[key])
    assert store.num_bytes <= store.max_bytes
    store.get_or_make("a", counters["a"])
    store.get_or_make("b", counters["b"])
    assert {key: counter.calls for key, counter in counters.items()} == {"a": 1, "b": 2, "c": 1}


def test_a_value_that_is_too_large_is_returned_and_not_remembered() -> None:
    store, large = VideoStore(max_bytes=100), Counter(101)
    for _ in range(2):
        assert store.get_or_make("a", large).nbytes == 101
    assert (large.calls, store.num_bytes) == (2, 0)


def test_an_error_is_not_remembered() -> None:
    video = make_moving_square()[0]

    def fail() -> None:
        raise InputError("damaged")

    with pytest.raises(InputError):
        video.remember("a", fail)
    assert video.remember("a", lambda: 1) == 1


def test_everything_is_released_with_the_video() -> None:
    video = make_moving_square()[0]
    held = ref(video.remember("a", Counter()))
    del video
    gc.collect()
    assert held() is None


def test_bytes_of_nested_arrays_are_counted() -> None:
    array = np.zeros(8, np.float32)
    assert measure_bytes(array) == 32
    assert measure_bytes({"a": [array, (array, 1)], "b": "text"}) == 64
