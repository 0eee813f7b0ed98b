"""What LanguageBind sees of a sound: three pictures of its spectrum."""

from __future__ import annotations

import warnings
from functools import cache

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
RATE = 16_000
FRAME, TRANSFORM = 400, 512
"""Samples of a frame of 25 ms, to which a shorter sound is filled up with silence, and of its Fourier transform."""


def pictures(samples: Floats, bins: int, frames: int, mean: float, deviation: float) -> Floats:
    """Return the log-mel spectrum of a sound float32 (N,) at 16 kHz as three pictures float32 (3, ``bins``, ``frames``).

    A short sound is repeated until it fills the picture; of a long one the three show the beginning of each third of the places
    where a picture can begin. Values are centred on ``mean`` and divided by twice ``deviation``.
    """
    mel = fbank(samples, bins)
    if len(mel) <= frames:
        shown = [np.resize(mel, (frames, bins))] * 3
    else:
        thirds = np.array_split(np.arange(len(mel) - frames + 1), 3)
        begins = [int(third[0]) if len(third) else 0 for third in thirds]
        shown = [mel[begin : begin + frames] for begin in begins]
    return np.asarray((np.stack(shown).transpose(0, 2, 1) - mean) / (2 * deviation), np.float32)


def fbank(samples: Floats, bins: int) -> Floats:
    """Return Kaldi's log-mel filter bank float32 (F, ``bins``) of a sound at 16 kHz, less its mean: 25 ms every 10 ms."""
    from transformers.audio_utils import spectrogram

    made = spectrogram(
        np.pad(samples - samples.mean(), (0, max(0, FRAME - len(samples)))),
        np.hanning(FRAME),
        frame_length=FRAME,
        hop_length=160,
        fft_length=TRANSFORM,
        power=2.0,
        center=False,
        preemphasis=0.97,
        mel_filters=_filters(bins),
        log_mel="log",
        mel_floor=float(np.finfo(np.float32).eps),
        remove_dc_offset=True,
    )
    return np.asarray(made.T, np.float32)


@cache
def _filters(bins: int) -> npt.NDArray[np.float64]:
    from transformers.audio_utils import mel_filter_bank

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "At least one mel filter has all zero values")
        made: npt.NDArray[np.float64] = mel_filter_bank(
            TRANSFORM // 2 + 1, bins, 20, RATE / 2, RATE, mel_scale="kaldi", triangularize_in_mel_space=True
        )
    return made
