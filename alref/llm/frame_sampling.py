"""Which frames a model is shown: few, evenly spread, then closer around its answer; or chunks as published."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alref.media.video import Video
    from alref.records import Span

CLOSE = 2.0
"""Seconds between shown frames below which a closer look is not worth a question."""
NEARBY = 10.0
"""Seconds around a pivot frame from which its context is taken."""
CHUNK, STEP = 5, 10
"""Frames of one question, and how many frames apart they are, in arXiv 2408.15876."""


def uniform(start: int, stop: int, count: int) -> list[int]:
    """Return at most ``count`` frames of ``start``..``stop - 1``: the middles of equal parts."""
    span = stop - start
    count = min(count, span)
    return [start + (2 * part + 1) * span // (2 * count) for part in range(count)]


def within(video: Video, spans: tuple[Span, ...] | None, count: int) -> list[int]:
    """Return at most ``count`` frames, evenly spread over those at times in ``spans``; over all where no frame is."""
    inside = [index for index, time in enumerate(video.times) if any(start <= time < end for start, end in spans or ())]
    frames = inside or list(range(len(video)))
    return [frames[place] for place in uniform(0, len(frames), count)]


def chunks(total: int) -> list[list[int]]:
    """Return the frames of each question as published: every tenth of 50 in turn; a rest of one frame is left out.

    A video too short for two frames that far apart is shown evenly instead.
    """
    width = CHUNK * STEP
    parts = [list(range(first, min(first + width, total), STEP)) for first in range(0, total, width)]
    return [part for part in parts if len(part) > 1] or [uniform(0, total, CHUNK)]


def gap(video: Video, shown: list[int]) -> float:
    """Return the seconds between neighbouring frames shown, the whole length for one frame."""
    seconds = float(video.times[-1] - video.times[0])
    return seconds / max(1, len(shown))


def closer(video: Video, shown: list[int], chosen: int, count: int) -> list[int]:
    """Return ``count`` frames between the neighbours of ``chosen``, itself among them; none where that would not help.

    ``shown`` are the frames that it was chosen from, evenly spread.
    """
    step = (shown[-1] - shown[0]) // (len(shown) - 1) if len(shown) > 1 else len(video)
    start, stop = max(0, chosen - step + 1), min(len(video), chosen + step)
    if stop - start < 3 or float(video.times[stop - 1] - video.times[start]) < 2 * CLOSE:
        return []
    return _with(uniform(start, stop, count), chosen)


def between(video: Video, seen: list[int], count: int) -> list[int]:
    """Return ``count`` frames halfway between those seen so far, to look again; none where that would not help."""
    if gap(video, seen) < CLOSE or len(seen) < 2:
        return []
    halfway = [(first + second) // 2 for first, second in pairwise(sorted(seen))]
    return [halfway[place] for place in uniform(0, len(halfway), count)]


def context(video: Video, pivot: int) -> list[int]:
    """Return at most five frames within seconds of ``pivot``, itself among them, in order."""
    near = [index for index, time in enumerate(video.times) if abs(time - video.times[pivot]) <= NEARBY / 2]
    return _with(uniform(near[0], near[-1] + 1, CHUNK), pivot)


def published_context(total: int, pivot: int, sounding: bool) -> list[int]:
    """Return the frames that a candidate of ``pivot`` is shown among as published: its chunk, for a sound up to ten."""
    own = [] if sounding else [chunk for chunk in chunks(total) if pivot in chunk]
    return own[0] if own else _with(uniform(0, total, 2 * CHUNK if sounding else CHUNK), pivot)


def _with(frames: list[int], wanted: int) -> list[int]:
    """Put a frame in the place of the one nearest to it."""
    nearest = min(range(len(frames)), key=lambda place: abs(frames[place] - wanted))
    return sorted({*frames[:nearest], wanted, *frames[nearest + 1 :]})
