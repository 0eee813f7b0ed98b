"""Every image of a file, whatever its container, codec, frame rate mode, orientation and order: count, order, time, pixels.

The images are numbered, their times are those that were written, and their pixels are those of a plain decode by PyAV; where
FFmpeg's own programs are installed, count, times and pixels are theirs, too.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest

from alref.media.reader import open_video
from support.clips import encode, number_of

Times = npt.NDArray[np.float64]
COUNT, SIZE = 16, (48, 64)
FORMATS = [
    ("mp4", "libx264", "yuv420p"),
    ("mov", "libx264", "yuv422p"),
    ("mp4", "libx265", "yuv420p"),
    ("mp4", "libsvtav1", "yuv420p"),
    ("mp4", "mpeg4", "yuv420p"),
    ("mov", "prores_ks", "yuv422p10le"),
    ("mov", "qtrle", "rgb24"),
    ("mkv", "libx264", "yuv444p"),
    ("mkv", "libx265", "yuv420p10le"),
    ("mkv", "mpeg4", "yuv420p"),
    ("mkv", "ffv1", "bgr0"),
    ("mkv", "mpeg2video", "yuv420p"),
    ("webm", "libvpx", "yuv420p"),
    ("webm", "libvpx-vp9", "yuv420p"),
    ("webm", "libsvtav1", "yuv420p10le"),
    ("avi", "mpeg4", "yuv420p"),
    ("avi", "libx264", "yuv420p"),
    ("avi", "huffyuv", "rgb24"),
    ("ts", "libx264", "yuv420p"),
    ("ts", "mpeg2video", "yuv420p"),
    ("ts", "libx265", "yuv420p"),
    ("mpg", "mpeg2video", "yuv420p"),
    ("flv", "libx264", "yuv420p"),
    ("nut", "libx264", "yuv420p"),
    ("wmv", "wmv2", "yuv420p"),
    ("h264", "libx264", "yuv420p"),
    ("m2v", "mpeg2video", "yuv420p"),
    ("y4m", "wrapped_avframe", "yuv420p"),
    ("ivf", "libvpx-vp9", "yuv420p"),
]
WITHOUT_TIMES = ("h264", "m2v", "y4m")
TURNED = ("mp4", "mov", "mkv", "webm")
"""Containers that keep a display matrix."""
REORDERING = {
    "libx264": [{"bf": "0"}, {"bf": "3", "b-pyramid": "normal"}, {"bf": "2", "g": "6", "x264-params": "open-gop=1"}],
    "libx265": [{"x265-params": f"log-level=none:{each}"} for each in ("bframes=0", "bframes=4", "keyint=6:open-gop=1")],
    "mpeg4": [{"bf": "0"}, {"bf": "2"}],
    "mpeg2video": [{"bf": "0"}, {"bf": "2", "g": "6"}],
    "libvpx": [{}, {"auto-alt-ref": "1", "lag-in-frames": "12"}],
    "libvpx-vp9": [{}, {"auto-alt-ref": "1", "lag-in-frames": "12"}],
}
RATES = [25, 30, 60]
ORIENTATIONS = [
    (90, False, False),
    (0, True, False),
    (180, False, False),
    (90, True, False),
    (0, False, True),
    (270, False, False),
]


@dataclass(frozen=True)
class Written:
    """A file, the seconds at which its images were written, and how players turn it: degrees, mirrored, upside down."""

    path: Path
    times: Times
    orientation: tuple[int, bool, bool]


def write_clips(folder: Path, suffix: str, codec: str, pix_fmt: str) -> list[Written]:
    """Write clips of one format: each way to reorder, in constant and in variable frame rate, with an orientation in turn."""
    clips = []
    rates, orientations = cycle(RATES), cycle([(0, False, False), *ORIENTATIONS] if suffix in TURNED else [(0, False, False)])
    for options in REORDERING.get(codec, [{}]):
        for is_variable in (False, True):
            if is_variable and suffix in (*WITHOUT_TIMES, "mpg"):
                continue
            rate, orientation = 25 if suffix in WITHOUT_TIMES else next(rates), next(orientations)
            steps = np.resize([1, 1, 3, 1, 7], COUNT - 1) if is_variable else np.ones(COUNT - 1, np.int64)
            pts = [0, *np.cumsum(steps).tolist()]
            path = folder / f"{len(clips)}.{suffix}"
            encode(path, 0, codec, pix_fmt, SIZE, pts, options, orientation[0], orientation[1:], rate)
            clips.append(Written(path, np.array(pts) / rate, orientation))
    return clips


def decode_plainly(path: Path) -> list[npt.NDArray[np.uint8]]:
    with av.open(str(path)) as file:
        return [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]


def turn(frame: npt.NDArray[np.uint8], orientation: tuple[int, bool, bool]) -> npt.NDArray[np.uint8]:
    rotation, mirrored, upside_down = orientation
    return np.rot90(frame, rotation // 90)[:: -1 if upside_down else 1, :: -1 if mirrored else 1]


@pytest.mark.parametrize(("suffix", "codec", "pix_fmt"), FORMATS)
def test_every_image_is_where_it_was_written(tmp_path: Path, suffix: str, codec: str, pix_fmt: str) -> None:
    for written in write_clips(tmp_path, suffix, codec, pix_fmt):
        video = open_video(written.path, cache_bytes=0)
        stored = decode_plainly(written.path)
        assert [number_of(frame) for frame in stored] == list(range(COUNT)), "the plain decode"
        assert len(video) == COUNT
        told = COUNT - 2 if suffix == "avi" else COUNT  # AVI does not store when reordered images at the end are shown
        np.testing.assert_allclose(video.times[:told], written.times[:told], atol=0.0011)
        for index, frame in [*video.read_frames(), *video.read_frames([13, 2, 9, 8, 15, 0])]:
            np.testing.assert_array_equal(frame, turn(stored[index], written.orientation), f"{written}, frame {index}")
        assert video.warnings == ()


def probe_times(path: Path) -> list[float]:
    command = [
        "ffprobe",
        "-v",
        "error",
        "-select_streams",
        "v",
        "-show_entries",
        "frame=best_effort_timestamp_time",
        "-of",
        "json",
    ]
    found = json.loads(subprocess.run([*command, path], capture_output=True, check=True).stdout)["frames"]
    return [float(frame.get("best_effort_timestamp_time", "nan")) for frame in found]


def decode_with_ffmpeg(path: Path, height: int, width: int) -> npt.NDArray[np.uint8]:
    command = ["ffmpeg", "-v", "error", "-i", path, "-vsync", "passthrough", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    data = subprocess.run(command, capture_output=True, check=True).stdout
    return np.frombuffer(data, np.uint8).reshape(-1, height, width, 3)


@pytest.mark.skipif(not (shutil.which("ffmpeg") and shutil.which("ffprobe")), reason="FFmpeg's programs are not installed")
@pytest.mark.parametrize(("suffix", "codec", "pix_fmt"), FORMATS)
def test_every_image_is_as_ffmpeg_shows_it(tmp_path: Path, suffix: str, codec: str, pix_fmt: str) -> None:
    for written in write_clips(tmp_path, suffix, codec, pix_fmt)[-2:]:
        video = open_video(written.path)
        times = np.array(probe_times(written.path))
        known = np.isfinite(times)
        assert len(video) == len(times)
        np.testing.assert_allclose(video.times[known], (times - times[0])[known], atol=0.0011)
        shown = decode_with_ffmpeg(written.path, video.height, video.width)
        assert len(shown) == len(video)
        assert max(np.abs(frame.astype(int) - shown[index]).mean() for index, frame in video.read_frames()) < 4


@pytest.mark.skipif(not shutil.which("ffmpeg"), reason="FFmpeg's program is not installed, and PyAV does not encode Theora")
def test_headers_between_joined_theora_recordings_are_not_images(tmp_path: Path) -> None:
    clip = encode(tmp_path / "clip.mp4", 20)
    subprocess.run(["ffmpeg", "-v", "error", "-i", clip, "-c:v", "libtheora", tmp_path / "clip.ogv"], check=True)
    (tmp_path / "joined.ogv").write_bytes((tmp_path / "clip.ogv").read_bytes() * 2)
    assert [number_of(frame) for frame in open_video(tmp_path / "joined.ogv")] == [*range(20)] * 2
