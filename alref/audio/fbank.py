"""Kaldi's log-mel filter bank, which networks for sound are trained on.

In numpy, since libraries with Kaldi's own code refuse as many bands as these networks take: the lowest bands are narrower than
the resolution of the transform, and some of them hold nothing.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
WINDOW_SECONDS, HOP_SECONDS = 0.025, 0.01
"""Seconds that a column of the filter bank describes, and from one column to the next."""
LOW_FREQUENCY, PREEMPHASIS, WINDOW_POWER, ENERGY_FLOOR = 20.0, 0.97, 0.85, float(np.finfo(np.float32).eps)
"""The lowest frequency in Hz, how much of the sample before is taken away, the window's exponent, the least energy."""


def compute_fbank(
    samples: npt.NDArray[np.float32], num_mel_bins: int, rate: int = 16_000, power: float = WINDOW_POWER
) -> npt.NDArray[np.float32]:
    """Return the log energies float32 (T, ``bands``) of sound (N,) at ``rate`` Hz, as Kaldi does without dither.

    T is 1 + (N - window) // hop, in samples; 0 where the sound is shorter than a window of 25 ms. Kaldi's samples are 16-bit
    numbers: sound in -1..1 is first multiplied by 2^15. ``power`` is the window's exponent: Kaldi's own, or 1 for Hann's.
    """
    size, step = round(WINDOW_SECONDS * rate), round(HOP_SECONDS * rate)
    if len(samples) < size:
        return np.zeros((0, num_mel_bins), np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(samples.astype(np.float64), size)[::step]
    frames = frames - frames.mean(axis=1, keepdims=True)
    before = np.concatenate([frames[:, :1], frames[:, :-1]], axis=1)
    length = 1 << (size - 1).bit_length()
    energy = np.abs(np.fft.rfft((frames - PREEMPHASIS * before) * _make_window(size, power), n=length)) ** 2
    return np.log(np.maximum(energy @ _make_mel_filters(num_mel_bins, length, rate), ENERGY_FLOOR)).astype(np.float32)


@cache
def _make_window(size: int, power: float) -> Floats:
    """Return a window of Hann's to a power; Kaldi's "povey" window is wider at the ends."""
    return np.asarray(np.hanning(size) ** power)


@cache
def _make_mel_filters(num_mel_bins: int, fft_size: int, rate: int) -> Floats:
    """Return the weight (length // 2 + 1, bands) of each frequency in each band: triangles of one width in mel."""
    frequencies = np.arange(fft_size // 2) * rate / fft_size
    edges = np.linspace(_convert_to_mel(np.float64(LOW_FREQUENCY)), _convert_to_mel(np.float64(rate / 2)), num_mel_bins + 2)
    mel, width = _convert_to_mel(frequencies)[:, None], edges[1] - edges[0]
    weights = np.maximum(0, np.minimum(mel - edges[:-2], edges[2:] - mel) / width)
    return np.concatenate([weights, np.zeros((1, num_mel_bins))])


def _convert_to_mel(hertz: Floats | np.float64) -> Floats:
    return np.asarray(1127 * np.log1p(hertz / 700))
