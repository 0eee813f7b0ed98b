"""What the engine adds beside the stages: milliseconds a run and a frame, with stages that do next to nothing.

    python bench/overhead.py

What is timed is everything from references to a result: checks, events, kept outputs, encoded masks, and the scripted
stages themselves, which fill one box on each frame.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from time import perf_counter

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from alref.pipeline.stage_cache import StageCache
from alref.records import Reference
from alref.testing import ArrayVideo
from alref.utils.masks import encode_mask
from support.scripted import Script

SIZES = ((270, 480), (480, 854), (1080, 1920))


def measured(frames: int, size: tuple[int, int]) -> float:
    """Return the seconds of one run with scripted stages."""
    video = ArrayVideo(np.zeros((1, *size, 3), np.uint8).repeat(frames, 0))
    with tempfile.TemporaryDirectory() as folder, Script().pipeline() as pipeline:
        video.fingerprint  # noqa: B018 - reading the input is not the engine's work
        started = perf_counter()
        pipeline.run(video, [Reference(id="1", text="the dog")], StageCache(Path(folder)))
        return perf_counter() - started


def best(frames: int, size: tuple[int, int]) -> float:
    return min(measured(frames, size) for _ in range(5))


def main() -> None:
    measured(2, SIZES[0])
    print(f"{'size':>11} {'a run':>9} {'a frame':>9} {'of it encoding':>15}")
    for size in SIZES:
        few, many = best(2, size), best(42, size)
        mask = np.zeros(size, np.bool_)
        mask[2:12, 2:12] = True
        started = perf_counter()
        for _ in range(40):
            encode_mask(mask)
        encoding = (perf_counter() - started) / 40
        print(f"{size[1]:>5} x {size[0]:<4}{few * 1e3:8.1f}ms{(many - few) / 40 * 1e3:8.2f}ms{encoding * 1e3:13.2f}ms")


if __name__ == "__main__":
    main()
