"""Kaldi's log-mel filter bank, which networks for sound are trained on.

In numpy, since libraries with Kaldi's own code refuse as many bands as these networks take: the lowest bands are narrower than
the resolution of the transform, and some of them hold nothing.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
WINDOW, HOP = 0.025, 0.01
"""Seconds that a column of the filter bank describes, and from one column to the next."""
LOWEST, EMPHASIS, POWER, FLOOR = 20.0, 0.97, 0.85, float(np.finfo(np.float32).eps)
"""The lowest frequency in Hz, how much of the sample before is taken away, the window's exponent, the least energy."""


def filter_bank(
    samples: npt.NDArray[np.float32], bands: int, rate: int = 16_000, power: float = POWER
) -> npt.NDArray[np.float32]:
    """Return the log energies float32 (T, ``bands``) of sound (N,) at ``rate`` Hz, as Kaldi does without dither.

    T is 1 + (N - window) // hop, in samples; 0 where the sound is shorter than a window of 25 ms. Kaldi's samples are 16-bit
    numbers: sound in -1..1 is first multiplied by 2^15. ``power`` is the window's exponent: Kaldi's own, or 1 for Hann's.
    """
    size, step = round(WINDOW * rate), round(HOP * rate)
    if len(samples) < size:
        return np.zeros((0, bands), np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(samples.astype(np.float64), size)[::step]
    frames = frames - frames.mean(axis=1, keepdims=True)
    before = np.concatenate([frames[:, :1], frames[:, :-1]], axis=1)
    length = 1 << (size - 1).bit_length()
    energy = np.abs(np.fft.rfft((frames - EMPHASIS * before) * _window(size, power), n=length)) ** 2
    return np.log(np.maximum(energy @ _triangles(bands, length, rate), FLOOR)).astype(np.float32)


@cache
def _window(size: int, power: float) -> Floats:
    """Return a window of Hann's to a power; Kaldi's "povey" window is wider at the ends."""
    return np.asarray(np.hanning(size) ** power)


@cache
def _triangles(bands: int, length: int, rate: int) -> Floats:
    """Return the weight (length // 2 + 1, bands) of each frequency in each band: triangles of one width in mel."""
    frequencies = np.arange(length // 2) * rate / length
    edges = np.linspace(_mel(np.float64(LOWEST)), _mel(np.float64(rate / 2)), bands + 2)
    mel, width = _mel(frequencies)[:, None], edges[1] - edges[0]
    weights = np.maximum(0, np.minimum(mel - edges[:-2], edges[2:] - mel) / width)
    return np.concatenate([weights, np.zeros((1, bands))])


def _mel(hertz: Floats | np.float64) -> Floats:
    return np.asarray(1127 * np.log1p(hertz / 700))
