"""Long sound tracks are heard block by block, in memory that does not grow with their length."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from alref.audio.loudness import explain_silence
from alref.audio.windows import cut_windows
from alref.media.audio_decoder import read_audio
from alref.media.reader import open_video
from alref.media.video import Video
from alref.records import Audio
from alref.testing import ArrayVideo, make_buzzing_video
from support.clips import encode, write_sound

RATE = 16_000
TRACK = 8_000


def long_clip(path: Path, seconds: int, noisy: range) -> Path:
    """Write a picture a minute beside 8-bit sound at 8 kHz: noise in the seconds ``noisy``, silence else."""
    loud = np.random.default_rng(0).integers(0, 256, TRACK, np.uint8).tobytes()
    with av.open(str(path), "w") as file:
        pictures = file.add_stream("libx264", rate=1)
        pictures.width, pictures.height, pictures.pix_fmt = 64, 48, "yuv420p"
        sound = file.add_stream("pcm_u8", rate=TRACK, layout="mono")
        for second in (*range(0, seconds, 60), seconds - 1):
            frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
            frame.pts, frame.time_base = second, Fraction(1, 1)
            file.mux(pictures.encode(frame))
        file.mux(pictures.encode())
        for second in range(seconds):
            packet = av.Packet(loud if second in noisy else b"\x80" * TRACK)
            packet.stream, packet.time_base = sound, Fraction(1, TRACK)
            packet.pts = packet.dts = second * TRACK
            packet.duration = TRACK
            file.mux(packet)
    return path


def heard(video: Video) -> tuple[list[float], float]:
    """Return the seconds in which it is loud, and the megabytes that hearing it took at most."""
    tracemalloc.start()
    found = [start for start, samples in cut_windows(video.read_audio_blocks(TRACK), 1.0, 1.0) if np.abs(samples).mean() > 0.1]
    peak = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    return found, peak


def test_an_hour_is_heard_in_no_more_memory_than_a_minute(tmp_path: Path) -> None:
    minute = open_video(long_clip(tmp_path / "minute.mkv", 60, range(10, 12)))
    hour = open_video(long_clip(tmp_path / "hour.mkv", 3600, range(3500, 3503)))
    seconds, little = heard(minute)
    assert seconds == pytest.approx([10, 11])
    seconds, much = heard(hour)
    assert seconds == pytest.approx([3500, 3501, 3502])
    assert much < little + 1.0


def test_blocks_together_are_the_whole_sound(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, (1, 5 * RATE)).astype(np.float32)
    clip = open_video(encode(tmp_path / "clip.mkv", 150, sounds=[(noise, RATE // 2)]), start=0.2)
    for video in (clip, make_buzzing_video(5.0)):
        for rate in (RATE, 44_100):
            whole, parts = video.read_audio(rate), list(video.read_audio_blocks(rate, 0.7))
            assert whole is not None
            assert len(parts) > 5
            assert all(part.rate == rate for part in parts)
            np.testing.assert_array_equal(np.concatenate([part.samples for part in parts]), whole.samples)
            lengths = [len(part.samples) / rate for part in parts]
            assert [part.start for part in parts] == pytest.approx(whole.start + np.cumsum([0, *lengths[:-1]]))


def test_nothing_comes_without_a_sound_track(tmp_path: Path) -> None:
    assert list(open_video(encode(tmp_path / "mute.mp4", 5)).read_audio_blocks(RATE)) == []
    assert list(ArrayVideo(np.zeros((2, 8, 8, 3), np.uint8)).read_audio_blocks(RATE)) == []


def test_a_long_gap_is_silence_in_small_pieces(tmp_path: Path) -> None:
    path = long_clip(tmp_path / "gap.mkv", 900, range(0))
    with av.open(str(path)) as old, av.open(str(tmp_path / "cut.mkv"), "w") as new:
        streams = {stream.index: new.add_stream_from_template(stream) for stream in old.streams}
        for packet in old.demux():
            if packet.pts is not None and not (packet.stream.type == "audio" and 60 < packet.pts * packet.time_base < 840):
                packet.stream = streams[packet.stream_index]
                new.mux(packet)
    video = open_video(tmp_path / "cut.mkv")
    _, peak = heard(video)
    assert peak < 15
    assert sum(len(block.samples) for block in video.read_audio_blocks(RATE)) == pytest.approx(900 * RATE, abs=RATE)


def test_what_is_wrong_with_the_sound_is_said_however_it_is_heard(tmp_path: Path) -> None:
    samples = np.full((1, 2 * RATE), 0.25, np.float32)
    samples[0, [100, RATE + 5]] = np.nan
    clip = open_video(encode(tmp_path / "clip.mov", 50, sounds=[(samples, 0)]))
    first = next(clip.read_audio_blocks(RATE, 0.5))
    assert len(first.samples) >= RATE // 2
    assert clip.warnings == ("clip.mov: samples of sound that are not finite or beyond 1000, read as 0: 1",)
    clip.read_audio(RATE)
    assert clip.warnings == ("clip.mov: samples of sound that are not finite or beyond 1000, read as 0: 2",)
    next(clip.read_audio_blocks(RATE, 0.5))
    assert clip.warnings == ("clip.mov: samples of sound that are not finite or beyond 1000, read as 0: 2",)


def test_silence_is_known_without_hearing_all_of_a_loud_track(tmp_path: Path) -> None:
    asked: list[float] = []

    class Listened(ArrayVideo):
        def read_audio_blocks(self, rate: int, seconds: float = 10.0) -> Iterator[Audio]:
            for second in range(3600):
                asked.append(second)
                yield Audio(samples=np.full(rate, 0.1 * (second == 3), np.float32), rate=rate, start=float(second))

    assert explain_silence(Listened(np.zeros((1, 8, 8, 3), np.uint8))) == ""
    assert asked == [0, 1, 2, 3]
    quiet = open_video(long_clip(tmp_path / "quiet.mkv", 120, range(0)))
    assert "-60 dB" in explain_silence(quiet)
    assert "no audio" in explain_silence(open_video(encode(tmp_path / "mute.mp4", 5)))


def test_a_sound_file_is_still_read_whole(tmp_path: Path) -> None:
    tone = np.sin(np.arange(3 * RATE) / 10, dtype=np.float32)[None]
    audio = read_audio(write_sound(tmp_path / "tone.wav", tone, "pcm_f32le"), RATE)
    np.testing.assert_allclose(audio.samples, tone[0], atol=1e-6)
