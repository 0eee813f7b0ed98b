"""Sampling of the frames that a model is shown: evenly spread, then closer around its answer; or chunks as published."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alref.media.video import Video
    from alref.records import TimeSpan

MIN_GAP_SECONDS = 2.0
"""No closer frames are asked about when shown frames are less than these seconds apart."""
CONTEXT_SECONDS = 10.0
"""Seconds around a pivot frame from which its context is taken."""
ROUND_SHIFT = 0.381966
"""By how much of a part the frames of the next round are shifted; multiples of this share are far apart."""
CHUNK_LENGTH, CHUNK_STEP = 5, 10
"""Frames of one question and the step between them, in arXiv 2408.15876."""


def sample_uniform(start: int, stop: int, count: int) -> list[int]:
    """Return at most ``count`` frames of ``start``..``stop - 1``: the middles of equal parts."""
    span = stop - start
    count = min(count, span)
    return [start + (2 * part + 1) * span // (2 * count) for part in range(count)]


def sample_frames(frames: Sequence[int], count: int, shift: float = 0.5) -> list[int]:
    """Return at most ``count`` of ``frames``, one of each of as many equal parts; ``shift`` 0..1 is its place in the part."""
    count = min(count, len(frames))
    return [frames[int((part + shift) * len(frames) / count)] for part in range(count)]


def compute_shift(vote: int, votes: int, round_number: int) -> float:
    """Return a place in a part, 0..1, that differs for each of several votes, from 0, and for each round, from 1."""
    return ((2 * vote + 1) / (2 * votes) + (round_number - 1) * ROUND_SHIFT) % 1


def sample_within_spans(video: Video, spans: tuple[TimeSpan, ...] | None, count: int) -> list[int]:
    """Return at most ``count`` frames, evenly spread over those at times in ``spans``; over all frames if none is."""
    inside = [index for index, time in enumerate(video.times) if any(start <= time < end for start, end in spans or ())]
    frames = inside or list(range(len(video)))
    return [frames[place] for place in sample_uniform(0, len(frames), count)]


def split_into_chunks(total: int) -> list[list[int]]:
    """Return the frames of each question as published: every tenth of 50 in turn; a remainder of one frame is dropped.

    A video too short for two frames that far apart is sampled evenly.
    """
    width = CHUNK_LENGTH * CHUNK_STEP
    parts = [list(range(first, min(first + width, total), CHUNK_STEP)) for first in range(0, total, width)]
    return [part for part in parts if len(part) > 1] or [sample_uniform(0, total, CHUNK_LENGTH)]


def compute_gap(video: Video, shown: list[int]) -> float:
    """Return the seconds between neighboring shown frames; the length of the video for one frame."""
    seconds = float(video.times[-1] - video.times[0])
    return seconds / max(1, len(shown))


def sample_around(video: Video, shown: list[int], chosen: int, count: int) -> list[int]:
    """Return ``count`` frames between the neighbors of ``chosen``, including it; an empty list where that would not help.

    ``shown`` are the evenly spread frames from which it was chosen.
    """
    step = (shown[-1] - shown[0]) // (len(shown) - 1) if len(shown) > 1 else len(video)
    start, stop = max(0, chosen - step + 1), min(len(video), chosen + step)
    if stop - start < 3 or float(video.times[stop - 1] - video.times[start]) < 2 * MIN_GAP_SECONDS:
        return []
    return _insert_frame(sample_uniform(start, stop, count), chosen)


def sample_between(video: Video, shown: list[int], count: int) -> list[int]:
    """Return ``count`` frames halfway between the frames shown so far; an empty list where that would not help."""
    if compute_gap(video, shown) < MIN_GAP_SECONDS or len(shown) < 2:
        return []
    halfway = [(first + second) // 2 for first, second in pairwise(sorted(shown))]
    return [halfway[place] for place in sample_uniform(0, len(halfway), count)]


def sample_context(video: Video, pivot: int) -> list[int]:
    """Return at most five frames within seconds of ``pivot``, including it, in order."""
    near = [index for index, time in enumerate(video.times) if abs(time - video.times[pivot]) <= CONTEXT_SECONDS / 2]
    return _insert_frame(sample_uniform(near[0], near[-1] + 1, CHUNK_LENGTH), pivot)


def sample_published_context(total: int, pivot: int, is_sound: bool) -> list[int]:
    """Return the context frames of ``pivot`` as published: its chunk; for sound, up to ten frames."""
    own = [] if is_sound else [chunk for chunk in split_into_chunks(total) if pivot in chunk]
    return own[0] if own else _insert_frame(sample_uniform(0, total, 2 * CHUNK_LENGTH if is_sound else CHUNK_LENGTH), pivot)


def _insert_frame(frames: list[int], frame: int) -> list[int]:
    """Replace the nearest frame of a list by a frame."""
    nearest = min(range(len(frames)), key=lambda place: abs(frames[place] - frame))
    return sorted({*frames[:nearest], frame, *frames[nearest + 1 :]})
