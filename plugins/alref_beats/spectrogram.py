"""Compute the spectrogram for BEATs."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from alref.audio.fbank import compute_fbank

SAMPLE_RATE = 16_000
BANDS, MEAN, SCALE = 128, 15.41663, 2 * 6.55582
"""Number of mel bands, and the constants that normalize the spectrogram, as in the authors' code."""


def compute_spectrogram(samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the spectrogram float32 (T, 128) of audio (N,) at 16 kHz; T is 1 + (N - 400) // 160."""
    return (compute_fbank(samples * np.float32(2**15), BANDS, SAMPLE_RATE) - np.float32(MEAN)) / np.float32(SCALE)
