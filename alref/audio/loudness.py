"""Whether there is anything to hear."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from alref.media.video import Video
from alref.records import Audio

RATE = 16_000
WINDOW = 0.05
"""Seconds over which loudness is measured."""
FLOOR = -60.0
"""Decibels below full scale under which a sound track is silent."""


def silence(video: Video) -> str:
    """Say why nothing can be heard in a video; empty when something can."""
    heard = False
    for block in video.sound(RATE):
        heard = True
        if loudness(block).max() >= FLOOR:
            return ""
    return f"its sound track is silent: nowhere above {FLOOR:g} dB of full scale" if heard else "the video has no sound track"


def loudness(audio: Audio, window: float = WINDOW) -> npt.NDArray[np.float64]:
    """Return the level of each window of ``window`` seconds in decibels of full scale (0 is the loudest), float64 (W,)."""
    size = max(1, round(window * audio.rate))
    padded = np.pad(audio.samples.astype(np.float64), (0, -len(audio.samples) % size)).reshape(-1, size)
    power = (padded**2).mean(axis=1)
    level: npt.NDArray[np.float64] = 10 * np.log10(np.maximum(power, 1e-12))
    return level
