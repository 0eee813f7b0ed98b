"""Detect when something sounds: the level in frequency bands above the noise floor of each band.

Each band has its own floor, so a bird is detected over louder traffic. The source is not recognized.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np

from alref import Audio, Mask, TimeSpan, Video, merge_windows
from alref_baseline.efficientnet import FloatArray

SAMPLE_RATE = 16_000
STEP_SECONDS = 0.02
"""Seconds between levels."""
MIN_FLOOR_DB = -72.0
"""Minimum floor of a band, in dB relative to full scale."""
ONSET_DB, OFFSET_DB = 12.0, 8.0
"""Levels above the floor, in dB, at which a sound begins and below which it ends."""
MAX_PAUSE = 0.4
"""Maximum pause within a sound, in seconds: between words, between keystrokes."""
MIN_DURATION = 0.04
"""Minimum duration of an isolated sound, in seconds."""
_HOP = round(STEP_SECONDS * SAMPLE_RATE)
_WINDOW = 1024
_BAND_EDGES = (60, 150, 300, 500, 800, 1200, 1800, 2700, 4000, 8000)
_FLOOR_PERCENTILE = 10
_SMOOTHING_STEPS = 5


@dataclass(frozen=True, eq=False)
class AudioActivity:
    """Activity over time: ``height`` float32 (L,) is the level above the floor in dB of the loudest band, one per STEP_SECONDS.

    The first is at second ``start``; ``seconds`` is the duration of the audio.
    """

    excess_db: FloatArray
    start: float
    seconds: float

    def find_spans(self) -> tuple[TimeSpan, ...]:
        """Return the spans in seconds in which something sounds, in order and disjoint."""
        times = np.arange(len(self.excess_db), dtype=np.float64) * STEP_SECONDS
        found = merge_windows(times, _apply_hysteresis(self.excess_db), STEP_SECONDS, MAX_PAUSE)
        return tuple(
            (self.start + begin, self.start + min(end, self.seconds))
            for begin, end in found
            if end - begin >= min(MIN_DURATION, self.seconds)
        )


def get_activity(video: Video) -> AudioActivity:
    """Return the activity of the audio of a video, computed once per video; empty without audio."""
    return video.remember(AudioActivity, lambda: detect_activity(video.read_audio_blocks(SAMPLE_RATE)))


def detect_activity(blocks: Iterable[Audio]) -> AudioActivity:
    """Compute the activity of audio at RATE from consecutive blocks, one block at a time.

    A sound as steady as a background is compared with MIN_FLOOR_DB instead of its own level; single short peaks do not
    prevent this.
    """
    facts: list[tuple[float, float]] = []
    levels = list(_compute_levels(_record_blocks(blocks, facts)))
    height = _compute_excess(np.concatenate(levels)) if levels else np.zeros(0, np.float32)
    start = facts[0][0] if facts else 0.0
    return AudioActivity(height, start, sum(seconds for _, seconds in facts))


def _compute_excess(level: FloatArray) -> FloatArray:
    """Return the level of the loudest band above its floor, from levels (L, B), L at least 1: float32 (L,), at least 0."""
    height = (level - np.maximum(np.percentile(level, _FLOOR_PERCENTILE, axis=0), MIN_FLOOR_DB)).max(axis=1)
    if np.convolve(height, np.ones(_SMOOTHING_STEPS) / _SMOOTHING_STEPS, "same").max() < ONSET_DB:
        height = (level - MIN_FLOOR_DB).max(axis=1)
    return np.asarray(np.maximum(height, 0), np.float32)


def _record_blocks(blocks: Iterable[Audio], facts: list[tuple[float, float]]) -> Iterator[FloatArray]:
    """Yield the samples of blocks, and append their start and duration in seconds to ``facts``."""
    for block in blocks:
        facts.append((block.start, len(block.samples) / block.rate))
        yield block.samples


def _apply_hysteresis(excess: FloatArray) -> Mask:
    """Return the steps in which something sounds, by hysteresis between ONSET_DB and OFFSET_DB."""
    going = excess >= OFFSET_DB
    run = np.cumsum(np.diff(going, prepend=False))
    begun = np.zeros(int(run.max(initial=0)) + 1, np.bool_)
    begun[run[excess >= ONSET_DB]] = True
    return np.asarray(begun[run] & going)


def _compute_levels(blocks: Iterable[FloatArray]) -> Iterator[FloatArray]:
    """Yield the levels of steps and bands in dB full scale, float32 (L, B); a partial hop at the end counts as a step."""
    margin = (_WINDOW - _HOP) // 2
    kept = np.zeros(margin, np.float32)
    for samples in chain(blocks, [np.zeros(margin + _HOP - 1, np.float32)]):
        kept = np.concatenate([kept, samples])
        count = max(0, (len(kept) - _WINDOW) // _HOP + 1)
        if count:
            yield _compute_band_levels(np.lib.stride_tricks.sliding_window_view(kept, _WINDOW)[: count * _HOP : _HOP])
        kept = kept[count * _HOP :]


def _compute_band_levels(windows: FloatArray) -> FloatArray:
    taper = np.hanning(_WINDOW).astype(np.float32)
    power = np.abs(np.fft.rfft(windows * taper)) ** 2 * (2 / (_WINDOW * (taper**2).sum()))
    edges = [round(edge * _WINDOW / SAMPLE_RATE) for edge in _BAND_EDGES]
    bands = np.add.reduceat(power[:, : edges[-1]], edges[:-1], axis=1)
    return np.asarray(10 * np.log10(np.maximum(bands, 1e-12)), np.float32)
