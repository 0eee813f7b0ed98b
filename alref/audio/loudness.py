"""Whether there is anything to hear."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from alref.media.video import Video
from alref.records import Audio

SAMPLE_RATE = 16_000
LOUDNESS_WINDOW = 0.05
"""Seconds over which loudness is measured."""
SILENCE_THRESHOLD = -60.0
"""Decibels below full scale under which a sound track is silent."""


def explain_silence(video: Video) -> str:
    """Say why nothing can be heard in a video; empty when something can."""
    heard = False
    for block in video.read_audio_blocks(SAMPLE_RATE):
        heard = True
        if compute_loudness(block).max() >= SILENCE_THRESHOLD:
            return ""
    return (
        f"its sound track is silent: nowhere above {SILENCE_THRESHOLD:g} dB of full scale"
        if heard
        else "the video has no sound track"
    )


def compute_loudness(audio: Audio, window: float = LOUDNESS_WINDOW) -> npt.NDArray[np.float64]:
    """Return the level of each window of ``window`` seconds in decibels of full scale (0 is the loudest), float64 (W,)."""
    size = max(1, round(window * audio.rate))
    padded = np.pad(audio.samples.astype(np.float64), (0, -len(audio.samples) % size)).reshape(-1, size)
    power = (padded**2).mean(axis=1)
    level: npt.NDArray[np.float64] = 10 * np.log10(np.maximum(power, 1e-12))
    return level
