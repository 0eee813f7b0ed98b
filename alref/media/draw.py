"""Draw on frames: masks, boxes, numbered badges and contact sheets. Frames are uint8 (H, W, 3) RGB; each result is new."""

from __future__ import annotations

import colorsys
import math
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from alref.media.video import Frame
from alref.utils.masks import Mask

Colors = npt.NDArray[np.uint8]
TEXT_COLOR = (255, 255, 255)
BACKGROUND_COLOR = (24, 24, 24)


@lru_cache(maxsize=1)
def build_color_map() -> Colors:
    """Return uint8 (256, 3) RGB, the color of each label in PASCAL VOC and DAVIS masks; label 0, the background, is black.

    Bit ``b`` of a channel (from the highest down) is bit ``3 b + c`` of the label; ``c`` is 0 for red, 1 for green, 2 for blue.
    """
    labels = np.arange(256)[:, None]
    channel = np.arange(3)
    colors = sum(((labels >> (3 * bit + channel)) & 1) << (7 - bit) for bit in range(8))
    table = np.asarray(colors, np.uint8)
    table.flags.writeable = False
    return table


def build_palette(count: int) -> Colors:
    """Return uint8 (count, 3) RGB, bright colors for objects 1..count: hues by the golden angle, starting at azure."""
    hues = (0.575 + np.arange(count) * (3 - math.sqrt(5)) / 2) % 1
    return np.array(
        [[round(255 * channel) for channel in colorsys.hsv_to_rgb(hue, 0.85, 1.0)] for hue in hues], np.uint8
    ).reshape(-1, 3)


def blend_masks(frame: Frame, masks: Mask, colors: Colors, opacity: float = 0.5) -> Frame:
    """Tint bool (P, H, W) ``masks`` with ``colors`` (P, 3) at ``opacity`` 0..1 and outline them; later ones are on top."""
    out = np.array(frame)
    width = _compute_line_width(out)
    for mask, color in zip(masks, colors, strict=True):
        x, y, w, h = cv2.boundingRect(mask.view(np.uint8))
        if not w:
            continue
        inside = np.ascontiguousarray(mask[y : y + h, x : x + w]).view(np.uint8)
        part = out[y : y + h, x : x + w]
        tint = np.full_like(part, color)
        cv2.copyTo(cv2.addWeighted(part, 1 - opacity, tint, opacity, 0), inside, part)
        outlines, _ = cv2.findContours(inside, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE, offset=(x, y))
        cv2.drawContours(out, outlines, -1, tuple(int(value) for value in color), width)
    return out


def draw_box(
    frame: Frame, xyxy: npt.ArrayLike, text: str = "", color: Sequence[int] = (255, 196, 0), width: int | None = None
) -> Frame:
    """Draw a box (``xyxy``, pixels) and, inside its upper left corner, ``text`` on a background of the same color.

    The line is ``width`` pixels wide, by default in proportion to the frame.
    """
    image = Image.fromarray(frame)
    x0, y0, x1, y1 = np.rint(np.asarray(xyxy, np.float64)).tolist()
    draw = ImageDraw.Draw(image)
    draw.rectangle(
        (x0, y0, max(x0, x1 - 1), max(y0, y1 - 1)), outline=_to_rgb(color), width=width or _compute_line_width(frame)
    )
    if text:
        _draw_label(draw, (x0, y0), text, _compute_text_size(frame), _to_rgb(color))
    return np.array(image)


def draw_badge(
    frame: Frame, xy: tuple[float, float], number: int, color: Sequence[int] = (255, 196, 0), size: int | None = None
) -> Frame:
    """Draw ``number`` on a disc centered on ``xy`` (pixels), moved inside the frame if it would stick out.

    The digits are ``size`` pixels high, by default in proportion to the frame.
    """
    image = Image.fromarray(frame)
    draw = ImageDraw.Draw(image)
    size = size or _compute_text_size(frame)
    radius = size * (0.75 + 0.22 * (len(str(number)) - 1))
    x, y = (min(max(value, radius), max(radius, edge - 1 - radius)) for value, edge in zip(xy, image.size, strict=True))
    ink = _choose_text_color(color)
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=_to_rgb(color), outline=ink, width=max(1, size // 12))
    draw.text((x, y), str(number), font=_load_font(size), fill=ink, anchor="mm")
    return np.array(image)


def build_contact_sheet(frames: Sequence[Frame], captions: Sequence[str], columns: int = 4, cell_width: int = 320) -> Frame:
    """Lay out frames in rows from left to right, each scaled to ``cell_width`` pixels with its caption in a bar below.

    Raises ValueError when there are no frames, or the number of captions differs.
    """
    if not frames or len(captions) != len(frames):
        raise ValueError(f"expected frames and one caption for each, got {len(frames)} frames and {len(captions)} captions")
    columns = min(columns, len(frames))
    size = max(12, cell_width // 18)
    cell_height = max(round(frame.shape[0] * cell_width / frame.shape[1]) for frame in frames)
    bar = round(size * 1.6)
    rows = math.ceil(len(frames) / columns)
    sheet = Image.new("RGB", (columns * cell_width, rows * (cell_height + bar)), BACKGROUND_COLOR)
    draw = ImageDraw.Draw(sheet)
    for index, (frame, caption) in enumerate(zip(frames, captions, strict=True)):
        x, y = index % columns * cell_width, index // columns * (cell_height + bar)
        height = round(frame.shape[0] * cell_width / frame.shape[1])
        sheet.paste(Image.fromarray(resize_frame(frame, height, cell_width)), (x, y))
        draw.text(
            (x + size // 2, y + cell_height + bar / 2),
            _fit_text(caption, size, cell_width - size),
            TEXT_COLOR,
            _load_font(size),
            "lm",
        )
    return np.array(sheet)


def resize_frame(frame: Frame, height: int, width: int) -> Frame:
    """Resize a frame to (height, width): averaged if it becomes smaller, after as many halvings as fit; linear otherwise."""
    halved = False
    while frame.shape[0] >= 2 * height and frame.shape[1] >= 2 * width:
        half = frame.shape[1] // 2, frame.shape[0] // 2
        frame, halved = np.asarray(cv2.resize(frame, half, interpolation=cv2.INTER_AREA), np.uint8), True
    averaged = width < frame.shape[1] and not halved
    scaled = cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA if averaged else cv2.INTER_LINEAR)
    return np.asarray(scaled, np.uint8)


def _get_short_side(frame: Frame) -> int:
    return int(min(frame.shape[0], frame.shape[1]))


def _compute_line_width(frame: Frame) -> int:
    return max(1, round(_get_short_side(frame) / 240))


def _compute_text_size(frame: Frame) -> int:
    return max(14, round(_get_short_side(frame) / 22))


@lru_cache(maxsize=32)
def _load_font(size: int) -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    return ImageFont.load_default(size)


def _to_rgb(color: Sequence[int]) -> tuple[int, int, int]:
    red, green, blue = (int(value) for value in color)
    return red, green, blue


def _choose_text_color(color: Sequence[int]) -> tuple[int, int, int]:
    red, green, blue = _to_rgb(color)
    return (0, 0, 0) if 299 * red + 587 * green + 114 * blue > 128_000 else TEXT_COLOR


def _draw_label(
    draw: ImageDraw.ImageDraw, corner: tuple[float, float], text: str, size: int, color: tuple[int, int, int]
) -> None:
    font, pad, text = _load_font(size), max(2, size // 5), _to_ascii(text)
    width, height = font.getbbox(text)[2] + 2 * pad, round(size * 1.3)
    x = min(max(corner[0], 0), max(0, draw.im.size[0] - width))
    y = min(max(corner[1], 0), max(0, draw.im.size[1] - height))
    draw.rectangle((x, y, x + width, y + height), fill=color)
    draw.text((x + pad, y + height / 2), text, _choose_text_color(color), font, "lm")


def _fit_text(text: str, size: int, width: float) -> str:
    """Shorten ``text`` with an ellipsis until it is at most ``width`` pixels wide."""
    font = _load_font(size)
    short = _to_ascii(" ".join(text.split()))
    while len(short) > 1 and font.getbbox(short)[2] > width:
        short = short.rstrip("…")[:-1] + "…"
    return short


def _to_ascii(text: str) -> str:
    """Remove accents, which the font lacks; replace letters of other scripts with question marks."""
    plain = "".join(letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))
    return "".join(letter if letter.isascii() else "-" if unicodedata.category(letter) == "Pd" else "?" for letter in plain)
