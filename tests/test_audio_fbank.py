"""The filter bank is Kaldi's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from alref.audio.fbank import compute_fbank
from alref.media.audio_decoder import read_audio

pytest.importorskip("transformers")
SOUNDS = Path(__file__).parents[1] / ".." / "shared" / "data" / "audio"
Samples = npt.NDArray[np.float32]


def independent(samples: Samples, bands: int) -> npt.NDArray[np.float64]:
    """Return the filter bank of sound at 16 kHz by its definition in Kaldi: triangles of one width in mel, "povey" window."""
    frames = np.lib.stride_tricks.sliding_window_view(samples.astype(np.float64), 400)[::160]
    frames = frames - frames.mean(axis=1, keepdims=True)
    emphasized = frames - 0.97 * np.concatenate([frames[:, :1], frames[:, :-1]], axis=1)
    energy = np.abs(np.fft.rfft(emphasized * np.hanning(400) ** 0.85, n=512))[:, :256] ** 2
    mel = 1127 * np.log1p(np.arange(256)[:, None] * 16_000 / 512 / 700)
    edges = np.linspace(*1127 * np.log1p(np.array([20.0, 8000.0]) / 700), bands + 2)
    weights = np.maximum(0, np.minimum(mel - edges[:-2], edges[2:] - mel) / (edges[1] - edges[0]))
    return np.asarray(np.log(np.maximum(energy @ weights, 1.192092955078125e-07)))


@pytest.mark.parametrize("bands", [23, 80, 112, 128])
@pytest.mark.parametrize("level", [3000.0, 1.0, 0.0])
def test_is_kaldis_by_definition(bands: int, level: float) -> None:
    samples = np.random.default_rng(0).normal(0, level, 8000).astype(np.float32)
    made = compute_fbank(samples, bands)
    assert made.shape == (48, bands)
    assert made.dtype == np.float32
    np.testing.assert_allclose(made, independent(samples, bands), atol=1e-4)


@pytest.mark.parametrize("name", ["trumpet", "rain", "speech_female"])
def test_is_the_same_for_real_sounds(name: str) -> None:
    path = SOUNDS / f"{name}.wav"
    if not path.exists():
        pytest.skip("the sounds are not on this machine")
    samples = read_audio(path, 16_000).samples[:80_000] * np.float32(2**15)
    np.testing.assert_allclose(compute_fbank(samples, 128), independent(samples, 128), atol=1e-4)


def test_sound_shorter_than_a_window_has_no_column() -> None:
    assert compute_fbank(np.zeros(399, np.float32), 128).shape == (0, 128)
    assert compute_fbank(np.zeros(400, np.float32), 128).shape == (1, 128)
    assert compute_fbank(np.zeros(560, np.float32), 128).shape == (2, 128)
