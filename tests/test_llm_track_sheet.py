"""Images about tracks: every object in its own color and with its number, and its inside as it is."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from alref.llm.contact_sheet import COLORS, ContactSheetStyle
from alref.llm.track_sheet import LINE_COLOR, build_appearance_sheet, build_outline_sheet, build_track_sheet, list_track_colors
from alref.media.video import Frame
from alref.utils.masks import encode_mask
from support.object_tracks import make_track

PNG = ContactSheetStyle("frames", 512, "png")


def decode(image: bytes) -> Frame:
    return np.asarray(cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_COLOR)[..., ::-1])


def count_pixels(image: Frame, color: tuple[int, int, int]) -> int:
    return int((image == color).all(axis=2).sum())


def test_colors_of_many_tracks_can_be_told_apart() -> None:
    colors = np.array(list_track_colors(24), np.int64)
    apart = np.abs(colors[:, None] - colors[None]).sum(axis=2) + 1000 * np.eye(24, dtype=np.int64)
    assert len(colors) == 24
    assert apart.min() > 20


@pytest.mark.parametrize("gray", [0, 128, 255])
@pytest.mark.parametrize("layout", ["frames", "sharp", "paper"])
def test_each_object_is_outlined_in_its_color_on_the_frames_where_it_is(gray: int, layout: str) -> None:
    tracks = [make_track(1, range(4), 4), make_track(3, range(2, 4), 4)]
    frames = [np.full((60, 80, 3), gray, np.uint8)] * 4
    style = ContactSheetStyle(layout, 512, "png")  # type: ignore[arg-type]
    sheet = build_track_sheet(frames, [[track.rles[place] for track in tracks] for place in range(4)], [1, 3], style)
    images = [decode(image) for image in sheet.images]
    green, magenta = COLORS["green"], COLORS["magenta"]
    if layout == "frames":
        assert [count_pixels(image, green) > 20 for image in images] == [True] * 4
        assert [count_pixels(image, magenta) > 20 for image in images] == [False, False, True, True]
    elif layout == "sharp":
        assert count_pixels(images[0], green) > count_pixels(images[0], magenta) > 40


def test_the_inside_of_an_outline_is_not_covered() -> None:
    frame = np.random.default_rng(0).integers(100, 150, (96, 128, 3), np.uint8)
    mask = np.zeros((96, 128), np.bool_)
    mask[20:80, 20:100] = True
    (image,) = build_outline_sheet([frame], [encode_mask(mask)], PNG).images
    drawn = decode(image)
    plain = cv2.resize(frame, (drawn.shape[1], drawn.shape[0]), interpolation=cv2.INTER_LINEAR)
    scale = drawn.shape[1] / 128
    inside = (slice(int(30 * scale), int(70 * scale)), slice(int(30 * scale), int(90 * scale)))
    assert np.array_equal(drawn[inside], plain[inside])
    assert count_pixels(drawn, LINE_COLOR) > 2 * (60 + 80)


def test_an_object_of_one_pixel_is_still_outlined() -> None:
    mask = np.zeros((1200, 1600), np.bool_)
    mask[601, 801] = True
    frame = np.full((1200, 1600, 3), 128, np.uint8)
    (image,) = build_outline_sheet([frame], [encode_mask(mask)], ContactSheetStyle("frames", 256, "png")).images
    assert count_pixels(decode(image), LINE_COLOR) > 0


@pytest.mark.parametrize("place", [(0, 0), (50, 70), (88, 118)])
def test_an_object_is_shown_in_its_frame_and_alone(place: tuple[int, int]) -> None:
    frame = np.full((96, 128, 3), (0, 0, 90), np.uint8)
    mask = np.zeros((96, 128), np.bool_)
    mask[place[0] : place[0] + 8, place[1] : place[1] + 10] = True
    frame[mask] = (10, 200, 10)
    (image,) = build_appearance_sheet(frame, mask, PNG).images
    drawn = decode(image).astype(int)
    green = (drawn[..., 1] > 150) & (drawn[..., 0] < 60)
    half = drawn.shape[1] // 2
    assert green[:, half:].mean() > 4 * green[:, :half].mean() > 0
    assert ((drawn[..., 0] > 200) & (drawn[..., 1] < 60)).any()
