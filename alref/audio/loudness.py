"""Measure loudness and detect silence."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from alref.media.video import SILENT_POWER, Video
from alref.records import Audio

SAMPLE_RATE = 16_000
LOUDNESS_WINDOW = 0.05
"""Length of a loudness window in seconds."""
SILENCE_THRESHOLD = 10 * math.log10(SILENT_POWER)
"""Level in dB relative to full scale below which audio is silent."""


def explain_silence(video: Video) -> str:
    """Return the reason why a video is silent; empty if it has audible sound."""
    heard = False
    for block in video.read_audio_blocks(SAMPLE_RATE):
        heard = True
        if compute_loudness(block).max() >= SILENCE_THRESHOLD:
            return ""
    return (
        f"the audio is silent: never above {SILENCE_THRESHOLD:g} dB relative to full scale"
        if heard
        else "the video has no audio"
    )


def compute_loudness(audio: Audio, window: float = LOUDNESS_WINDOW) -> npt.NDArray[np.float64]:
    """Return the level of each window of ``window`` seconds in dB relative to full scale, float64 (W,), at most 0."""
    size = max(1, round(window * audio.rate))
    padded = np.pad(audio.samples.astype(np.float64), (0, -len(audio.samples) % size)).reshape(-1, size)
    power = (padded**2).mean(axis=1)
    level: npt.NDArray[np.float64] = 10 * np.log10(np.maximum(power, 1e-12))
    return level
