"""Windows of sound, spans, segments and AudioSet's names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alref.audio import audioset
from alref.audio.intervals import merge_windows
from alref.audio.segmentation import read_segments, segment_by_similarity
from alref.audio.windows import cut_windows
from alref.errors import InputError
from alref.records import Audio

SHIPPED = Path(__file__).parents[1] / ".." / "shared" / "reference_run"
RATE = 100


def blocks(samples: npt.NDArray[np.float32], size: int, start: float = 0.0) -> Iterator[Audio]:
    for first in range(0, len(samples), size):
        yield Audio(samples=samples[first : first + size], rate=RATE, start=start + first / RATE)


def ramp(length: int) -> npt.NDArray[np.float32]:
    return np.arange(length, dtype=np.float32)


@given(length=st.integers(1, 900), block=st.integers(1, 400), size=st.integers(1, 250), step=st.integers(1, 250))
def test_windows_are_full_in_time_and_leave_nothing_out(length: int, block: int, size: int, step: int) -> None:
    step = min(step, size)
    found = list(cut_windows(blocks(ramp(length), block, start=2.0), size / RATE, step / RATE))
    heard: set[float] = set()
    for start, samples in found:
        assert len(samples) == min(size, length)
        assert samples[0] == pytest.approx((start - 2.0) * RATE)
        assert (np.diff(samples) == 1).all()
        heard.update(samples.tolist())
    assert heard == set(ramp(length).tolist())
    hops = np.diff([start for start, _ in found])
    assert hops[:-1] == pytest.approx([step / RATE] * len(hops[:-1]))
    assert all(0 < hop <= step / RATE + 1e-9 for hop in hops[-1:])


def test_a_very_short_sound_is_one_short_window_and_no_sound_is_none() -> None:
    [(start, samples)] = cut_windows([Audio(samples=ramp(160), rate=16_000, start=0.5)], 1.0, 1.0)
    assert (start, len(samples)) == (0.5, 160)
    assert list(cut_windows([], 1.0, 1.0)) == []


def test_windows_ask_for_a_block_only_when_they_need_it() -> None:
    given_out = []

    def endless() -> Iterator[Audio]:
        for number in range(10**9):
            given_out.append(number)
            yield Audio(samples=ramp(RATE), rate=RATE, start=number)

    cut_up = cut_windows(endless(), 2.0, 1.0)
    assert [next(cut_up)[0] for _ in range(3)] == [0.0, 1.0, 2.0]
    assert len(given_out) == 4


def test_spans_join_what_touches_and_small_gaps() -> None:
    flags = [True, True, False, True, False, False, True]
    assert merge_windows(np.arange(7.0), flags, 1.0) == ((0, 2), (3, 4), (6, 7))
    assert merge_windows(np.arange(7.0), flags, 1.0, gap=1.5) == ((0, 4), (6, 7))
    assert merge_windows([0.0, 0.5, 3.0], [True, True, True], 2.0) == ((0, 2.5), (3, 5))
    assert merge_windows(np.arange(30) * 0.1, [True] * 30, 0.1) == (pytest.approx((0, 3)),)
    assert merge_windows([0.0, 1.0], [False, False], 1.0) == ()


def test_segments_are_cut_where_neighboring_seconds_differ() -> None:
    dog, cat, faint = [1.0, 0.0], [0.0, 3.0], [0.1, 0.01]
    assert segment_by_similarity(np.array([dog, dog, cat, faint, dog]), np.arange(6.0)) == ((0, 2), (2, 3), (3, 5))
    near = np.array([[1.0, 0.0], [1.0, 1.0]])
    assert segment_by_similarity(near, [0, 1, 2]) == ((0, 2),)
    assert segment_by_similarity(near, [0, 1, 2], threshold=0.8) == ((0, 1), (1, 2))
    assert segment_by_similarity(np.array([dog]), [0.5, 0.75]) == ((0.5, 0.75),)
    assert segment_by_similarity(np.zeros((0, 2)), [0.0]) == ()


@pytest.mark.parametrize(
    ("name", "clips", "lengths"),
    [
        ("ms3", 64, {1: 36, 2: 8, 3: 10, 4: 6, 5: 4}),
        ("v2_binary", 750, {1: 425, 2: 66, 3: 79, 4: 47, 5: 33, 6: 44, 7: 28, 8: 22, 9: 6}),
        ("avss", 1554, {1: 928}),
    ],
)
def test_the_published_segments_are_read(name: str, clips: int, lengths: dict[int, int]) -> None:
    path = SHIPPED / "audio_segment" / f"{name}_audio_segment.json"
    if not path.exists():
        pytest.skip("the published segments are not on this machine")
    found = read_segments(path)
    counted = Counter(len(segments) for segments in found.values())
    assert len(found) == clips
    assert {many: counted[many] for many in lengths} == lengths
    for segments in found.values():
        edges = np.array(segments)
        assert edges[0, 0] == 0
        assert (edges[1:, 0] == edges[:-1, 1]).all()


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("[[0, 1]]", r"segments\.json: Input should be a valid dictionary.*expected \{clip: \[\[start, end\], \.\.\.\]\}"),
        ('{"a": [[0, "x"]]}', r"segments\.json: a\.0\.1: .*got 'x'"),
        ('{"a": [[0, NaN]]}', r"a\.0\.1: Input should be a finite number"),
        ('{"a": [[1, 2], [0, 1]]}', r"a: expected segments one after the other, got \[\[1\.0, 2\.0\], \[0\.0, 1\.0\]\]"),
        ('{"a": [[1, 1]]}', "a: expected segments one after the other"),
        ("{", r"segments\.json: cannot be read as JSON"),
    ],
)
def test_segments_that_are_wrong_are_refused(tmp_path: Path, written: str, message: str) -> None:
    path = tmp_path / "segments.json"
    path.write_text(written)
    with pytest.raises(InputError, match=message):
        read_segments(path)
    with pytest.raises(InputError, match=r"gone\.json: "):
        read_segments(tmp_path / "gone.json")


def test_audioset_names_its_classes_in_order() -> None:
    names = audioset.load_class_names()
    assert len(names) == len(set(names.values())) == 527
    assert list(names.values())[:2] == ["Speech", "Male speech, man speaking"]
    assert list(names.values())[-1] == "Field recording"
    assert names[audioset.SILENCE_ID] == "Silence"
