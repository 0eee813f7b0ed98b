"""Pictures that go to a model: frames with numbered badges, candidates in numbered coloured boxes, encoded as JPEG or PNG.

Layouts: ``paper`` has the geometry of arXiv 2408.15876, 500 pixels a frame; ``sharp`` fills one picture with cells as large as
fit; ``frames`` makes each frame a picture of its own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from alref.media.draw import badge, draw_box, resize
from alref.media.video import Frame

Layout = Literal["sharp", "paper", "frames"]
COLOURS = {
    "green": (0, 220, 60),
    "magenta": (255, 0, 220),
    "orange": (255, 150, 0),
    "blue": (40, 110, 255),
    "red": (240, 20, 20),
    "yellow": (255, 240, 0),
    "cyan": (0, 230, 240),
    "white": (255, 255, 255),
}
NAMES = tuple(COLOURS)
"""Colours of candidates 1, 2, …, the first three as published; after the last they begin again."""
DISC = (16, 24, 88)
PAPER_CELL, PAPER_ROW = 500, 5
QUALITY = 90


@dataclass(frozen=True)
class Look:
    """How pictures are made: layout, longest side in pixels, file format, frames one below the other (``paper`` only)."""

    layout: Layout = "sharp"
    size: int = 2048
    kind: Literal["jpeg", "png"] = "jpeg"
    vertical: bool = False


@dataclass(frozen=True)
class Sheet:
    """Encoded pictures, and in words how to read them."""

    images: tuple[bytes, ...]
    text: str


def frames_sheet(frames: Sequence[Frame], look: Look) -> Sheet:
    """Show frames of one size, numbered from 1 in their order."""
    if look.layout == "frames":
        cells = [_numbered(frame, number, _fitting(frame, 1, 1, look)) for number, frame in enumerate(frames, 1)]
        return Sheet(tuple(encode(cell, look.kind) for cell in cells), _separate_text(len(cells)))
    columns = _columns(frames[0], len(frames), look)
    width = _cell_width(frames[0], len(frames), columns, look)
    cells = [_numbered(frame, number, width) for number, frame in enumerate(frames, 1)]
    return Sheet((encode(tile(cells, columns), look.kind),), _grid_text(len(cells), columns))


def boxes_sheet(frames: Sequence[Frame], chosen: int, boxes: npt.NDArray[np.float32], look: Look) -> Sheet:
    """Show the same with candidates, ``xyxy`` (N, 4) in pixels of frame ``chosen`` (from 0), drawn on that frame alone.

    ``sharp`` shows the chosen frame large and the others in a row below it.
    """
    if look.layout == "sharp":
        return _sharp_boxes(frames, chosen, boxes, look)
    columns = 1 if look.layout == "frames" else _columns(frames[0], len(frames), look)
    rows = 1 if look.layout == "frames" else len(frames)
    width = _fitting(frames[0], 1, 1, look) if look.layout == "frames" else _cell_width(frames[0], rows, columns, look)
    cells = [_numbered(frame, number, width) for number, frame in enumerate(frames, 1)]
    size = _badge_size(cells[chosen])
    cells[chosen] = with_boxes(cells[chosen], boxes * (width / frames[0].shape[1]), size, [(size, size)])
    where = f"The candidates are drawn on frame {chosen + 1}, each in a coloured box with its number on a disc of that colour."
    if look.layout == "frames":
        return Sheet(tuple(encode(cell, look.kind) for cell in cells), f"{_separate_text(len(cells))} {where}")
    return Sheet((encode(tile(cells, columns), look.kind),), f"{_grid_text(len(cells), columns)} {where}")


def _sharp_boxes(frames: Sequence[Frame], chosen: int, boxes: npt.NDArray[np.float32], look: Look) -> Sheet:
    frame = frames[chosen]
    strip_share = 0 if len(frames) == 1 else 1 / len(frames)
    height, width = frame.shape[:2]
    scale = min(look.size / width, look.size / (height * (1 + strip_share)), max(1.0, 1024 / width))
    shown = _scaled(frame, int(width * scale))
    large = with_boxes(shown, boxes * (shown.shape[1] / width), _badge_size(shown))
    text = "The picture shows one frame of a video" + (" large." if len(frames) > 1 else ".")
    text += " On it the candidates are drawn, each in a coloured box with its number on a disc of that colour."
    if len(frames) > 1:
        cells = [_numbered(each, number, shown.shape[1] // len(frames)) for number, each in enumerate(frames, 1)]
        strip = tile(cells, len(cells))
        large = np.vstack([large, np.pad(strip, ((0, 0), (0, large.shape[1] - strip.shape[1]), (0, 0)))])
        text += f" Below it are {len(frames)} frames in order of time, numbered from 1; the large one is frame {chosen + 1}."
    return Sheet((encode(large, look.kind),), text)


def with_boxes(frame: Frame, boxes: npt.NDArray[np.float32], size: int, taken: Sequence[tuple[float, float]] = ()) -> Frame:
    """Draw boxes, best first, in numbered colours; digits of ``size`` pixels, on discs that keep off each other.

    ``taken`` are the centres of discs that are there already.
    """
    width = max(2, size // 8)
    for place in reversed(range(len(boxes))):
        grown = boxes[place] + np.array([-1, -1, 1, 1], np.float32)
        frame = draw_box(frame, _inside(grown, frame), colour=(0, 0, 0), width=width + 2)
        frame = draw_box(frame, _inside(boxes[place], frame), colour=_colour(place), width=width)
    spots = list(taken)
    for place, box in enumerate(boxes):
        spots.append(_free(box, size, frame, spots))
        frame = badge(frame, spots[-1], place + 1, _colour(place), size)
    return frame


def tile(cells: Sequence[Frame], columns: int) -> Frame:
    """Put cells of one size in rows of ``columns``, without margins; what is left of the last row is black."""
    height, width = cells[0].shape[:2]
    columns = min(columns, len(cells))
    sheet = np.zeros((math.ceil(len(cells) / columns) * height, columns * width, 3), np.uint8)
    for place, cell in enumerate(cells):
        y, x = place // columns * height, place % columns * width
        sheet[y : y + height, x : x + width] = cell
    return sheet


def encode(picture: Frame, kind: Literal["jpeg", "png"] = "jpeg") -> bytes:
    """Encode uint8 (H, W, 3) RGB."""
    suffix, settings = (".png", []) if kind == "png" else (".jpg", [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    _, data = cv2.imencode(suffix, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), settings)
    return bytes(data)


def _columns(frame: Frame, count: int, look: Look) -> int:
    if look.layout == "paper":
        return 1 if look.vertical else PAPER_ROW
    return max(range(count, 0, -1), key=lambda columns: _goodness(frame, count, columns, look))


def _goodness(frame: Frame, count: int, columns: int, look: Look) -> float:
    """Weigh a grid: large cells are good, empty ones are not."""
    rows = math.ceil(count / columns)
    return _fitting(frame, columns, rows, look) * count / (rows * columns)


def _cell_width(frame: Frame, count: int, columns: int, look: Look) -> int:
    return PAPER_CELL if look.layout == "paper" else _fitting(frame, columns, math.ceil(count / columns), look)


def _fitting(frame: Frame, columns: int, rows: int, look: Look) -> int:
    """Return the width of the largest cell of which so many fit; small frames are enlarged to 512 pixels, not beyond."""
    height, width = frame.shape[:2]
    return int(min(look.size // columns, look.size * width // (rows * height), max(width, 512)))


def _scaled(frame: Frame, width: int) -> Frame:
    return resize(frame, max(1, frame.shape[0] * width // frame.shape[1]), max(1, width))


def _numbered(frame: Frame, number: int, width: int) -> Frame:
    cell = _scaled(frame, width)
    return badge(cell, (0, 0), number, DISC, _badge_size(cell))


def _badge_size(cell: Frame) -> int:
    return max(16, int(min(cell.shape[:2])) // 18)


def _colour(place: int) -> tuple[int, int, int]:
    return COLOURS[NAMES[place % len(NAMES)]]


def _inside(box: npt.NDArray[np.float32], frame: Frame) -> npt.NDArray[np.float32]:
    return np.clip(box, 0, [frame.shape[1], frame.shape[0]] * 2).astype(np.float32)


def _free(box: npt.NDArray[np.float32], size: int, frame: Frame, taken: list[tuple[float, float]]) -> tuple[float, float]:
    """Find a place for a disc at a corner of a box, outside it where there is room, not on another disc."""
    x0, y0, x1, y1 = (float(value) for value in box)
    radius = size * 0.8
    tops = [(x0 + radius, y0 - radius), (x1 - radius, y0 - radius), (x0 + radius, y1 + radius), (x1 - radius, y1 + radius)]
    corners = [(x, min(max(y, radius), frame.shape[0] - radius)) for x, y in tops]
    sides = [(x0 - radius, (y0 + y1) / 2), (x1 + radius, (y0 + y1) / 2), ((x0 + x1) / 2, (y0 + y1) / 2)]
    spots = [*corners, *((min(max(x, radius), frame.shape[1] - radius), y) for x, y in sides)]
    return max(spots, key=lambda spot: (_distance(spot, taken, 2.2 * radius), -spots.index(spot)))


def _distance(spot: tuple[float, float], taken: list[tuple[float, float]], enough: float) -> float:
    return min([enough, *(math.dist(spot, other) for other in taken)])


def _grid_text(count: int, columns: int) -> str:
    number = "Each carries its number on a disc in its upper left corner."
    if count == 1:
        return f"The picture shows one frame of a video. {number}"
    if columns == 1:
        return f"The picture shows {count} frames of a video, one below the other in order of time. {number}"
    if columns >= count:
        return f"The picture shows {count} frames of a video side by side, in order of time from left to right. {number}"
    order = f"in rows of {columns}, in order of time from left to right and then from top to bottom"
    return f"The picture shows {count} frames of a video {order}. {number}"


def _separate_text(count: int) -> str:
    plural = "pictures are frames" if count > 1 else "picture is a frame"
    return f"The {count} {plural} of a video in order of time. Each carries its number on a disc in its upper left corner."
