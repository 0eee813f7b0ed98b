"""Images that are sent to a model: frames with numbered badges, candidates in numbered colored boxes, encoded as JPEG or PNG.

Layouts: ``paper`` is the picture of arXiv 2408.15876, 500 pixels a frame; ``sharp`` fills one image with the largest cells
that fit; ``frames`` makes each frame a separate image.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from alref.llm import paper_sheet
from alref.media.draw import draw_badge, draw_box, resize_frame
from alref.media.video import Frame

SheetLayout = Literal["sharp", "paper", "frames"]
CellOverlay = Callable[[Frame, int], Frame]
COLORS = {
    "green": (0, 220, 60),
    "magenta": (255, 0, 220),
    "orange": (255, 150, 0),
    "blue": (40, 110, 255),
    "red": (240, 20, 20),
    "yellow": (255, 240, 0),
    "cyan": (0, 230, 240),
    "white": (255, 255, 255),
}
COLOR_NAMES = tuple(COLORS)
"""Colors of candidates 1, 2, …, the first three as published; they repeat after the last."""
BADGE_COLOR = (16, 24, 88)
JPEG_QUALITY = 90


@dataclass(frozen=True)
class ContactSheetStyle:
    """How images are drawn: layout, longest side in pixels, file format, frames one below the other (``paper`` only)."""

    layout: SheetLayout = "sharp"
    max_side: int = 2048
    image_format: Literal["jpeg", "png"] = "jpeg"
    vertical: bool = False


@dataclass(frozen=True)
class ContactSheet:
    """Encoded images, and a text that explains how to read them."""

    images: tuple[bytes, ...]
    text: str


def build_frame_sheet(frames: Sequence[Frame], style: ContactSheetStyle, overlay: CellOverlay | None = None) -> ContactSheet:
    """Draw frames of one size, numbered from 1 in their order. ``overlay(cell, place)`` draws on a frame that was resized."""
    if style.layout == "frames":
        cells = [
            _draw_numbered_cell(frame, number, _fit_cell_width(frame, 1, 1, style), overlay)
            for number, frame in enumerate(frames, 1)
        ]
        return ContactSheet(
            tuple(encode_image(cell, style.image_format) for cell in cells), _describe_separate_images(len(cells))
        )
    if style.layout == "paper":
        drawn = frames if overlay is None else [overlay(frame, place) for place, frame in enumerate(frames)]
        return _build_paper_sheet(paper_sheet.draw_paper_sheet(drawn, style.vertical), len(frames), style)
    columns = _choose_columns(frames[0], len(frames), style)
    width = _fit_cell_width(frames[0], len(frames), columns, style)
    cells = [_draw_numbered_cell(frame, number, width, overlay) for number, frame in enumerate(frames, 1)]
    return ContactSheet((encode_image(stack_cells(cells, columns), style.image_format),), _describe_grid(len(cells), columns))


def build_box_sheet(
    frames: Sequence[Frame], chosen: int, boxes: npt.NDArray[np.float32], style: ContactSheetStyle
) -> ContactSheet:
    """Draw frames, and candidates on frame ``chosen`` (from 0) alone: ``boxes`` are ``xyxy`` (N, 4) in its pixels.

    ``sharp`` shows the chosen frame large and the others in a row below it.
    """
    if style.layout == "sharp":
        return _build_sharp_box_sheet(frames, chosen, boxes, style)
    where = f" The candidates are drawn on frame {chosen + 1}, each in a colored box with its number on a disc of that color."
    if style.layout == "paper":
        drawn = paper_sheet.draw_paper_sheet(frames, style.vertical, chosen, boxes)
        return _build_paper_sheet(drawn, len(frames), style, where)
    width = _fit_cell_width(frames[0], 1, 1, style)
    cells = [_draw_numbered_cell(frame, number, width) for number, frame in enumerate(frames, 1)]
    size = compute_badge_size(cells[chosen])
    cells[chosen] = draw_numbered_boxes(cells[chosen], boxes * (width / frames[0].shape[1]), size, [(size, size)])
    return ContactSheet(
        tuple(encode_image(cell, style.image_format) for cell in cells), f"{_describe_separate_images(len(cells))}{where}"
    )


def _build_paper_sheet(drawn: Frame, count: int, style: ContactSheetStyle, where: str = "") -> ContactSheet:
    columns = 1 if style.vertical else paper_sheet.COLUMNS
    image = encode_image(drawn, style.image_format, paper_sheet.JPEG_QUALITY)
    return ContactSheet((image,), f"{_describe_grid(count, columns)}{where}")


def _build_sharp_box_sheet(
    frames: Sequence[Frame], chosen: int, boxes: npt.NDArray[np.float32], style: ContactSheetStyle
) -> ContactSheet:
    frame = frames[chosen]
    strip_share = 0 if len(frames) == 1 else 1 / len(frames)
    height, width = frame.shape[:2]
    scale = min(style.max_side / width, style.max_side / (height * (1 + strip_share)), max(1.0, 1024 / width))
    shown = _resize_to_width(frame, int(width * scale))
    large = draw_numbered_boxes(shown, boxes * (shown.shape[1] / width), compute_badge_size(shown))
    text = "The picture shows one frame of a video" + (" large." if len(frames) > 1 else ".")
    text += " On it the candidates are drawn, each in a colored box with its number on a disc of that color."
    if len(frames) > 1:
        cells = [_draw_numbered_cell(cell, number, shown.shape[1] // len(frames)) for number, cell in enumerate(frames, 1)]
        strip = stack_cells(cells, len(cells))
        large = np.vstack([large, np.pad(strip, ((0, 0), (0, large.shape[1] - strip.shape[1]), (0, 0)))])
        text += f" Below it are {len(frames)} frames in order of time, numbered from 1; the large one is frame {chosen + 1}."
    return ContactSheet((encode_image(large, style.image_format),), text)


def draw_numbered_boxes(
    frame: Frame, boxes: npt.NDArray[np.float32], size: int, occupied: Sequence[tuple[float, float]] = ()
) -> Frame:
    """Draw boxes, best first, in numbered colors; digits of ``size`` pixels, on discs that do not overlap.

    ``occupied`` are the centers of discs that are already drawn.
    """
    width = max(2, size // 8)
    for place in reversed(range(len(boxes))):
        grown = boxes[place] + np.array([-1, -1, 1, 1], np.float32)
        frame = draw_box(frame, _clip_box(grown, frame), color=(0, 0, 0), width=width + 2)
        frame = draw_box(frame, _clip_box(boxes[place], frame), color=_get_color(place), width=width)
    spots = list(occupied)
    for place, box in enumerate(boxes):
        spots.append(find_free_spot(box, size, frame, spots))
        frame = draw_badge(frame, spots[-1], place + 1, _get_color(place), size)
    return frame


def stack_cells(cells: Sequence[Frame], columns: int) -> Frame:
    """Put cells of one size in rows of ``columns``, without margins; the rest of the last row is black."""
    height, width = cells[0].shape[:2]
    columns = min(columns, len(cells))
    sheet = np.zeros((math.ceil(len(cells) / columns) * height, columns * width, 3), np.uint8)
    for place, cell in enumerate(cells):
        y, x = place // columns * height, place % columns * width
        sheet[y : y + height, x : x + width] = cell
    return sheet


def encode_image(image: Frame, image_format: Literal["jpeg", "png"] = "jpeg", quality: int = JPEG_QUALITY) -> bytes:
    """Encode a uint8 (H, W, 3) RGB image as JPEG or PNG."""
    suffix, settings = (".png", []) if image_format == "png" else (".jpg", [cv2.IMWRITE_JPEG_QUALITY, quality])
    _, data = cv2.imencode(suffix, cv2.cvtColor(image, cv2.COLOR_RGB2BGR), settings)
    return bytes(data)


def _choose_columns(frame: Frame, count: int, style: ContactSheetStyle) -> int:
    """Return the number of columns of the grid; large cells are preferred, empty cells avoided."""
    cells = {columns: math.ceil(count / columns) * columns for columns in range(count, 0, -1)}
    return max(cells, key=lambda columns: _fit_cell_width(frame, count, columns, style) * count / cells[columns])


def _fit_cell_width(frame: Frame, count: int, columns: int, style: ContactSheetStyle) -> int:
    """Return the largest cell width at which ``count`` cells fit in ``columns`` columns.

    Small frames are enlarged to at most 512 pixels.
    """
    height, width = frame.shape[:2]
    rows = math.ceil(count / columns)
    return int(min(style.max_side // columns, style.max_side * width // (rows * height), max(width, 512)))


def _resize_to_width(frame: Frame, width: int) -> Frame:
    return resize_frame(frame, max(1, frame.shape[0] * width // frame.shape[1]), max(1, width))


def _draw_numbered_cell(frame: Frame, number: int, width: int, overlay: CellOverlay | None = None) -> Frame:
    cell = _resize_to_width(frame, width)
    if overlay is not None:
        cell = overlay(cell, number - 1)
    return draw_badge(cell, (0, 0), number, BADGE_COLOR, compute_badge_size(cell))


def compute_badge_size(cell: Frame) -> int:
    """Return the height of the digits of a badge in pixels."""
    return max(16, int(min(cell.shape[:2])) // 18)


def _get_color(index: int) -> tuple[int, int, int]:
    return COLORS[COLOR_NAMES[index % len(COLOR_NAMES)]]


def _clip_box(box: npt.NDArray[np.float32], frame: Frame) -> npt.NDArray[np.float32]:
    return np.clip(box, 0, [frame.shape[1], frame.shape[0]] * 2).astype(np.float32)


def find_free_spot(
    box: npt.NDArray[np.float32], size: int, frame: Frame, occupied: list[tuple[float, float]]
) -> tuple[float, float]:
    """Return the center of a disc at a corner of a box: outside the box if there is room, and not on another disc."""
    x0, y0, x1, y1 = (float(value) for value in box)
    radius = size * 0.8
    tops = [(x0 + radius, y0 - radius), (x1 - radius, y0 - radius), (x0 + radius, y1 + radius), (x1 - radius, y1 + radius)]
    corners = [(x, min(max(y, radius), frame.shape[0] - radius)) for x, y in tops]
    sides = [(x0 - radius, (y0 + y1) / 2), (x1 + radius, (y0 + y1) / 2), ((x0 + x1) / 2, (y0 + y1) / 2)]
    spots = [*corners, *((min(max(x, radius), frame.shape[1] - radius), y) for x, y in sides)]
    return max(spots, key=lambda spot: (_compute_distance(spot, occupied, 2.2 * radius), -spots.index(spot)))


def _compute_distance(spot: tuple[float, float], occupied: list[tuple[float, float]], limit: float) -> float:
    return min([limit, *(math.dist(spot, other) for other in occupied)])


def _describe_grid(count: int, columns: int) -> str:
    number = "Each carries its number on a disc in its upper left corner."
    if count == 1:
        return f"The picture shows one frame of a video. {number}"
    if columns == 1:
        return f"The picture shows {count} frames of a video, one below the other in order of time. {number}"
    if columns >= count:
        return f"The picture shows {count} frames of a video side by side, in order of time from left to right. {number}"
    order = f"in rows of {columns}, in order of time from left to right and then from top to bottom"
    return f"The picture shows {count} frames of a video {order}. {number}"


def _describe_separate_images(count: int) -> str:
    plural = "pictures are frames" if count > 1 else "picture is a frame"
    return f"The {count} {plural} of a video in order of time. Each carries its number on a disc in its upper left corner."
