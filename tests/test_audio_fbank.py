"""The filter bank is Kaldi's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from alref.audio.fbank import compute_fbank
from alref.media.audio_decoder import read_audio

SOUNDS = Path(__file__).parents[1] / ".." / "shared" / "data" / "audio"
Samples = npt.NDArray[np.float32]


def independent(samples: Samples, bands: int) -> npt.NDArray[np.float64]:
    """Return the filter bank of the transformers library, which is tested against Kaldi's."""
    audio = pytest.importorskip("transformers.audio_utils")
    made = audio.spectrogram(
        samples,
        audio.window_function(400, "povey", periodic=False),
        frame_length=400,
        hop_length=160,
        fft_length=512,
        power=2.0,
        center=False,
        preemphasis=0.97,
        mel_filters=audio.mel_filter_bank(257, bands, 20, 8000, 16_000, None, "kaldi", True),
        log_mel="log",
        mel_floor=1.192092955078125e-07,
        remove_dc_offset=True,
    )
    return np.asarray(made.T)


@pytest.mark.filterwarnings("ignore:At least one mel filter has all zero values")
@pytest.mark.parametrize("bands", [23, 80, 112, 128])
@pytest.mark.parametrize("level", [3000.0, 1.0, 0.0])
def test_is_the_same_as_another_one(bands: int, level: float) -> None:
    samples = np.random.default_rng(0).normal(0, level, 8000).astype(np.float32)
    made = compute_fbank(samples, bands)
    assert made.shape == (48, bands)
    assert made.dtype == np.float32
    np.testing.assert_allclose(made, independent(samples, bands), atol=1e-4)


@pytest.mark.filterwarnings("ignore:At least one mel filter has all zero values")
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
