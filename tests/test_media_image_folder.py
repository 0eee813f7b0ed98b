"""Folders of pictures, and single pictures, as videos."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alref.errors import InputError
from alref.media.reader import open_frames, open_video
from support.clips import number_of, picture


def save(path: Path, number: int, height: int = 48, width: int = 64) -> None:
    Image.fromarray(picture(number, height, width)).save(path)


def test_pictures_follow_their_numbers(tmp_path: Path) -> None:
    for number in (10, 2, 1, 9, 100):
        save(tmp_path / f"frame{number}.png", number)
    video = open_video(tmp_path)
    assert [number_of(frame) for _, frame in video.read_frames()] == [1, 2, 9, 10, 100]
    assert (len(video), video.fps, video.name) == (5, 24.0, tmp_path.name)
    assert video.read_audio(16000) is None


def test_all_kinds_in_any_case_are_read_and_others_left_out(tmp_path: Path) -> None:
    for number, suffix in enumerate(("jpg", "JPEG", "PNG", "webp", "bmp", "tif")):
        save(tmp_path / f"{number}.{suffix}", number)
    save(tmp_path / ".hidden.png", 77)
    (tmp_path / "Thumbs.db").write_bytes(b"x")
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "deeper").mkdir()
    assert [number_of(frame) for _, frame in open_video(tmp_path).read_frames()] == list(range(6))


def test_a_window_of_a_folder_goes_by_its_rate(tmp_path: Path) -> None:
    for number in range(20):
        save(tmp_path / f"{number:05d}.png", number)
    video = open_video(tmp_path, fps=10, start=0.5, end=1.5, every=4, max_size=32)
    np.testing.assert_allclose(video.times, [0.5, 0.9, 1.3])
    assert [number_of(frame) for _, frame in video.read_frames()] == [5, 9, 13]
    assert (video.height, video.width, video.fps) == (24, 32, pytest.approx(2.5))
    assert video.read_frame(0).shape == (24, 32, 3)


def gray(values: np.ndarray, path: Path) -> None:
    Image.fromarray(values).save(path)


def test_every_depth_becomes_8_bit_rgb(tmp_path: Path) -> None:
    color = np.zeros((4, 6, 3), np.uint8)
    color[..., 0], color[..., 1] = 200, 100
    gray(np.full((4, 6), 200 * 256 + 77, np.uint16), tmp_path / "0.png")
    gray(np.full((4, 6), 120, np.uint8), tmp_path / "1.png")
    Image.fromarray(color).quantize(4).save(tmp_path / "2.png", transparency=0)
    Image.fromarray(np.dstack([color, np.full((4, 6), 9, np.uint8)])).save(tmp_path / "3.png")
    Image.fromarray(np.full((4, 6), 255, np.uint8)).convert("1").save(tmp_path / "4.png")
    video = open_video(tmp_path)
    frames = [frame for _, frame in video.read_frames()]
    assert {(frame.dtype, frame.shape) for frame in frames} == {(np.dtype(np.uint8), (4, 6, 3))}
    assert [frame[0, 0].tolist() for frame in frames] == [[200] * 3, [120] * 3, [200, 100, 0], [200, 100, 0], [255] * 3]


def test_pictures_are_turned_as_exif_says(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.rot90(picture(37), 1)).save(tmp_path / "turned.png", exif=exif)
    video = open_video(tmp_path / "turned.png")
    assert (len(video), video.height, video.width) == (1, 48, 64)
    np.testing.assert_array_equal(video.read_frame(0), picture(37))


def test_a_picture_of_another_size_is_named(tmp_path: Path) -> None:
    save(tmp_path / "1.png", 1)
    save(tmp_path / "2.png", 2)
    save(tmp_path / "3.png", 3, 50, 70)
    with pytest.raises(InputError, match=r"3\.png: .*64x48.*1\.png.*70x50"):
        open_video(tmp_path)


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").touch()
    with pytest.raises(InputError, match=r"\.bmp, \.jpeg, \.jpg"):
        open_video(tmp_path)


def test_a_damaged_picture_is_named(tmp_path: Path) -> None:
    save(tmp_path / "1.jpg", 1)
    whole = (tmp_path / "1.jpg").read_bytes()
    (tmp_path / "2.jpg").write_bytes(whole[: len(whole) * 9 // 10])
    video = open_video(tmp_path)
    assert number_of(video.read_frame(0)) == 1
    with pytest.raises(InputError, match=r"2\.jpg: "):
        video.read_frame(1)
    (tmp_path / "3.png").write_text("no picture")
    with pytest.raises(InputError, match=r"3\.png: "):
        open_video(tmp_path)


def test_a_picture_that_may_not_be_read_is_not_called_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("RGB", (40, 32)).save(tmp_path / "0.png")

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Image, "open", refuse)
    with pytest.raises(InputError, match=r"0\.png: .*chmod u\+rX '.*' '.*0\.png'$"):
        open_video(tmp_path)


def test_a_rate_that_cannot_be_is_refused(tmp_path: Path) -> None:
    save(tmp_path / "1.png", 1)
    with pytest.raises(InputError, match=r"fps: .*\b0\b"):
        open_video(tmp_path, fps=0)


def test_the_fingerprint_follows_names_and_bytes(tmp_path: Path) -> None:
    for number in range(3):
        save(tmp_path / f"{number}.png", number)
    first = open_video(tmp_path).fingerprint
    assert open_video(tmp_path).fingerprint == first
    assert open_video(tmp_path, fps=10).fingerprint != first
    (tmp_path / "2.png").rename(tmp_path / "3.png")
    renamed = open_video(tmp_path).fingerprint
    save(tmp_path / "3.png", 9)
    assert len({first, renamed, open_video(tmp_path).fingerprint}) == 3


def test_pictures_are_opened_in_the_order_given_with_their_sound(tmp_path: Path) -> None:
    for number in range(3):
        Image.fromarray(np.full((16, 24, 3), 50 * number, np.uint8)).save(tmp_path / f"{number}.png")
    with wave.open(str(tmp_path / "s.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(np.full(8000 * 5, 8000, "<i2").tobytes())
    paths = [tmp_path / "2.png", tmp_path / "0.png"]
    video = open_frames(paths, fps=1, audio=tmp_path / "s.wav")
    assert [int(video.read_frame(index)[0, 0, 0]) for index in range(2)] == [100, 0]
    heard = video.read_audio(8000)
    assert heard is not None
    assert (len(heard.samples), heard.start) == (16_000, 0.0)
    assert video.fingerprint != open_frames(paths, fps=1).fingerprint != open_frames(paths[::-1], fps=1).fingerprint
    assert open_frames(paths, fps=1).read_audio(8000) is None
    assert (open_frames(paths, fps=1).name, open_frames(paths, fps=1, name="clip").name) == (tmp_path.name, "clip")
