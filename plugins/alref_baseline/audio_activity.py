"""When something sounds: the level of a sound in bands of pitch, above what each band holds when little is heard.

A band's floor is its own, so that a bird is heard over traffic that is louder than it. What sounds, it does not say.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np

from alref.audio.intervals import spans
from alref.media.video import Video
from alref.records import Audio, Span
from alref.utils.masks import Mask
from alref_baseline.efficientnet import Floats

RATE = 16_000
STEP = 0.02
"""Seconds from one level to the next."""
FLOOR = -72.0
"""Decibels of full scale, in one band, that the floor never lies below."""
BEGINS, GOES_ON = 12.0, 8.0
"""Decibels above the floor at which something begins to sound, and down to which it goes on."""
PAUSE = 0.4
"""Seconds of quiet that do not end a sound: between words, between keystrokes."""
SHORT = 0.04
"""Seconds below which a sound alone is none."""
_HOP = round(STEP * RATE)
_WINDOW = 1024
_EDGES = (60, 150, 300, 500, 800, 1200, 1800, 2700, 4000, 8000)
_QUIET = 10
_MOMENT = 5


@dataclass(frozen=True, eq=False)
class Activity:
    """How a sound rises: ``height`` float32 (L,) decibels above the floor in its loudest band, one for every STEP seconds.

    The first is that of second ``start``; ``seconds`` is the length of the sound.
    """

    height: Floats
    start: float
    seconds: float

    def spans(self) -> tuple[Span, ...]:
        """Return the seconds in which something sounds, in order and apart."""
        times = np.arange(len(self.height), dtype=np.float64) * STEP
        found = spans(times, _held(self.height), STEP, PAUSE)
        return tuple(
            (self.start + begin, self.start + min(end, self.seconds))
            for begin, end in found
            if end - begin >= min(SHORT, self.seconds)
        )


_ACTIVITIES: weakref.WeakKeyDictionary[Video, Activity] = weakref.WeakKeyDictionary()


def activity_of(video: Video) -> Activity:
    """Return the activity of a video's sound track, listened to once as long as the video lives; without one it is empty."""
    if video not in _ACTIVITIES:
        _ACTIVITIES[video] = activity(video.sound(RATE))
    return _ACTIVITIES[video]


def activity(blocks: Iterable[Audio]) -> Activity:
    """Listen to a sound at RATE that comes in blocks, holding one at a time.

    One as steady as a background, with none beneath it, stands above silence instead, whatever single drops there are.
    """
    facts: list[tuple[float, float]] = []
    levels = list(_levels(_noted(blocks, facts)))
    height = _height(np.concatenate(levels)) if levels else np.zeros(0, np.float32)
    start = facts[0][0] if facts else 0.0
    return Activity(height, start, sum(seconds for _, seconds in facts))


def _height(level: Floats) -> Floats:
    """Return how far the loudest band stands above its floor, from levels (L, B), L at least 1: float32 (L,), at least 0."""
    height = (level - np.maximum(np.percentile(level, _QUIET, axis=0), FLOOR)).max(axis=1)
    if np.convolve(height, np.ones(_MOMENT) / _MOMENT, "same").max() < BEGINS:
        height = (level - FLOOR).max(axis=1)
    return np.asarray(np.maximum(height, 0), np.float32)


def _noted(blocks: Iterable[Audio], facts: list[tuple[float, float]]) -> Iterator[Floats]:
    """Yield the samples of blocks, and note where each begins and how many seconds it takes."""
    for block in blocks:
        facts.append((block.start, len(block.samples) / block.rate))
        yield block.samples


def _held(height: Floats) -> Mask:
    """Say in which steps something sounds: from where it begins, back and on to where it no longer goes on."""
    going = height >= GOES_ON
    run = np.cumsum(np.diff(going, prepend=False))
    begun = np.zeros(int(run.max(initial=0)) + 1, np.bool_)
    begun[run[height >= BEGINS]] = True
    return np.asarray(begun[run] & going)


def _levels(blocks: Iterable[Floats]) -> Iterator[Floats]:
    """Yield the levels of steps and bands in decibels of full scale, float32 (L, B), the last step for any rest of a hop."""
    margin = (_WINDOW - _HOP) // 2
    kept = np.zeros(margin, np.float32)
    for samples in chain(blocks, [np.zeros(margin + _HOP - 1, np.float32)]):
        kept = np.concatenate([kept, samples])
        count = max(0, (len(kept) - _WINDOW) // _HOP + 1)
        if count:
            yield _bands(np.lib.stride_tricks.sliding_window_view(kept, _WINDOW)[: count * _HOP : _HOP])
        kept = kept[count * _HOP :]


def _bands(windows: Floats) -> Floats:
    taper = np.hanning(_WINDOW).astype(np.float32)
    power = np.abs(np.fft.rfft(windows * taper)) ** 2 * (2 / (_WINDOW * (taper**2).sum()))
    edges = [round(edge * _WINDOW / RATE) for edge in _EDGES]
    bands = np.add.reduceat(power[:, : edges[-1]], edges[:-1], axis=1)
    return np.asarray(10 * np.log10(np.maximum(bands, 1e-12)), np.float32)
