"""Contact sheets as arXiv 2408.15876 draws them with matplotlib at 100 dots per inch: cells 500 pixels wide, without margins.

Sizes of discs and boxes are in pixels of the frame, of lines and digits in points. The digits are of another typeface.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import cycle

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from alref.media.draw import resize_frame
from alref.media.video import Frame

CELL_WIDTH, COLUMNS = 500, 5
JPEG_QUALITY = 75
PIXELS_PER_POINT = 100 / 72
FRAME_COLOR = (31, 119, 180)
BOX_COLORS = {
    "green": (0, 128, 0),
    "magenta": (255, 0, 255),
    "orange": (255, 165, 0),
    "blue": (0, 0, 255),
    "red": (255, 0, 0),
    "yellow": (255, 255, 0),
    "cyan": (0, 255, 255),
    "white": (255, 255, 255),
}
"""Colors of boxes 1, 2, …; the published ones are the first six."""
HALF_BOX_LINE, DISC_LINE = 2, 2 * PIXELS_PER_POINT
WHITE = (255, 255, 255)
DIGIT_SIZE, DIGIT_RISE = 1.07, 0.105
"""Size of this typeface whose digits are as high as matplotlib's, and how far those stand above the center, in em."""
SUBPIXELS, SMOOTHING = 8, 0.6
"""Bits of the fraction of a coordinate for OpenCV, and by how much its smooth discs are larger than asked for, in pixels."""


@dataclass(frozen=True)
class PaperBadges:
    """Discs: center and radius of the number of a frame, radius of that of a box, sizes of their digits in points."""

    center: int
    radius: int
    points: int
    box_radius: int
    box_points: int


EXPRESSION_BADGES = PaperBadges(50, 35, 15, 25, 12)
SOUND_BADGES = PaperBadges(50, 40, 15, 30, 15)
SMALL_SOUND_BADGES = PaperBadges(20, 15, 20, 8, 15)
"""For the settings S4 and MS3, whose frames have 224 x 224 pixels."""
SMALL_WIDTH = 224


def draw_paper_sheet(
    frames: Sequence[Frame], vertical: bool, chosen: int | None = None, boxes: npt.NDArray[np.float32] | None = None
) -> Frame:
    """Draw frames of one size, numbered from 1, and ``boxes`` (N, 4) on frame ``chosen`` (from 0).

    ``vertical`` puts them one below the other, as for expressions; otherwise they are in rows of five, as for sounds.
    """
    columns = 1 if vertical else min(COLUMNS, len(frames))
    rows, scale = math.ceil(len(frames) / columns), CELL_WIDTH / frames[0].shape[1]
    height = frames[0].shape[0] * scale
    total = int(rows * height + 1e-6)
    tops = [row * height + total - rows * height for row in range(rows)]
    edges = [0, *(round(top) for top in tops[1:]), total]
    sheet = np.zeros((total, columns * CELL_WIDTH, 3), np.uint8)
    badges = EXPRESSION_BADGES if vertical else SOUND_BADGES if frames[0].shape[1] > SMALL_WIDTH else SMALL_SOUND_BADGES
    for place, frame in enumerate(frames):
        row, left = place // columns, place % columns * CELL_WIDTH
        shift = tops[row] - edges[row]
        shown = boxes if place == chosen and boxes is not None else np.zeros((0, 4), np.float32)
        cell = _draw_cell(frame, place + 1, badges, shown, edges[row + 1] - edges[row], shift)
        sheet[edges[row] : edges[row + 1], left : left + CELL_WIDTH] = cell
    return sheet


def _draw_cell(
    frame: Frame, number: int, badges: PaperBadges, boxes: npt.NDArray[np.float32], height: int, shift: float
) -> Frame:
    """Draw one frame whose upper edge is ``shift`` pixels below that of the cell."""
    scale = CELL_WIDTH / frame.shape[1]
    cell = resize_frame(frame, height, CELL_WIDTH)
    digits = [(number, _to_cell((badges.center, badges.center), scale, shift), badges.points)]
    _draw_disc(cell, digits[0][1], badges.radius * scale, FRAME_COLOR)
    for place, (color, box) in enumerate(zip(cycle(BOX_COLORS.values()), boxes.tolist(), strict=False), 1):
        corners = _to_cell(box[:2], scale, shift), _to_cell(box[2:], scale, shift)
        _draw_outline(cell, *corners, color)
        center = _to_cell((box[2] - badges.box_radius, box[3] - badges.box_radius), scale, shift)
        _draw_disc(cell, center, badges.box_radius * scale, color)
        digits.append((place, center, badges.box_points))
    return _draw_digits(cell, digits)


def _to_cell(point: Sequence[float], scale: float, shift: float) -> tuple[float, float]:
    """Return a point of the frame in pixels of the cell; whole numbers are centers of pixels of the frame, as in matplotlib."""
    return (point[0] + 0.5) * scale, (point[1] + 0.5) * scale + shift


def _draw_disc(cell: Frame, center: tuple[float, float], radius: float, color: tuple[int, int, int]) -> None:
    """Draw a disc with a white edge, in place."""
    place = tuple(round((value - 0.5) * (1 << SUBPIXELS)) for value in center)
    for size, ink in ((radius + DISC_LINE / 2 - SMOOTHING, WHITE), (radius - DISC_LINE / 2 - SMOOTHING, color)):
        if size > 0:
            cv2.circle(cell, place, round(size * (1 << SUBPIXELS)), ink, cv2.FILLED, cv2.LINE_AA, SUBPIXELS)


def _draw_outline(cell: Frame, first: tuple[float, float], last: tuple[float, float], color: tuple[int, int, int]) -> None:
    """Draw a box whose lines are 4 pixels wide and centered on its edges, in place."""
    x0, y0, x1, y1 = (math.floor(value + 0.5) for value in (*first, *last))
    outer, inner = (
        (max(x0 + by, 0), max(y0 + by, 0), max(x1 - by, 0), max(y1 - by, 0)) for by in (-HALF_BOX_LINE, HALF_BOX_LINE)
    )
    line = np.zeros(cell.shape[:2], np.bool_)
    line[outer[1] : outer[3], outer[0] : outer[2]] = True
    line[inner[1] : inner[3], inner[0] : inner[2]] = False
    cell[line] = color


def _draw_digits(cell: Frame, digits: Sequence[tuple[int, tuple[float, float], int]]) -> Frame:
    """Draw numbers, each with its center and its size in points."""
    image = Image.fromarray(cell)
    draw = ImageDraw.Draw(image)
    for number, (x, y), points in digits:
        size = points * PIXELS_PER_POINT
        font = _load_font(size * DIGIT_SIZE)
        left, top, right, bottom = draw.textbbox((0, 0), str(number), font=font, anchor="ls")
        draw.text((x - (left + right) / 2, y - DIGIT_RISE * size - (top + bottom) / 2), str(number), WHITE, font, anchor="ls")
    return np.array(image)


@lru_cache(maxsize=8)
def _load_font(size: float) -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    return ImageFont.load_default(size)
