"""Sound: mono float32 that stays in time with the pictures, whatever the tracks, gaps and faults."""

from __future__ import annotations

import re
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest

from alref.audio.loudness import explain_silence
from alref.errors import InputError
from alref.media.audio_decoder import read_audio
from alref.media.reader import open_video
from alref.records import Audio
from support.clips import encode, write_sound

RATE = 16000
Samples = npt.NDArray[np.float32]


def clicks(seconds: float, at: list[float], channels: int = 1) -> Samples:
    """Make silence with a short click at each of the given seconds."""
    samples = np.zeros((channels, round(seconds * RATE)), np.float32)
    for second in at:
        samples[:, round(second * RATE)] = 0.9
    return samples


def heard_at(audio: Audio) -> list[float]:
    """List the seconds of the video's clock at which clicks are heard."""
    loud = np.flatnonzero(np.abs(audio.samples) > 0.4 * np.abs(audio.samples).max())
    starts = loud[np.diff(loud, prepend=-1000) > 100]
    return [float(audio.start + start / audio.rate) for start in starts]


def listened(path: Path, rate: int = RATE, **window: float) -> Audio:
    audio = open_video(path, **window).read_audio(rate)
    assert audio is not None
    assert audio.samples.dtype == np.float32
    return audio


@pytest.mark.parametrize("rate", [8000, 16000, 44100, 48000])
def test_a_click_is_heard_when_it_happens_at_any_rate(tmp_path: Path, rate: int) -> None:
    path = encode(tmp_path / "clip.mov", 75, sounds=[(clicks(3, [1.0, 2.5]), 0)])
    audio = listened(path, rate)
    assert (audio.rate, audio.start, len(audio.samples)) == (rate, 0.0, 3 * rate)
    assert heard_at(audio) == pytest.approx([1.0, 2.5], abs=0.001)


def test_sound_that_begins_after_the_pictures_says_so(tmp_path: Path) -> None:
    audio = listened(encode(tmp_path / "clip.mkv", 75, sounds=[(clicks(1, [0.25]), RATE)]))
    assert audio.start == pytest.approx(1.0, abs=0.001)
    assert heard_at(audio) == pytest.approx([1.25], abs=0.002)
    assert len(audio.samples) == RATE


def test_sound_before_the_first_picture_is_left_out(tmp_path: Path) -> None:
    path = encode(tmp_path / "clip.mkv", pts=range(10, 60), sounds=[(clicks(3, [0.1, 1.0]), 0)])
    audio = listened(path)
    assert audio.start == pytest.approx(0, abs=0.001)
    assert heard_at(audio) == pytest.approx([0.6], abs=0.002)
    assert len(audio.samples) / RATE == pytest.approx(2.0, abs=0.001)


def test_a_window_hears_its_own_seconds(tmp_path: Path) -> None:
    path = encode(tmp_path / "clip.mov", 100, sounds=[(clicks(4, [0.5, 1.5, 2.5, 3.5]), 0)])
    audio = listened(path, start=1, end=3, every=5)
    assert (audio.start, len(audio.samples)) == (1.0, 2 * RATE)
    assert heard_at(audio) == pytest.approx([1.5, 2.5], abs=0.001)


def test_channels_are_averaged(tmp_path: Path) -> None:
    stereo = np.stack([np.full(RATE, 0.5), np.full(RATE, -0.1)]).astype(np.float32)
    surround = np.repeat(np.arange(6)[:, None] / 10, RATE, axis=1).astype(np.float32)
    path = encode(tmp_path / "clip.mov", 25, sounds=[(stereo, 0), (surround, 0)])
    np.testing.assert_allclose(listened(path).samples, 0.2, atol=1e-6)
    np.testing.assert_allclose(listened(path, audio_track=1).samples, 0.25, atol=1e-6)


def test_a_sound_track_is_chosen_by_number(tmp_path: Path) -> None:
    path = encode(tmp_path / "clip.mov", 25, sounds=[(clicks(1, [0.2]), 0), (clicks(1, [0.7], 2), 0)])
    assert heard_at(listened(path, audio_track=1)) == pytest.approx([0.7], abs=0.001)
    tracks = r"0: pcm_f32le, mono, 16000 Hz.*; 1: pcm_f32le, stereo, 16000 Hz"
    with pytest.raises(InputError, match=rf"\b2\b.*{tracks}"):
        open_video(path, audio_track=2)
    assert open_video(path).fingerprint != open_video(path, audio_track=1).fingerprint


def test_no_sound_is_none(tmp_path: Path) -> None:
    assert open_video(encode(tmp_path / "mute.mp4", 5)).read_audio(RATE) is None
    short = encode(tmp_path / "short.mov", 75, sounds=[(clicks(1, [0.5]), 0)])
    assert open_video(short, start=2).read_audio(RATE) is None


def gap(source: Path, target: Path, first: int, last: int) -> Path:
    """Copy a clip without the sound packets ``first`` to ``last``."""
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        streams = {stream.index: new.add_stream_from_template(stream) for stream in old.streams}
        count = 0
        for packet in old.demux():
            sound, there = packet.stream.type == "audio", packet.dts is not None or packet.pts is not None
            count += sound
            if there and not (sound and first <= count <= last):
                packet.stream = streams[packet.stream_index]
                new.mux(packet)
    return target


def test_a_gap_is_silence_and_what_follows_stays_in_time(tmp_path: Path) -> None:
    path = encode(tmp_path / "clip.mkv", 75, sounds=[(clicks(3, [0.5, 1.2, 2.5]), 0)])
    audio = listened(gap(path, tmp_path / "gap.mkv", 20, 30))
    assert heard_at(audio) == pytest.approx([0.5, 2.5], abs=0.002)
    assert len(audio.samples) == pytest.approx(3 * RATE, abs=32)


def test_a_damaged_packet_is_silence_and_is_spoken_of(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(0, 0.01, (1, 3 * RATE)).astype(np.float32)
    path = write_sound(tmp_path / "sound.mka", clicks(3, [0.5, 2.5]) + noise, "aac")
    with av.open(str(path)) as file:
        places = [bytes(packet) for packet in file.demux(audio=0) if packet.size]
    data = path.read_bytes()
    for packet in [*places[:3], *places[20:25]]:
        data = data.replace(packet, b"\xff" * len(packet))
    path.write_bytes(data)
    with pytest.warns(UserWarning, match=r"sound\.mka: .*\d"):
        audio = read_audio(path, RATE)
    assert heard_at(audio) == pytest.approx([0.5, 2.5], abs=0.002)


@pytest.mark.filterwarnings("ignore:sound.wav")
def test_values_that_are_no_numbers_are_zero_and_are_spoken_of(tmp_path: Path) -> None:
    samples = np.full((1, RATE), 0.25, np.float32)
    samples[0, 100:110], samples[0, 200] = np.nan, np.inf
    path = write_sound(tmp_path / "sound.wav", samples, "pcm_f32le")
    with pytest.warns(UserWarning, match=r"\b11\b"):
        audio = read_audio(path, RATE)
    assert np.flatnonzero(audio.samples == 0).tolist() == [*range(100, 110), 200]
    clip = open_video(encode(tmp_path / "clip.mov", 25, sounds=[(samples, 0)]))
    clip.read_audio(RATE)
    assert re.fullmatch(r"clip\.mov: .*\b11\b.*", *clip.warnings)


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.wav", "pcm_u8"), ("b.wav", "pcm_s16le"), ("c.wav", "pcm_s32le"), ("d.flac", "flac"), ("e.mp3", "libmp3lame")],
)
def test_sound_files_keep_pitch_and_loudness(tmp_path: Path, name: str, codec: str) -> None:
    tone = (0.5 * np.sin(2 * np.pi * 440 * np.arange(2 * RATE) / RATE)).astype(np.float32)
    audio = read_audio(write_sound(tmp_path / name, np.stack([tone, tone]), codec), 22050)
    assert (audio.rate, audio.start) == (22050, 0.0)
    assert len(audio.samples) / 22050 == pytest.approx(2, abs=0.1)
    middle = audio.samples[11025:33075]
    assert np.argmax(np.abs(np.fft.rfft(middle))) == pytest.approx(440, abs=1)
    assert np.abs(middle).max() == pytest.approx(0.5, abs=0.03)


def test_what_holds_no_sound_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("la la la " * 100)
    with pytest.raises(InputError, match=r"mute\.mp4: "):
        read_audio(encode(tmp_path / "mute.mp4", 3), RATE)
    with pytest.raises(InputError, match=r"text\.wav: "):
        read_audio(tmp_path / "text.wav", RATE)
    with pytest.raises(InputError, match=r"gone\.wav: "):
        read_audio(tmp_path / "gone.wav", RATE)
    with pytest.raises(InputError, match=r"rate: .*\b0\b"):
        read_audio(write_sound(tmp_path / "a.wav", clicks(1, []), "pcm_s16le"), 0)


def tone(level: float, seconds: float = 1.0) -> npt.NDArray[np.float32]:
    return (level * np.sin(np.arange(round(16000 * seconds)) * 0.2)).astype(np.float32)


@pytest.mark.parametrize(
    "channels",
    [
        [tone(0.5), -tone(0.5)],
        [tone(0.5), -tone(0.48)],
        [np.zeros(16000, np.float32), *[tone(0.004) * sign for sign in (1, -1)], *[np.zeros(16000, np.float32)] * 3],
        [tone(0.008), *[np.zeros(16000, np.float32)] * 5],
    ],
)
def test_silence_is_decided_per_channel(tmp_path: Path, channels: list[npt.NDArray[np.float32]]) -> None:
    path = encode(tmp_path / "clip.mkv", sounds=[(np.stack(channels), 0)])
    assert explain_silence(open_video(path)) == ""
    audio = open_video(path).read_audio(16000)
    assert audio is not None
    loudest = max(float(np.abs(channel).max()) for channel in channels)
    assert np.abs(audio.samples).max() == pytest.approx(loudest, rel=0.05)


def test_channels_that_do_not_cancel_are_averaged(tmp_path: Path) -> None:
    left, right = tone(0.5), tone(0.3)
    path = encode(tmp_path / "clip.mkv", sounds=[(np.stack([left, -right]), 0)])
    audio = open_video(path).read_audio(16000)
    assert audio is not None
    np.testing.assert_allclose(audio.samples, (left - right)[: len(audio.samples)] / 2, atol=1e-6)
    quiet = encode(tmp_path / "quiet.mkv", sounds=[(np.stack([tone(0.0005), -tone(0.0005)]), 0)])
    assert explain_silence(open_video(quiet))
