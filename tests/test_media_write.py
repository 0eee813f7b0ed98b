"""Masks and overlays on disk, whole or not at all, and what is drawn on frames."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from alref.errors import InputError, OutputError
from alref.media.draw import blend_masks, build_color_map, build_contact_sheet, build_palette, draw_badge, draw_box
from alref.media.reader import open_video
from alref.media.write import read_label_map, read_mask, write_mask_pngs, write_video
from support.clips import number_of, picture

GRAY = np.full((60, 80, 3), 100, np.uint8)
DAVIS = [
    (0, 0, 0),
    (128, 0, 0),
    (0, 128, 0),
    (128, 128, 0),
    (0, 0, 128),
    (128, 0, 128),
    (0, 128, 128),
    (128, 128, 128),
    (64, 0, 0),
]


def labels(*values: int) -> npt.NDArray[np.uint8]:
    return np.repeat(np.array(values, np.uint8), 10)[None].repeat(20, axis=0)


def test_the_palette_is_that_of_davis() -> None:
    assert [tuple(color) for color in build_color_map()[: len(DAVIS)].tolist()] == DAVIS
    assert build_color_map()[255].tolist() == [224, 224, 192]
    assert len({tuple(color) for color in build_palette(255).tolist()}) == 255
    np.testing.assert_array_equal(build_palette(3), build_palette(9)[:3])
    assert build_palette(9).max(axis=1).min() > 200
    assert build_palette(300).shape == (300, 3)


def test_masks_are_indexed_pictures_with_that_palette(tmp_path: Path) -> None:
    maps = [labels(0, 1, 2), labels(3, 0, 255)]
    write_mask_pngs(tmp_path / "masks", maps, ["00000", "00001"])
    for label_map, name in zip(maps, ("00000", "00001"), strict=True):
        np.testing.assert_array_equal(read_label_map(tmp_path / "masks" / f"{name}.png"), label_map)
        with Image.open(tmp_path / "masks" / f"{name}.png") as image:
            assert image.mode == "P"
            np.testing.assert_array_equal(np.array(image.convert("RGB")), build_color_map()[label_map])
    assert len(list((tmp_path / "masks").iterdir())) == 2


def masks() -> dict[str, Image.Image]:
    seen = labels(0, 1, 0) > 0
    eight = (seen * 200).astype(np.uint8)
    indexed = Image.fromarray(seen.astype(np.uint8) * 7)
    indexed.putpalette([255] * 768)
    clear = np.dstack([np.full((*seen.shape, 3), 255, np.uint8), eight])
    return {
        "gray": Image.fromarray(eight),
        "faint": Image.fromarray(seen.astype(np.uint8)),
        "bits": Image.fromarray(seen),
        "indexed": indexed,
        "rgb": Image.fromarray(np.dstack([eight * 0, eight, eight * 0])),
        "deep": Image.fromarray(seen.astype(np.uint16) * 300),
        "clear": Image.fromarray(clear),
    }


@pytest.mark.parametrize("kind", list(masks()))
def test_a_mask_is_what_is_not_zero(tmp_path: Path, kind: str) -> None:
    masks()[kind].save(tmp_path / "mask.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "mask.png"), labels(0, 1, 0) > 0)


def test_a_mask_that_says_nothing_is_refused(tmp_path: Path) -> None:
    Image.fromarray(labels(0, 0)).save(tmp_path / "empty.png")
    Image.fromarray(labels(0, 9)).save(tmp_path / "lossy.jpg")
    (tmp_path / "text.png").write_text("no picture")
    Image.fromarray(GRAY).save(tmp_path / "rgb.png")
    with pytest.raises(InputError, match=r"empty\.png: "):
        read_mask(tmp_path / "empty.png")
    with pytest.raises(InputError, match=r"lossy\.jpg: .*JPEG"):
        read_mask(tmp_path / "lossy.jpg")
    with pytest.raises(InputError, match=r"text\.png: "):
        read_mask(tmp_path / "text.png")
    with pytest.raises(InputError, match=r"gone\.png: "):
        read_mask(tmp_path / "gone.png")
    with pytest.raises(InputError, match=r"rgb\.png: .*\bRGB\b"):
        read_label_map(tmp_path / "rgb.png")


@pytest.mark.parametrize("size", [(48, 64), (47, 63), (1, 1)])
def test_an_overlay_is_h264_with_the_times_of_the_video(tmp_path: Path, size: tuple[int, int]) -> None:
    times = [10.0, 10.04, 10.2, 10.24, 11.0, 11.04]
    path = tmp_path / "deeper" / "overlay.mp4"
    write_video(path, (picture(number, *size) for number in range(6)), times)
    video = open_video(path)
    np.testing.assert_allclose(video.times, np.array(times) - 10, atol=1e-4)
    assert (video.height, video.width) == tuple(side + side % 2 for side in size)
    if size[0] > 1:
        assert [number_of(frame) for _, frame in video.read_frames()] == list(range(6))
        assert np.abs(video.read_frame(5)[: size[0], : size[1]].astype(int) - picture(5, *size)).mean() < 4
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        assert (stream.codec_context.name, stream.pix_fmt) == ("h264", "yuv420p")
        assert float(stream.duration * stream.time_base) == pytest.approx(1.08, abs=0.001)
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    assert [each.name for each in path.parent.iterdir()] == ["overlay.mp4"]


def test_a_single_frame_makes_an_overlay(tmp_path: Path) -> None:
    write_video(tmp_path / "one.mp4", [picture(9)], [3.0])
    video = open_video(tmp_path / "one.mp4")
    assert (len(video), number_of(video.read_frame(0))) == (1, 9)


def test_an_overlay_that_breaks_off_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "overlay.mp4"
    path.write_bytes(b"before")

    def frames() -> Iterator[npt.NDArray[np.uint8]]:
        yield from (picture(number) for number in range(5))
        raise InputError("the source broke")

    with pytest.raises(InputError, match="the source broke"):
        write_video(path, frames(), [number / 25 for number in range(9)])
    assert path.read_bytes() == b"before"
    assert [each.name for each in tmp_path.iterdir()] == ["overlay.mp4"]


def test_a_place_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"file: "):
        write_video(tmp_path / "file" / "overlay.mp4", [GRAY], [0.0])
    with pytest.raises(OutputError, match=r"file: "):
        write_mask_pngs(tmp_path / "file", [labels(1)], ["00000"])


FULL = """
import resource, sys
from pathlib import Path
import numpy as np
from alref.errors import OutputError
from alref.media.write import write_mask_pngs, write_video
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
noise = np.random.default_rng(0).integers(0, 255, (20, 240, 320, 3)).astype(np.uint8)
folder = Path(sys.argv[1])
for work in (
    lambda: write_video(folder / "overlay.mp4", noise, np.arange(20) / 25),
    lambda: write_mask_pngs(folder, noise[..., 0], map(str, range(20))),
):
    try:
        work()
    except OutputError as error:
        print(error)
"""


def test_a_full_disk_is_named_and_leaves_nothing_half_written(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", FULL, tmp_path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.partition(": ")[0] for line in lines] == [f"{tmp_path}/overlay.mp4", f"{tmp_path}/0.png"]
    assert all(os.strerror(errno.EFBIG) in line for line in lines)
    assert list(tmp_path.iterdir()) == []


def test_masks_are_tinted_outlined_and_leave_the_rest_alone() -> None:
    mask = np.zeros((2, 60, 80), np.bool_)
    mask[0, 10:50, 10:40] = True
    mask[0, 25:35, 20:30] = False
    mask[1, 20:40, 35:70] = True
    before = GRAY.copy()
    frame = blend_masks(GRAY, mask, build_color_map()[1:3], opacity=0.25)
    np.testing.assert_array_equal(GRAY, before)
    assert frame[15, 15].tolist() == [107, 75, 75]
    assert frame[30, 60].tolist() == [75, 107, 75]
    assert frame[30, 25].tolist() == [100, 100, 100]
    assert frame[10, 25].tolist() == [128, 0, 0]
    assert frame[30, 69].tolist() == [0, 128, 0]
    changed = (frame != GRAY).any(axis=2)
    assert not (changed & ~mask.any(axis=0))[:, 75:].any()
    np.testing.assert_array_equal(blend_masks(GRAY, mask[:0], build_palette(0)), GRAY)
    np.testing.assert_array_equal(blend_masks(GRAY, np.zeros((1, 60, 80), np.bool_), build_palette(1)), GRAY)


@pytest.mark.parametrize("size", [(168, 224), (2160, 3840)])
def test_marks_are_legible_at_any_size(size: tuple[int, int]) -> None:
    frame = np.zeros((*size, 3), np.uint8)
    height, width = size
    marked = draw_badge(frame, (width / 2, height / 2), 7, (255, 255, 255))
    rows, columns = np.nonzero(marked.any(axis=2))
    side = rows.max() - rows.min() + 1
    assert side >= 20
    assert 0.04 < side / height < 0.15
    assert abs((columns.max() + columns.min()) / 2 - width / 2) <= 2
    center = marked[rows.min() + side // 4 : rows.max() - side // 4, columns.min() + side // 4 : columns.max() - side // 4]
    assert 0.02 < (center.max(axis=2) < 100).mean() < 0.6
    boxed = draw_box(frame, (width * 0.2, height * 0.2, width * 0.8, height * 0.8), "1 the frog", (0, 255, 0))
    assert boxed[height // 2, round(width * 0.2)].tolist() == [0, 255, 0]
    assert not boxed[height // 2, width // 2].any()
    assert not boxed[: round(height * 0.19)].any()


def test_marks_at_the_edge_stay_inside() -> None:
    for xy in ((-50.0, -50.0), (500.0, 500.0)):
        marked = draw_badge(GRAY, xy, 12)
        assert (marked != GRAY).any(axis=2).sum() > 300
    boxed = draw_box(GRAY, (70, 55, 200, 200), "far out", (255, 0, 0))
    assert (boxed[..., 0] == 255).sum() > 300
    assert draw_box(GRAY, (5, 5, 6, 6)).shape == GRAY.shape


def test_a_contact_sheet_shows_every_frame_with_its_caption() -> None:
    frames = [np.full((60, 80, 3), 40 * number, np.uint8) for number in range(1, 6)]
    sheet = build_contact_sheet(frames, [f"frame {number}" for number in range(5)], columns=2, cell_width=160)
    height = sheet.shape[0] // 3
    assert sheet.shape[1] == 320
    for number in range(5):
        row, column = divmod(number, 2)
        cell = sheet[row * height : (row + 1) * height, column * 160 : (column + 1) * 160]
        assert cell[60, 80].tolist() == [40 * (number + 1)] * 3
        assert (cell[122:] > 150).any()
    assert not (sheet[2 * height :, 160:] > 150).any()
    assert build_contact_sheet(frames[:1], ["x" * 500]).shape[1] == 320
    with pytest.raises(ValueError, match=r"\b5\b.*\b1\b"):
        build_contact_sheet(frames, ["only one"])


@pytest.mark.parametrize("times", [[0, 1e-7, 2e-7], [0, 1, 1, 1], [0, 5e4, 1e9], [0, 1e-5, 1e-5, 5]])
def test_any_times_can_be_encoded(tmp_path: Path, times: list[float]) -> None:
    write_video(tmp_path / "clip.mp4", [np.zeros((32, 32, 3), np.uint8)] * len(times), times)
    assert len(open_video(tmp_path / "clip.mp4")) == len(times)


def test_frames_that_are_too_large_to_encode_are_downscaled(tmp_path: Path) -> None:
    write_video(tmp_path / "clip.mp4", [np.zeros((40, 20_000, 3), np.uint8)], [0])
    video = open_video(tmp_path / "clip.mp4")
    assert (video.width, video.height) == (16_384, 34)
