"""The published contact sheets, drawn with matplotlib from their numbers: what layout ``paper`` is compared with."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from alref.media.video import Frame

GOLDEN = Path(__file__).parents[1] / "data" / "paper_sheets.npz"
COLORS = ("green", "magenta", "orange")
CHOSEN = 1


class Setting(NamedTuple):
    """The frames of a setting and its badges: center, radius and points of a frame's number, radius and points of a box's."""

    count: int
    height: int
    width: int
    vertical: bool
    frame_badge: tuple[int, int, int]
    box_badge: tuple[int, int]


SETTINGS = {
    "expressions": Setting(5, 720, 1280, True, (50, 35, 15), (25, 12)),
    "s4": Setting(5, 224, 224, False, (20, 15, 20), (8, 15)),
    "avss": Setting(10, 360, 640, False, (50, 40, 15), (30, 15)),
}


def make_frames(setting: Setting) -> list[Frame]:
    """Make frames of squares in shades of two colors, which differ from one frame to the next."""
    y, x = np.mgrid[: setting.height, : setting.width]
    side = setting.width // 8
    shades = [((x // side + 3 * (y // side) + number) % 5) * 20 for number in range(setting.count)]
    return [np.stack([40 + shade, 120 - shade, 60 + shade // 2], axis=-1).astype(np.uint8) for shade in shades]


def make_boxes(setting: Setting) -> npt.NDArray[np.float32]:
    """Make three boxes that overlap, and one edge near that of the frame."""
    shares = np.array([[0.1, 0.15, 0.45, 0.9], [0.4, 0.2, 0.7, 0.8], [0.6, 0.3, 0.97, 0.7]])
    return (shares * ([setting.width, setting.height] * 2)).astype(np.float32)


def draw_with_matplotlib(setting: Setting) -> Frame:
    """Draw the sheet of a setting at 100 dots per inch, five inches a frame, with three boxes on the chosen frame."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot
    from matplotlib.patches import Rectangle

    columns = 1 if setting.vertical else 5
    rows = math.ceil(setting.count / columns)
    size = (5 * columns, 5 * rows * setting.height / setting.width)
    figure, axes = pyplot.subplots(rows, columns, figsize=size, dpi=100)
    for number, (axis, frame) in enumerate(zip(axes.flat, make_frames(setting), strict=True), 1):
        axis.imshow(frame)
        axis.axis("off")
        center, radius, points = setting.frame_badge
        _add_badge(axis, (center, center), radius, points, number)
        for place, (x0, y0, x1, y1) in enumerate(make_boxes(setting) if number == CHOSEN + 1 else (), 1):
            color, (radius, points) = COLORS[place - 1], setting.box_badge
            axis.add_patch(Rectangle((x0, y0), x1 - x0, y1 - y0, linewidth=3, edgecolor=color, facecolor="none"))
            _add_badge(axis, (x1 - radius, y1 - radius), radius, points, place, color)
    figure.tight_layout(pad=0)
    figure.subplots_adjust(wspace=0, hspace=0)
    file = io.BytesIO()
    figure.savefig(file, format="png")
    pyplot.close(figure)
    return np.array(Image.open(file).convert("RGB"))


def _add_badge(axis: Any, center: tuple[float, float], radius: int, points: int, number: int, color: str | None = None) -> None:
    from matplotlib.patches import Circle

    axis.add_patch(Circle(center, radius, edgecolor="white", linewidth=2, **({"facecolor": color} if color else {})))
    axis.text(*center, str(number), color="white", fontsize=points, ha="center", va="center")
