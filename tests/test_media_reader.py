"""Video files: every frame exactly where and as it was stored, whatever the container, and one clear error else."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from alref.errors import InputError
from alref.media.reader import open_file_frames, open_video
from support.clips import RATE, encode, number_of, picture, write_sound

REAL = Path(__file__).parents[1] / ".." / "shared" / "data"
KINDS = [
    ("mp4", "libx264", "yuv420p", {"g": "12"}),
    ("mp4", "libx264", "yuv420p10le", {}),
    ("mp4", "libx264", "gray", {}),
    ("mp4", "libx264", "yuv444p", {}),
    ("mp4", "libx265", "yuv420p", {"x265-params": "log-level=none:keyint=8"}),
    ("mov", "png", "rgba", {}),
    ("mkv", "libx264", "yuv420p", {"g": "10"}),
    ("mkv", "ffv1", "yuv444p", {}),
    ("webm", "libvpx", "yuv420p", {"auto-alt-ref": "1", "lag-in-frames": "10"}),
    ("webm", "libvpx-vp9", "yuv420p", {"g": "10"}),
    ("gif", "gif", "rgb8", {}),
    ("avi", "mpeg4", "yuv420p", {"bf": "2"}),
    ("avi", "libx264", "yuv420p", {}),
    ("avi", "mjpeg", "yuvj420p", {}),
    ("ts", "libx264", "yuv420p", {"g": "10"}),
    ("ts", "mpeg2video", "yuv420p", {"bf": "2", "g": "9"}),
]


@pytest.mark.parametrize(("suffix", "codec", "pix_fmt", "options"), KINDS)
def test_every_frame_is_found_in_any_order(
    tmp_path: Path, suffix: str, codec: str, pix_fmt: str, options: dict[str, str]
) -> None:
    path = encode(tmp_path / f"clip.{suffix}", 40, codec, pix_fmt, options=options)
    video = open_video(path, cache_bytes=0)
    assert len(video) == 40
    assert (video.height, video.width) == (48, 64)
    np.testing.assert_allclose(video.times, np.arange(40) / RATE, atol=0.001)
    in_order = [video.read_frame(index) for index in range(40)]
    assert [number_of(frame) for frame in in_order] == list(range(40))
    for index in np.random.default_rng(0).permutation(40).tolist():
        np.testing.assert_array_equal(video.read_frame(index), in_order[index])
    assert video.warnings == ()


@pytest.mark.parametrize("numbers", [[7], [0, 1, 5], [3, 20, 39]])
def test_frames_are_chosen_by_their_numbers(numbers: list[int], tmp_path: Path) -> None:
    video = open_file_frames(encode(tmp_path / "clip.mp4", 40, "libx264", "yuv420p", options={"g": "12"}), numbers, name="mine")
    assert [number_of(frame) for frame in video] == video.source_numbers.tolist() == numbers
    assert video.name == "mine"
    np.testing.assert_allclose(video.times, np.array(numbers) / RATE, atol=0.001)


@pytest.mark.parametrize("numbers", [[], [3, 3], [4, 1], [-1, 2], [40]])
def test_numbers_that_the_file_does_not_have_or_not_in_order_are_an_error(numbers: list[int], tmp_path: Path) -> None:
    path = encode(tmp_path / "clip.mp4", 40, "libx264", "yuv420p", options={})
    with pytest.raises(InputError, match="expected "):
        open_file_frames(path, numbers, name="mine")


def real_clips() -> list[Path]:
    return sorted([*REAL.glob("video/*.mp4"), *REAL.glob("clips/*/video.mp4")])


@pytest.mark.parametrize("path", real_clips() or [None], ids=lambda path: path and f"{path.parent.name}-{path.stem}")
def test_real_clips_give_the_same_pixels_in_any_order(path: Path | None) -> None:
    if path is None:
        pytest.skip("the real clips are not here (../shared/data)")
    video = open_video(path, start=0.5, end=3, every=3, cache_bytes=0)
    in_order = [frame for _, frame in video.read_frames()]
    for index in np.random.default_rng(0).integers(0, len(video), 4).tolist():
        np.testing.assert_array_equal(video.read_frame(index), in_order[index])
    backwards = open_video(path, start=0.5, end=3, every=3)
    for index in range(len(video) - 1, len(video) - 8, -1):
        np.testing.assert_array_equal(backwards.read_frame(index), in_order[index])


def test_colors_of_hd_standard_are_read_as_such(tmp_path: Path) -> None:
    from alref.media.write import write_video

    red = np.full((64, 64, 3), (200, 40, 30), np.uint8)
    write_video(tmp_path / "red.mp4", [red], [0.0])
    assert np.abs(open_video(tmp_path / "red.mp4").read_frame(0).astype(int) - red).max() <= 3


def test_a_fragmented_file_is_read_in_any_order(tmp_path: Path) -> None:
    flags = {"movflags": "+frag_keyframe+empty_moov"}
    video = open_video(encode(tmp_path / "clip.mp4", 40, options={"g": "10"}, container_options=flags), cache_bytes=0)
    assert [number_of(video.read_frame(index)) for index in (33, 12, 39, 0, 5)] == [33, 12, 39, 0, 5]
    assert (len(video), video.warnings) == (40, ())


def test_variable_frame_times_are_kept(tmp_path: Path) -> None:
    pts = [0, 1, 2, 10, 11, 30, 33]
    video = open_video(encode(tmp_path / "clip.mkv", pts=pts))
    np.testing.assert_allclose(video.times, np.array(pts) / RATE, atol=0.001)
    assert video.fps == pytest.approx(6 / (33 / RATE))
    assert [number_of(frame) for _, frame in video.read_frames()] == list(range(7))


def test_the_clock_begins_with_the_first_picture(tmp_path: Path) -> None:
    video = open_video(encode(tmp_path / "late.mkv", pts=range(50, 60)))
    np.testing.assert_allclose(video.times, np.arange(10) / RATE, atol=0.001)


def test_pictures_that_an_edit_list_leaves_out_are_not_shown(tmp_path: Path) -> None:
    path = encode(tmp_path / "cut.mp4", pts=range(-10, 20), container_options={"avoid_negative_ts": "disabled"})
    video = open_video(path, cache_bytes=0)
    assert [number_of(video.read_frame(index)) for index in (0, 5, 19, 3)] == [10, 15, 29, 13]
    assert (len(video), video.times[0], video.warnings) == (20, 0, ())


def test_a_clip_that_an_edit_list_trims_is_whole(tmp_path: Path) -> None:
    path = encode(tmp_path / "trimmed.mp4", 50, options={"g": "5"})
    data = bytearray(path.read_bytes())
    duration = data.index(b"elst") + 12
    data[duration : duration + 4] = (400).to_bytes(4, "big")
    path.write_bytes(data)
    video = open_video(path)
    assert 10 <= len(video) < 20
    assert [number_of(frame) for _, frame in video.read_frames()] == list(range(len(video)))
    assert video.warnings == ()


@pytest.mark.parametrize("rotation", [90, 180, -90])
def test_pictures_are_turned_upright(tmp_path: Path, rotation: int) -> None:
    stored = open_video(encode(tmp_path / "stored.mp4", 2)).read_frame(1)
    path = encode(tmp_path / "turned.mp4", 2, rotation=rotation)
    video = open_video(path)
    np.testing.assert_array_equal(video.read_frame(1), np.rot90(stored, rotation // 90))
    assert video.read_frame(1).shape == (video.height, video.width, 3)
    capture = cv2.VideoCapture(str(path))
    judged = [capture.read()[1] for _ in range(2)][1][..., ::-1]
    assert np.abs(judged.astype(int) - video.read_frame(1)).mean() < 4


def test_odd_sizes_are_read_whole(tmp_path: Path) -> None:
    video = open_video(encode(tmp_path / "odd.webm", 5, "libvpx-vp9", size=(47, 63)))
    assert video.read_frame(4).shape == (47, 63, 3)
    assert number_of(video.read_frame(4)) == 4


def test_pixels_that_are_not_square_stay_as_stored(tmp_path: Path) -> None:
    video = open_video(encode(tmp_path / "wide.mp4", 2, aspect=Fraction(4, 3)))
    assert video.read_frame(0).shape == (48, 64, 3)


def test_max_size_bounds_the_longer_side_and_never_enlarges(tmp_path: Path) -> None:
    path = encode(tmp_path / "clip.mp4", 5, size=(96, 128))
    small = open_video(path, max_size=64)
    assert (small.height, small.width) == (48, 64)
    averaged = cv2.resize(open_video(path).read_frame(3), (64, 48), interpolation=cv2.INTER_AREA)
    assert np.abs(small.read_frame(3).astype(int) - averaged).mean() < 3
    assert open_video(path, max_size=4000).width == 128
    turned = open_video(encode(tmp_path / "turned.mp4", 2, size=(96, 128), rotation=90), max_size=64)
    assert turned.read_frame(0).shape == (64, 48, 3)


def test_a_window_is_read_on_the_clock_of_the_file(tmp_path: Path) -> None:
    path = encode(tmp_path / "clip.mp4", 100)
    video = open_video(path, start=1, end=3, every=10)
    assert [number_of(frame) for _, frame in video.read_frames()] == [25, 35, 45, 55, 65]
    np.testing.assert_allclose(video.times, [1.0, 1.4, 1.8, 2.2, 2.6])
    assert video.fps == pytest.approx(2.5)
    assert open_video(path, start=3.96).fps == RATE


def test_frames_are_kept_within_the_bound_and_cannot_be_changed(tmp_path: Path) -> None:
    path = encode(tmp_path / "clip.mp4", 30)
    size = 48 * 64 * 3
    video = open_video(path, cache_bytes=3 * size)
    first = video.read_frame(0)
    assert video.read_frame(0) is first
    with pytest.raises(ValueError, match="read-only"):
        first[0, 0] = 1
    for index in (1, 2, 0, 3):
        video.read_frame(index)
    assert video.read_frame(0) is first
    for index in (4, 5, 6):
        video.read_frame(index)
    assert video.read_frame(0) is not first


def test_a_frame_outside_the_video_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"\b0 to 4\b.*\b5\b"):
        open_video(encode(tmp_path / "clip.mp4", 5)).read_frame(5)


@pytest.mark.parametrize("within", [True, False])
def test_a_file_that_ends_too_early_is_read_as_far_as_it_goes(tmp_path: Path, within: bool) -> None:
    path = encode(tmp_path / "whole.mp4", 100, container_options={"movflags": "+faststart"})
    with av.open(str(path)) as file:
        ends = [packet.pos + packet.size for packet in file.demux(video=0) if packet.size]
    (tmp_path / "cut.mp4").write_bytes(path.read_bytes()[: ends[60] - within])
    video = open_video(tmp_path / "cut.mp4")
    assert len(video) == 61
    assert [number_of(frame) for _, frame in video.read_frames()][:55] == list(range(55))
    assert re.fullmatch(r"cut\.mp4: .*\b61\b.*", video.warnings[0])


def test_a_file_cut_before_its_table_of_contents_is_refused(tmp_path: Path) -> None:
    whole = encode(tmp_path / "whole.mp4", 100).read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) // 4])
    with pytest.raises(InputError, match=r"cut\.mp4: "):
        open_video(tmp_path / "cut.mp4")


def damage(path: Path, numbers: list[int]) -> None:
    with av.open(str(path)) as file:
        places = [(packet.pos, packet.size) for packet in file.demux(video=0) if packet.size]
    data = bytearray(path.read_bytes())
    for number in numbers:
        position, size = places[number]
        data[position : position + size] = bytes(size)
    path.write_bytes(data)


def test_a_damaged_picture_is_replaced_by_the_one_before(tmp_path: Path) -> None:
    path = encode(tmp_path / "clip.mov", 20, "png", "rgb24")
    damage(path, [7, 8])
    video = open_video(path, cache_bytes=0)
    assert [number_of(video.read_frame(index)) for index in (8, 10, 7, 6, 8)] == [6, 10, 6, 6, 6]
    assert re.search(r"\b2\b.* 0\.280 s", video.warnings[0])
    assert len(video) == 20


def test_a_damaged_beginning_shows_the_first_picture_that_is_whole(tmp_path: Path) -> None:
    path = encode(tmp_path / "clip.mov", 6, "png", "rgb24")
    damage(path, [0, 1])
    assert [number_of(frame) for _, frame in open_video(path).read_frames()] == [2, 2, 2, 3, 4, 5]


def test_a_file_of_damaged_pictures_only_is_refused(tmp_path: Path) -> None:
    path = encode(tmp_path / "clip.mov", 3, "png", "rgb24")
    damage(path, [0, 1, 2])
    with pytest.raises(InputError, match=r"\(png\)"):
        open_video(path)


def test_what_is_no_video_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("once upon a time there was a video\n" * 50)
    (tmp_path / "text.txt").write_text("once upon a time there was a video\n" * 50)
    (tmp_path / "empty.mp4").touch()
    with pytest.raises(InputError, match=r"text\.mp4: .*\(mp4"):
        open_video(tmp_path / "text.mp4")
    with pytest.raises(InputError, match=r"text\.txt: "):
        open_video(tmp_path / "text.txt")
    with pytest.raises(InputError, match=r"empty\.mp4: "):
        open_video(tmp_path / "empty.mp4")
    with pytest.raises(InputError, match=r"gone\.mp4: "):
        open_video(tmp_path / "gone.mp4")
    for address in ("https://example.org/clip.mp4", Path("https://example.org/clip.mp4")):
        with pytest.raises(InputError, match=r"^https://example\.org/clip\.mp4: "):
            open_video(address)


def test_a_playlist_does_not_lead_to_other_files(tmp_path: Path) -> None:
    encode(tmp_path / "part.ts", 10, "mpeg2video")
    (tmp_path / "list.m3u8").write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\npart.ts\n#EXT-X-ENDLIST\n")
    with pytest.raises(InputError, match=r"list\.m3u8: "):
        open_video(tmp_path / "list.m3u8")


def test_sound_alone_is_no_video(tmp_path: Path) -> None:
    sound = write_sound(tmp_path / "sound.wav", np.zeros((1, 1600), np.float32), "pcm_s16le")
    with pytest.raises(InputError, match=r"sound\.wav: .*audio"):
        open_video(sound)


def test_a_file_with_no_frame_is_refused(tmp_path: Path) -> None:
    path = encode(tmp_path / "none.mp4", 0)
    with pytest.raises(InputError, match=r"none\.mp4: "):
        open_video(path)


def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = encode(tmp_path / "clip.mp4", 3)

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(InputError, match="chmod"):
        open_video(path)


@pytest.mark.parametrize(
    ("window", "message"),
    [
        ({"start": 5}, r"start 5\b.*\b0 to 0\.360\b"),
        ({"start": 0.1, "end": 0.11}, r"start 0\.1, end 0\.11"),
        ({"start": -1}, "start: .*-1"),
        ({"start": 2, "end": 1}, r"end: .*\b2\b.*\b1\b"),
        ({"every": 0}, r"every: .*\b0\b"),
        ({"max_size": 0}, r"max_size: .*\b0\b"),
        ({"fps": 10}, "fps"),
        ({"audio_track": 1}, r"\b1\b"),
    ],
)
def test_a_window_that_cannot_be_is_refused(tmp_path: Path, window: dict[str, float], message: str) -> None:
    path = encode(tmp_path / "clip.mp4", 10)
    with pytest.raises(InputError, match=message):
        open_video(path, **window)


def test_a_name_that_looks_like_a_protocol_is_a_file(tmp_path: Path) -> None:
    encode(tmp_path / "clip.mp4", 3).rename(tmp_path / "at 10:30 %03d.mp4")
    assert len(open_video(tmp_path / "at 10:30 %03d.mp4")) == 3


def test_the_fingerprint_follows_content_and_window(tmp_path: Path) -> None:
    path = encode(tmp_path / "clip.mp4", 50)
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(path.read_bytes())
    other = encode(tmp_path / "other.mp4", 50, options={"crf": "40"})
    first = open_video(path).fingerprint
    assert open_video(copy).fingerprint == first
    windows: list[dict[str, int]] = [{"start": 1}, {"end": 1}, {"every": 2}, {"max_size": 32}]
    others = [open_video(path, **window).fingerprint for window in windows]
    assert len({first, open_video(other).fingerprint, *others}) == 6


def test_facts_say_what_was_opened(tmp_path: Path) -> None:
    path = encode(tmp_path / "clip.mp4", 10)
    facts = open_video(path, every=5).get_info()
    assert (facts.path, facts.height, facts.width, facts.times) == (path, 48, 64, (0.0, 0.2))


def test_numbered_pictures_tell_themselves_apart() -> None:
    assert [number_of(picture(number)) for number in range(256)] == list(range(256))
