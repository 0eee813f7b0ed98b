"""Split a video into sections that are tracked apart: shots, and windows of a long shot that overlap."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np

from alref import Video
from alref.media.section import VideoSection

SMALL_SIZE = 48, 27
"""Size at which frames are compared, (width, height) in pixels."""
MIN_CUT = 0.12
"""Minimum mean difference of two frames, 0..1, for a cut between them."""
CUT_FACTOR = 3.0
"""How many times larger than those around it the difference at a cut is."""
NUM_NEIGHBORS = 4
"""Number of differences on either side that a cut is compared with."""
SHARED_FRAMES = 8
"""Number of frames that two windows of one shot share; tracks are linked by their masks there."""


@dataclass(frozen=True)
class Section:
    """The frames ``start`` to ``stop`` - 1."""

    start: int
    stop: int

    def open(self, video: Video) -> Video:
        """Return the section as a video: the video itself if it is all of it."""
        return video if (self.start, self.stop) == (0, len(video)) else VideoSection(video, self.start, self.stop)


def split_video(video: Video, seconds: float, at_cuts: bool) -> list[Section]:
    """Return the sections of a video in order: shots, those that are longer than ``seconds`` in windows that overlap."""
    cuts = find_cuts(video) if at_cuts else []
    ends = [0, *cuts, len(video)]
    longest = max(4 * SHARED_FRAMES, round(seconds * video.fps))
    return [window for start, stop in pairwise(ends) for window in _split_shot(start, stop, longest)]


def _split_shot(start: int, stop: int, longest: int) -> Iterator[Section]:
    """Yield windows of equal length, at most ``longest`` frames, each sharing frames with the next."""
    if stop - start <= longest:
        yield Section(start, stop)
        return
    count = int(np.ceil((stop - start - SHARED_FRAMES) / (longest - SHARED_FRAMES)))
    borders = np.linspace(start, stop - SHARED_FRAMES, count + 1).round().astype(int).tolist()
    for first, last in pairwise(borders):
        yield Section(first, last + SHARED_FRAMES)


def find_cuts(video: Video) -> list[int]:
    """Return the first frames of new shots, ascending: the change is large and stands out from those around it.

    Frames are read one by one and compared at SMALL_SIZE.
    """
    small = (np.asarray(cv2.resize(frame, SMALL_SIZE, interpolation=cv2.INTER_AREA), np.float32) for frame in video)
    changes = [float(np.abs(one - other).mean()) / 255 for one, other in pairwise(small)]
    cuts = []
    for place, change in enumerate(changes):
        around = [*changes[max(0, place - NUM_NEIGHBORS) : place], *changes[place + 1 : place + 1 + NUM_NEIGHBORS]]
        if change >= MIN_CUT and change > CUT_FACTOR * max(around, default=0.0):
            cuts.append(place + 1)
    return cuts
