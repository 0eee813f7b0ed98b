"""Kaldi's log-mel filter bank, the usual input of audio networks, computed by the transformers library."""

from __future__ import annotations

import warnings
from functools import cache

import numpy as np
import numpy.typing as npt

WINDOW_SECONDS, HOP_SECONDS = 0.025, 0.01
"""Length of a window and distance between windows, in seconds."""
LOW_FREQUENCY, PREEMPHASIS, WINDOW_POWER, ENERGY_FLOOR = 20.0, 0.97, 0.85, float(np.finfo(np.float32).eps)
"""The lowest frequency in Hz, the pre-emphasis coefficient, the exponent of the window, the minimum energy."""


def compute_fbank(
    samples: npt.NDArray[np.float32], num_mel_bins: int, rate: int = 16_000, power: float = WINDOW_POWER
) -> npt.NDArray[np.float32]:
    """Return the log energies float32 (T, ``num_mel_bins``) of audio (N,) at ``rate`` Hz, as Kaldi does without dither.

    T is 1 + (N - window) // hop, in samples; 0 if the audio is shorter than a window of 25 ms. Kaldi expects samples in the
    16-bit range: multiply audio in -1..1 by 2^15 first. ``power`` is the exponent of a Hann window: 0.85 is Kaldi's "povey".
    """
    from transformers.audio_utils import spectrogram

    size, step = round(WINDOW_SECONDS * rate), round(HOP_SECONDS * rate)
    if len(samples) < size:
        return np.zeros((0, num_mel_bins), np.float32)
    fft_size = 1 << (size - 1).bit_length()
    filters = _make_mel_filters(num_mel_bins, fft_size, rate)
    energies = spectrogram(
        samples, np.hanning(size) ** power, frame_length=size, hop_length=step, fft_length=fft_size, power=2.0, center=False,
        preemphasis=PREEMPHASIS, mel_filters=filters, log_mel="log", mel_floor=ENERGY_FLOOR, remove_dc_offset=True,
    )  # fmt: skip
    return np.ascontiguousarray(energies.T, np.float32)


@cache
def _make_mel_filters(num_mel_bins: int, fft_size: int, rate: int) -> npt.NDArray[np.float64]:
    """Return the weight (fft_size // 2 + 1, bands) of each frequency in each band.

    With many bands, the lowest ones are narrower than the FFT resolution and have no weights; the library warns of this.
    """
    from transformers.audio_utils import mel_filter_bank

    shape = fft_size // 2 + 1, num_mel_bins
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="At least one mel filter has all zero values")
        filters = mel_filter_bank(*shape, LOW_FREQUENCY, rate / 2, rate, None, "kaldi", triangularize_in_mel_space=True)
    return np.asarray(filters, np.float64)
