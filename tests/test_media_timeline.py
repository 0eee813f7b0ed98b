"""Unusual video files: clocks that start again, repeated time stamps, several tracks, orientations, changes of size, damage."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from alref.errors import InputError
from alref.media.frame_times import UNKNOWN, find_clock_restarts, place_in_time
from alref.media.reader import open_video
from alref.media.video import Video
from support.clips import RATE, encode, number_of, picture
from support.field_clips import write_field_clip


def numbers(video: Video) -> list[int]:
    return [number_of(frame) for frame in video]


def join(path: Path, *parts: Path) -> Path:
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return path


@pytest.mark.parametrize("second_start", [0, 7, 300])
def test_joined_recordings_are_read_whole(tmp_path: Path, second_start: int) -> None:
    first = encode(tmp_path / "a.ts", 20, options={"g": "8"})
    second = encode(tmp_path / "b.ts", pts=range(second_start, second_start + 20), options={"g": "8"})
    video = open_video(join(tmp_path / "joined.ts", first, second), cache_bytes=0)
    assert numbers(video) == [*range(20)] * 2
    np.testing.assert_allclose(video.times, np.arange(40) / RATE, atol=1e-3)
    assert [number_of(video.read_frame(index)) for index in (33, 5, 20, 19)] == [13, 5, 0, 19]
    assert len(video.warnings) == 1
    assert re.search(r"\b20\b.* 0\.800 s", video.warnings[0])


def test_the_sound_of_joined_recordings_keeps_step(tmp_path: Path) -> None:
    loud = np.zeros((1, 16000), np.float32)
    loud[0, 8000:9600] = 0.5
    parts = [encode(tmp_path / f"{name}.ts", 25, sounds=[(loud, 0)], sound_codec="mp2") for name in "ab"]
    video = open_video(join(tmp_path / "joined.ts", *parts))
    audio = video.read_audio(16000)
    assert audio is not None
    heard = np.flatnonzero(np.abs(audio.samples) > 0.25) / 16000 + audio.start
    assert (heard.min(), heard.max()) == pytest.approx((0.5, 1.6), abs=0.1)
    later = open_video(video.path, start=1.2).read_audio(16000)
    assert later is not None
    assert np.flatnonzero(np.abs(later.samples) > 0.25).min() / 16000 + later.start == pytest.approx(1.5, abs=0.1)


def test_images_of_one_time_stamp_are_all_read(tmp_path: Path) -> None:
    path = encode(tmp_path / "fast.mkv", 40, rate=3000, options={"g": "10"})
    video = open_video(path, cache_bytes=0)
    assert numbers(video) == [*range(40)]
    assert [number_of(video.read_frame(index)) for index in (31, 4, 22)] == [31, 4, 22]
    assert (np.diff(video.times) > 0).all()
    np.testing.assert_allclose(video.times, np.arange(40) / 3000, atol=0.002)


def test_images_that_avi_repeats_keep_their_times(tmp_path: Path) -> None:
    pts = [0, 1, 2, 12, 13, 20]
    for codec in ("mpeg4", "mjpeg"):
        video = open_video(
            encode(tmp_path / f"{codec}.avi", pts=pts, codec=codec, pix_fmt="yuvj420p" if codec == "mjpeg" else "yuv420p")
        )
        assert numbers(video) == [*range(6)]
        np.testing.assert_allclose(video.times, np.array(pts) / RATE, atol=1e-3)


@pytest.mark.parametrize("flips", [(False, False), (True, False), (False, True)])
@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_images_are_turned_and_mirrored_as_players_do(tmp_path: Path, rotation: int, flips: tuple[bool, bool]) -> None:
    path = encode(tmp_path / "turned.mp4", 6, rotation=rotation, flips=flips)
    video = open_video(path)
    with av.open(str(path)) as file:
        stored = [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)][5]
    expected = np.rot90(stored, rotation // 90)[:: -1 if flips[1] else 1, :: -1 if flips[0] else 1]
    np.testing.assert_array_equal(video.read_frame(5), expected)
    assert expected.shape == (video.height, video.width, 3)


def write_tracks(path: Path, *sizes: tuple[int, int], default: Sequence[int] = ()) -> Path:
    """Write a video track of each size (height, width); track k shows the numbers from 10 k on."""
    with av.open(str(path), "w") as file:
        streams = [file.add_stream("libx264", rate=RATE, options={"bf": "0"}) for _ in sizes]
        for number, (stream, size) in enumerate(zip(streams, sizes, strict=True)):
            stream.height, stream.width = size
            stream.disposition = av.stream.Disposition.default * (number in default)
        for number in range(5):
            for track, (stream, size) in enumerate(zip(streams, sizes, strict=True)):
                frame = av.VideoFrame.from_ndarray(picture(10 * track + number, *size), format="rgb24")
                frame.pts, frame.time_base = number, Fraction(1, RATE)
                file.mux(stream.encode(frame))
        for stream in streams:
            file.mux(stream.encode())
    return path


@pytest.mark.parametrize(
    ("sizes", "default", "taken"),
    [
        ([(24, 32), (48, 64)], (), 1),
        ([(48, 64), (24, 32)], (), 0),
        ([(48, 64), (48, 64)], (), 0),
        ([(48, 64), (24, 32)], (1,), 1),
    ],
)
def test_the_track_is_the_one_that_ffmpeg_takes(
    tmp_path: Path, sizes: list[tuple[int, int]], default: tuple[int, ...], taken: int
) -> None:
    path = write_tracks(tmp_path / "tracks.mkv", *sizes, default=default)
    video = open_video(path)
    assert number_of(video.read_frame(2)) == 10 * taken + 2
    assert len(video.warnings) == 1
    assert "--video-track" in video.warnings[0]
    chosen = open_video(path, video_track=1 - taken)
    assert number_of(chosen.read_frame(2)) == 10 * (1 - taken) + 2
    assert chosen.warnings == ()
    assert chosen.fingerprint != video.fingerprint == open_video(path, video_track=taken).fingerprint
    with pytest.raises(InputError, match=r"0: h264 .*1: h264 "):
        open_video(path, video_track=2)


def test_images_of_another_size_are_fitted_not_squeezed(tmp_path: Path) -> None:
    parts = [encode(tmp_path / "a.ts", 5), encode(tmp_path / "b.ts", 5, size=(128, 64))]
    video = open_video(join(tmp_path / "turned.ts", *parts), cache_bytes=0)
    assert (len(video), video.height, video.width) == (10, 48, 64)
    frame = video.read_frame(7)
    assert not frame[:, :19].any()
    assert not frame[:, 45:].any()
    assert number_of(frame[:, 20:44]) == 2
    assert any(re.search(r"64x48 to 64x128\b.*\b7 at 0\.280 s", warning) for warning in video.warnings)


def test_an_animated_image_shows_all_frames(tmp_path: Path) -> None:
    pictures = [Image.fromarray(picture(number)) for number in range(6)]
    durations = [40, 80, 40, 200, 40, 40]
    times = np.cumsum([0, *durations[:-1]]) / 1000
    given = {"save_all": True, "append_images": pictures[1:]}
    for name in ("clip.webp", "clip.png", "clip.gif", "webp.gif", "clip.avif"):
        kind = "WEBP" if name == "webp.gif" else None
        pictures[0].save(tmp_path / name, kind, duration=durations, lossless=True, **given)
        video = open_video(tmp_path / name, cache_bytes=0)
        assert numbers(video) == [*range(6)], name
        np.testing.assert_allclose(video.times, times, atol=1e-3)
        assert [number_of(video.read_frame(index)) for index in (5, 1)] == [5, 1]
    pictures[0].save(tmp_path / "pages.tif", save_all=True, append_images=[*pictures[1:], pictures[0].resize((8, 6))])
    pages = open_video(tmp_path / "pages.tif", fps=5)
    assert numbers(pages) == [*range(6)]
    np.testing.assert_allclose(pages.times, np.arange(6) / 5)
    assert re.search(r"\b1\b", pages.warnings[0])
    with pytest.raises(InputError, match="fps"):
        open_video(tmp_path / "clip.webp", fps=5)


def test_an_animated_image_that_ends_early_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    pictures = [Image.fromarray(picture(number)) for number in range(6)]
    pictures[0].save(tmp_path / "whole.png", save_all=True, append_images=pictures[1:], duration=40)
    data = (tmp_path / "whole.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(data[: data.rindex(b"fcTL") - 4])
    video = open_video(tmp_path / "cut.png")
    assert numbers(video) == [*range(5)]
    assert re.search(r"\b5 of 6\b", video.warnings[0])


def test_damage_is_named_where_it_is(tmp_path: Path) -> None:
    path = encode(tmp_path / "clip.ts", 60, options={"g": "12", "bf": "0"})
    packets = path.read_bytes()
    with av.open(str(path)) as file:
        places = [packet.pos for packet in file.demux(video=0) if packet.size]
    path.write_bytes(packets[: places[30]] + packets[places[30] + 188 :])
    video = open_video(path)
    for _ in video.read_frames():
        pass
    assert len(video) in (59, 60)
    assert re.search(r"frame (28|29|30) at 1\.(12|16|20)0 s", video.warnings[0])


def test_a_pipe_is_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "clip.mp4")
    with pytest.raises(InputError, match="pipe"):
        open_video(tmp_path / "clip.mp4")


@pytest.mark.parametrize(
    ("suffix", "codec"), [("mkv", "libx264"), ("webm", "libvpx-vp9"), ("avi", "mpeg4"), ("flv", "libx264")]
)
def test_a_file_that_was_cut_is_read_to_its_end_and_named(tmp_path: Path, suffix: str, codec: str) -> None:
    whole = encode(tmp_path / f"whole.{suffix}", 60, codec, options={"g": "20"})
    assert open_video(whole).warnings == ()
    cut = tmp_path / f"cut.{suffix}"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
    video = open_video(cut)
    shown = numbers(video)
    assert 10 < len(video) < 60
    assert shown[:-1] == [*range(len(video) - 1)]
    assert any(re.search(rf"early, after {len(video)},", warning) for warning in video.warnings)


@pytest.mark.parametrize("options", [{"g": "20", "bf": "2"}, {"g": "20", "bf": "2", "x264-params": "open-gop=1"}])
def test_a_recording_that_begins_between_keyframes_begins_at_the_first_one(tmp_path: Path, options: dict[str, str]) -> None:
    whole = encode(tmp_path / "whole.ts", 60, options=options)
    path = tmp_path / "cut.ts"
    path.write_bytes(whole.read_bytes()[188 * 40 :])
    video = open_video(path, cache_bytes=0)
    shown = numbers(video)
    assert shown == [*range(shown[0], 60)]
    assert len(video) > 20
    assert [number_of(video.read_frame(index)) for index in (len(video) - 1, 3)] == [59, shown[3]]
    assert video.times[0] == 0
    assert video.warnings == ()


def test_the_times_of_a_clock_stay_in_order() -> None:
    stamps = np.array([5, 5, 5, 9, 3, 4, 4], np.int64) * 1000
    restarts = find_clock_restarts(stamps, 0.001, np.inf)
    assert restarts.tolist() == [4]
    times, shifts = place_in_time(stamps, restarts, 0.001, 0.5)
    np.testing.assert_allclose(times, [0, 4 / 3, 8 / 3, 4, 4.5, 5.5, 6.5])
    assert shifts == pytest.approx((6.5,))
    unknown = np.array([0, UNKNOWN, 40, UNKNOWN, 80, 10], np.int64)
    assert find_clock_restarts(unknown, 0.01, 10.0).tolist() == [5]
    assert find_clock_restarts(np.array([0, 2000]), 0.01, 10.0).tolist() == [1]


def test_colors_with_reserved_codes_are_read_as_if_unnamed(tmp_path: Path) -> None:
    path = encode(tmp_path / "clip.m2v", 6, "mpeg2video")
    plain = open_video(path).read_frame(3)
    data = path.read_bytes()
    place = data.index(b"\x00\x00\x01\xb5") + 10
    display_extension = b"\x00\x00\x01\xb5\x2b" + bytes([200, 243, 65]) + b"\x01\x02\x01\x80"
    path.write_bytes(data[:place] + display_extension + data[place:])
    np.testing.assert_array_equal(open_video(path).read_frame(3), plain)


def test_tracks_without_a_decoder_are_not_counted(tmp_path: Path) -> None:
    path = write_tracks(tmp_path / "tracks.mp4", (48, 64), (24, 32))
    data = path.read_bytes()
    path.write_bytes(data.replace(b"avc1", b"zzzz"))
    with pytest.raises(InputError, match="cannot decode"):
        open_video(path)
    first = data.index(b"avc1", data.index(b"stsd"))
    path.write_bytes(data[:first] + b"zzzz" + data[first + 4 :])
    assert number_of(open_video(path).read_frame(2)) == 12


@pytest.mark.parametrize("suffix", ["h264", "ts", "mkv"])
def test_fields_that_are_stored_apart_are_one_image(tmp_path: Path, suffix: str) -> None:
    path = write_field_clip(tmp_path / "clip.h264", 12)
    if suffix != "h264":
        path = tmp_path / f"clip.{suffix}"
        with av.open(str(tmp_path / "clip.h264")) as raw, av.open(str(path), "w") as file:
            stream = file.add_stream_from_template(raw.streams.video[0])
            for number, packet in enumerate(packet for packet in raw.demux(video=0) if packet.size):
                packet.stream, packet.time_base = stream, Fraction(1, 2 * RATE)
                packet.pts = packet.dts = number
                file.mux(packet)
    video = open_video(path, cache_bytes=0)
    assert numbers(video) == [*range(12)]
    assert [number_of(video.read_frame(index)) for index in (9, 2, 11)] == [9, 2, 11]
    np.testing.assert_allclose(video.times, np.arange(12) / RATE, atol=1e-3)
    assert video.warnings == ()
