"""Frames a second of open_video beside cv2.VideoCapture, in one run: ``python bench/media.py CLIP...``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter

import cv2
import numpy as np

from alref.media.reader import open_video

SHARED = Path(__file__).parents[1] / ".." / "shared" / "data"
ROUNDS, RANDOM = 3, 20


def clips() -> list[Path]:
    named = [Path(name) for name in sys.argv[1:]]
    return named or sorted([*SHARED.glob("video/*.mp4"), *SHARED.glob("clips/*/video.mp4")])


def seconds(work: Callable[[], object]) -> float:
    before = perf_counter()
    work()
    return perf_counter() - before


def ours(path: Path, numbers: list[int]) -> None:
    video = open_video(path, cache_bytes=0)
    for _ in video.read_frames(numbers):
        pass


def theirs(path: Path, numbers: list[int]) -> None:
    capture = cv2.VideoCapture(str(path))
    following = 0
    for number in numbers:
        if number != following:
            capture.set(cv2.CAP_PROP_POS_FRAMES, number)
        _, frame = capture.read()
        cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
        following = number + 1


def every(path: Path, step: int) -> None:
    video = open_video(path, cache_bytes=0, every=step)
    for _ in video.read_frames():
        pass


def both(path: Path, numbers: list[int]) -> tuple[float, float]:
    """Median frames a second of ours and of OpenCV, taken in turns."""
    runs = [(seconds(lambda: ours(path, numbers)), seconds(lambda: theirs(path, numbers))) for _ in range(ROUNDS)]
    mine, other = (len(numbers) / median(run[side] for run in runs) for side in (0, 1))
    return mine, other


def main() -> None:
    columns = ("clip", "open ms", "in order", "cv2", "ratio", "random", "cv2", "ratio", "every 30")
    print("{:24} {:>8} | {:>8} {:>6} {:>6} | {:>7} {:>6} {:>6} | {:>8}".format(*columns))
    for path in clips():
        count = len(open_video(path))
        opening = median(seconds(lambda path=path: open_video(path)) for _ in range(ROUNDS))
        order = both(path, list(range(count)))
        chosen = np.random.default_rng(0).integers(0, count, RANDOM).tolist()
        random = both(path, chosen)
        thinned = count / median(seconds(lambda path=path: every(path, 30)) for _ in range(ROUNDS))
        name = f"{path.parent.name}/{path.name}"
        print(
            f"{name:24} {opening * 1e3:8.1f} | {order[0]:8.1f} {order[1]:6.1f} {order[0] / order[1]:6.2f} | "
            f"{random[0]:7.1f} {random[1]:6.1f} {random[0] / random[1]:6.2f} | {thinned:8.1f}"
        )


if __name__ == "__main__":
    main()
