"""Contact sheets: the published geometry, cells as large as fit, badges and boxes that can be seen."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from alref.llm.contact_sheet import (
    COLOR_NAMES,
    COLORS,
    ContactSheetStyle,
    build_box_sheet,
    build_frame_sheet,
    draw_numbered_boxes,
)
from alref.llm.paper_sheet import BOX_COLORS
from alref.media.video import Frame

Boxes = npt.NDArray[np.float32]


def frames(count: int, height: int, width: int) -> list[Frame]:
    """Make frames of one gray each, 10 brighter from one to the next."""
    return [np.full((height, width, 3), 40 + 10 * number, np.uint8) for number in range(count)]


def opened(data: bytes) -> Frame:
    with Image.open(BytesIO(data)) as picture:
        return np.asarray(picture.convert("RGB"))


def size(data: bytes) -> tuple[int, int]:
    picture = opened(data)
    return picture.shape[1], picture.shape[0]


@pytest.mark.parametrize(
    ("count", "height", "width", "vertical", "expected"),
    [
        (5, 224, 224, False, (2500, 500)),
        (5, 720, 1280, False, (2500, 281)),
        (10, 720, 1280, False, (2500, 562)),
        (5, 720, 1280, True, (500, 1406)),
        (3, 720, 1280, True, (500, 843)),
        (2, 480, 854, True, (500, 562)),
    ],
)
def test_the_published_layout_has_its_geometry(
    count: int, height: int, width: int, vertical: bool, expected: tuple[int, int]
) -> None:
    sheet = build_frame_sheet(frames(count, height, width), ContactSheetStyle("paper", vertical=vertical))
    assert [size(image) for image in sheet.images] == [expected]


@pytest.mark.parametrize(("height", "width"), [(480, 854), (1080, 1920), (1920, 1080), (224, 224), (2160, 3840)])
@pytest.mark.parametrize("count", [1, 4, 9])
@pytest.mark.parametrize("limit", [768, 2048])
def test_the_sharp_layout_fills_its_picture_and_no_more(height: int, width: int, count: int, limit: int) -> None:
    sheet = build_frame_sheet(frames(count, height, width), ContactSheetStyle("sharp", limit))
    (shown,) = sheet.images
    side = max(size(shown))
    assert side <= limit
    assert side >= min(0.9 * limit, max(width, 512))
    boxes = np.array([[0, 0, width / 2, height / 2]], np.float32)
    assert (
        max(size(build_box_sheet(frames(count, height, width), 0, boxes, ContactSheetStyle("sharp", limit)).images[0])) <= limit
    )


def test_sharp_cells_are_larger_than_the_published_ones() -> None:
    wide = frames(9, 1080, 1920)
    assert size(build_frame_sheet(wide, ContactSheetStyle("sharp")).images[0])[0] // 3 > 500
    assert "in rows of 3" in build_frame_sheet(wide, ContactSheetStyle("sharp")).text


def test_frames_stand_in_order_of_time() -> None:
    (image,) = build_frame_sheet(frames(9, 360, 640), ContactSheetStyle("sharp", image_format="png")).images
    picture = opened(image)
    height, width = picture.shape[0] // 3, picture.shape[1] // 3
    middles = [int(picture[y * height + height // 2, x * width + width // 2, 0]) for y in range(3) for x in range(3)]
    assert middles == [40 + 10 * number for number in range(9)]


def test_each_frame_is_a_picture_of_its_own_where_wanted() -> None:
    sheet = build_frame_sheet(frames(3, 90, 160), ContactSheetStyle("frames", image_format="png"))
    assert [opened(image)[-1, -1, 0] for image in sheet.images] == [40, 50, 60]
    assert all(image.startswith(b"\x89PNG") for image in sheet.images)
    assert "The 3 pictures are frames" in sheet.text


def test_jpeg_unless_png_is_asked_for() -> None:
    assert build_frame_sheet(frames(1, 90, 160), ContactSheetStyle()).images[0].startswith(b"\xff\xd8")


def test_the_same_frames_give_the_same_bytes() -> None:
    first, second = (build_frame_sheet(frames(5, 90, 160), ContactSheetStyle()).images for _ in range(2))
    assert first == second


def test_large_pictures_are_made_small_and_small_ones_large() -> None:
    assert size(build_frame_sheet(frames(1, 2160, 3840), ContactSheetStyle("frames")).images[0]) == (2048, 1152)
    assert size(build_frame_sheet(frames(1, 224, 224), ContactSheetStyle("frames")).images[0]) == (512, 512)


def near(picture: Frame, color: tuple[int, int, int]) -> npt.NDArray[np.bool_]:
    return np.asarray(np.abs(picture.astype(int) - color).max(axis=2) < 40)


def spread(count: int, height: int, width: int) -> Boxes:
    """Place boxes beside each other."""
    step = width / count
    lefts = np.arange(count) * step
    tops, bottoms = np.full(count, 0.3 * height), np.full(count, 0.8 * height)
    return np.stack([lefts + 0.1 * step, tops, lefts + 0.9 * step, bottoms], axis=1).astype(np.float32)


@pytest.mark.parametrize(("height", "width"), [(224, 224), (480, 854), (1280, 720), (2160, 3840)])
@pytest.mark.parametrize("layout", ["sharp", "paper", "frames"])
def test_every_candidate_is_drawn_in_its_color_on_the_chosen_frame(height: int, width: int, layout: str) -> None:
    boxes = spread(3, height, width)
    sheet = build_box_sheet(frames(5, height, width), 1, boxes, ContactSheetStyle(layout, image_format="png"))  # type: ignore[arg-type]
    shown = [opened(image) for image in sheet.images]
    colors = BOX_COLORS if layout == "paper" else COLORS
    for name in COLOR_NAMES[:3]:
        drawn = [int(near(picture, colors[name]).sum()) for picture in shown]
        assert max(drawn) > 400
        assert layout != "frames" or [count > 0 for count in drawn] == [False, True, False, False, False]
    assert "frame 2" in sheet.text


def test_a_box_is_drawn_where_it_is() -> None:
    boxes = np.array([[40, 60, 120, 100]], np.float32)
    drawn = near(draw_numbered_boxes(np.full((200, 200, 3), 90, np.uint8), boxes, 16), COLORS["green"])
    columns = np.nonzero(drawn[60:100])[1]
    assert (columns.min(), columns.max()) == (40, 119)
    assert drawn[99, 40:120].all()
    assert not drawn[105:].any()
    assert not drawn[70:90, 50:110].any()


@pytest.mark.parametrize("size", [16, 40])
def test_numbers_keep_off_each_other_and_inside_the_frame(size: int) -> None:
    same = np.tile(np.array([[0, 0, 399, 299]], np.float32), (6, 1))
    picture = draw_numbered_boxes(np.full((300, 400, 3), 90, np.uint8), same, size)
    disc = 3.14 * (0.75 * size) ** 2
    for name in COLOR_NAMES[:6]:
        assert near(picture, COLORS[name]).sum() > 0.5 * disc, name


def test_a_small_object_is_not_hidden_by_its_number() -> None:
    boxes = np.array([[100, 100, 112, 110]], np.float32)
    picture = draw_numbered_boxes(np.full((300, 400, 3), 90, np.uint8), boxes, 20)
    assert (picture[103:107, 103:109] == 90).all()


def test_the_number_of_the_frame_stays_visible_beside_those_of_candidates() -> None:
    shown, corner = frames(5, 281, 500), np.array([[0, 0, 80, 200]], np.float32)
    plain = opened(build_frame_sheet(shown, ContactSheetStyle("frames", image_format="png")).images[1])
    drawn = opened(build_box_sheet(shown, 1, corner, ContactSheetStyle("frames", image_format="png")).images[1])
    digit = (slice(8, 24), slice(8, 24))
    assert np.array_equal(plain[digit], drawn[digit])


def test_the_words_say_how_to_read_the_sheet() -> None:
    wide = frames(5, 90, 160)
    assert "side by side" in build_frame_sheet(wide, ContactSheetStyle("paper")).text
    assert "one below the other" in build_frame_sheet(wide, ContactSheetStyle("paper", vertical=True)).text
    assert "in rows of 5" in build_frame_sheet([*wide, *wide], ContactSheetStyle("paper")).text
    assert "frame 3" in build_box_sheet(wide, 2, spread(2, 90, 160), ContactSheetStyle("paper")).text
    assert "the large one is frame 3" in build_box_sheet(wide, 2, spread(2, 90, 160), ContactSheetStyle()).text
    assert "one frame of a video." in build_box_sheet(wide[:1], 0, spread(2, 90, 160), ContactSheetStyle()).text
