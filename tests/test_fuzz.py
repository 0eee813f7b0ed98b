"""Damaged videos and dataset folders end with a documented exit code and one clear error, as ``bench/fuzz_media.py`` tries."""

from __future__ import annotations

import random
import runpy
from pathlib import Path
from typing import Any

import pytest

from support.clips import encode
from support.mutations import mutate_bytes, swap_boxes

FUZZ: dict[str, Any] = runpy.run_path(str(Path(__file__).parents[1] / "bench/fuzz_media.py"))


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return FUZZ["write_sources"](tmp_path_factory.mktemp("sources"))


@pytest.mark.parametrize("first", range(0, 60, 15))
def test_damaged_videos_end_as_documented(sources: list[Path], first: int) -> None:
    for seed in range(first, first + 15):
        code, printed, command = FUZZ["run_seed"](FUZZ["fuzz_video"], seed, sources)
        assert FUZZ["find_fault"]("video", code, printed) == "", f"{seed}: {command}"


def test_damaged_datasets_end_as_documented() -> None:
    for seed in range(20):
        code, printed, command = FUZZ["run_seed"](FUZZ["fuzz_dataset"], seed, [])
        assert FUZZ["find_fault"]("dataset", code, printed) == "", f"{seed}: {command}"


def test_mutations_follow_the_seed_and_change_the_file(tmp_path: Path) -> None:
    data = encode(tmp_path / "clip.mp4", 6).read_bytes()
    made = [mutate_bytes(data, random.Random(seed)) for seed in range(20)]
    assert made == [mutate_bytes(data, random.Random(seed)) for seed in range(20)]
    assert sum(each != data for each in made) >= 18
    swapped = swap_boxes(data, random.Random(1))
    assert (len(swapped), sorted(swapped)) == (len(data), sorted(data))
