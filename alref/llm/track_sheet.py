"""Images about tracks: objects outlined in numbered colors on several frames, one outlined object, or an object cropped.

The inside of an outline is not covered, so that its colors can be seen.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from alref.llm.contact_sheet import (
    COLORS,
    ContactSheet,
    ContactSheetStyle,
    build_frame_sheet,
    compute_badge_size,
    encode_image,
    find_free_spot,
)
from alref.media.draw import build_palette, draw_badge, draw_box, resize_frame
from alref.media.video import Frame
from alref.utils.masks import Mask, Rle, compute_box, decode_mask

Color = tuple[int, int, int]
LINE_COLOR = COLORS["magenta"]
"""Color of the outline of an object that is shown alone, without a number."""
CROP_MARGIN = 0.15
"""Margin of a tight crop, as a share of the object's longer side."""
PANEL_SIDE = 768
"""Longest side of each panel of a picture of an object's appearance."""


def list_track_colors(count: int) -> list[Color]:
    """Return a color for each of ``count`` tracks, all different; the first have names in ``COLOR_NAMES``."""
    more = [(int(red), int(green), int(blue)) for red, green, blue in build_palette(count)]
    return [*COLORS.values(), *more[len(COLORS) :]][:count]


def build_track_sheet(
    frames: Sequence[Frame], rles: Sequence[Sequence[Rle]], ids: Sequence[int], style: ContactSheetStyle
) -> ContactSheet:
    """Draw frames with all tracks outlined: ``rles`` has one mask for each frame and each of the ``ids``."""
    colors = list_track_colors(len(ids))
    sheet = build_frame_sheet(frames, style, lambda cell, place: outline_objects(cell, rles[place], colors, ids))
    line = "The objects are outlined, each in its own color with its number on a disc of that color beside it."
    return ContactSheet(sheet.images, f"{sheet.text} {line}")


def build_outline_sheet(frames: Sequence[Frame], rles: Sequence[Rle], style: ContactSheetStyle) -> ContactSheet:
    """Draw frames with one object outlined, one mask for each frame."""
    sheet = build_frame_sheet(frames, style, lambda cell, place: outline_objects(cell, [rles[place]], [LINE_COLOR]))
    return ContactSheet(sheet.images, f"{sheet.text} The line is magenta with a black edge.")


def build_appearance_sheet(frame: Frame, mask: Mask, style: ContactSheetStyle) -> ContactSheet:
    """Draw an object twice: the whole frame with a red box around it, and the tight crop without a box."""
    x0, y0, x1, y1 = compute_box(mask).tolist()
    margin = max(4.0, CROP_MARGIN * max(x1 - x0, y1 - y0))
    left, top = int(max(0, x0 - margin)), int(max(0, y0 - margin))
    right, bottom = int(min(frame.shape[1], x1 + margin)), int(min(frame.shape[0], y1 + margin))
    boxed = draw_box(frame, (x0 - 2, y0 - 2, x1 + 2, y1 + 2), color=COLORS["red"])
    panels = [_fit_panel(panel, min(PANEL_SIDE, style.max_side // 2)) for panel in (boxed, frame[top:bottom, left:right])]
    height = max(panel.shape[0] for panel in panels)
    padded = [np.pad(panel, ((0, height - panel.shape[0]), (0, 8), (0, 0))) for panel in panels]
    text = "The picture shows a frame of a video with an object in a red box, and to its right the object alone, enlarged."
    return ContactSheet((encode_image(np.hstack(padded), style.image_format),), text)


def outline_objects(cell: Frame, rles: Sequence[Rle], colors: Sequence[Color], numbers: Sequence[int] = ()) -> Frame:
    """Draw the outlines of masks of any size on a frame, with a dark edge, and their ``numbers`` beside them."""
    out = np.array(cell)
    size = compute_badge_size(cell)
    fitted = [_fit_mask(decode_mask(rle), cell) for rle in rles]
    width = max(2, size // 10)
    for edge in (True, False):
        for mask, color in zip(fitted, colors, strict=True):
            contours, _ = cv2.findContours(mask.view(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
            cv2.drawContours(out, contours, -1, (0, 0, 0) if edge else color, width + 2 if edge else width)
    spots: list[tuple[float, float]] = [(size, size)]
    for mask, color, number in zip(fitted, colors, numbers, strict=False):
        if mask.any():
            spots.append(find_free_spot(compute_box(mask), size, out, spots))
            out = draw_badge(out, spots[-1], number, color, size)
    return out


def _fit_mask(mask: Mask, cell: Frame) -> Mask:
    """Resize a mask to the size of a frame; an object that is left of it has at least one pixel."""
    if not mask.any():
        return np.zeros(cell.shape[:2], np.bool_)
    height, width = cell.shape[:2]
    fitted = cv2.resize(mask.view(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST).astype(np.bool_)
    if not fitted.any():
        row, column = np.argwhere(mask)[0]
        fitted[row * height // mask.shape[0], column * width // mask.shape[1]] = True
    return fitted


def _fit_panel(panel: Frame, side: int) -> Frame:
    scale = side / max(panel.shape[:2])
    return resize_frame(panel, max(1, round(panel.shape[0] * scale)), max(1, round(panel.shape[1] * scale)))
