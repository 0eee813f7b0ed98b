"""Convert audio to the input of LanguageBind: three images of its spectrum."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from alref.audio.fbank import compute_fbank

Floats = npt.NDArray[np.float32]
SAMPLE_RATE = 16_000
MIN_SAMPLES = 400
"""Samples in 25 ms; shorter audio is padded with silence to this length."""


def make_spectrogram_images(samples: Floats, bins: int, frames: int, mean: float, deviation: float) -> Floats:
    """Return the log-mel spectrum of audio float32 (N,) at 16 kHz as three images float32 (3, ``bins``, ``frames``).

    Short audio is repeated until it fills the image. For long audio, the three images start at the beginning of each third of
    the possible start positions. Values are centered on ``mean`` and divided by twice ``deviation``.
    """
    mel = compute_centered_fbank(samples, bins)
    if len(mel) <= frames:
        shown = [np.resize(mel, (frames, bins))] * 3
    else:
        thirds = np.array_split(np.arange(len(mel) - frames + 1), 3)
        begins = [int(third[0]) if len(third) else 0 for third in thirds]
        shown = [mel[begin : begin + frames] for begin in begins]
    return np.asarray((np.stack(shown).transpose(0, 2, 1) - mean) / (2 * deviation), np.float32)


def compute_centered_fbank(samples: Floats, bins: int) -> Floats:
    """Return Kaldi's log-mel filter bank float32 (F, ``bins``) of audio at 16 kHz, minus its mean: 25 ms every 10 ms."""
    long_enough = np.pad(samples - samples.mean(), (0, max(0, MIN_SAMPLES - len(samples))))
    return compute_fbank(long_enough, bins, SAMPLE_RATE, power=1.0)
