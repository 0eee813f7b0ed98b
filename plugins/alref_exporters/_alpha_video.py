"""Write videos of the objects with alpha."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from alref import FinishedRun, Frame
from alref.media.video_encoder import open_video_encoder
from alref.utils.masks import Mask
from alref_exporters._codecs import FORMATS

if TYPE_CHECKING:
    from alref_exporters.video_formats import AlphaOptions

EDGE_PIXELS = 16
"""Pixels around an object that keep their color, so that no codec draws black into its edge."""


def write_alpha_videos(run: FinishedRun, folder: Path, name: str, options: AlphaOptions) -> None:
    """Write NAME.SUFFIX with all objects, or with ``split`` one file for each object."""
    format, suffix = FORMATS[name]
    parts: dict[str, int | None] = {run.make_file_name(run.name): None}
    if options.split and run.objects:
        parts = {f"{each.id}-{run.make_file_name(each.name)}": each.id for each in run.objects}
    empty = np.zeros((run.height, run.width), np.bool_)
    with ExitStack() as stack:
        encoders = []
        for part, number in parts.items():
            channels = run.video.read_channels() if options.audio else ()
            opened = open_video_encoder(folder / f"{part}{suffix}", run.times, format, channels)
            encoders.append((stack.enter_context(opened), number))
        for frame in run.read_frames():
            for encoder, number in encoders:
                mask = frame.union if number is None else frame.masks.get(number, empty)
                encoder.write_frame(add_alpha(frame.image, mask, options.background == "black"))


def add_alpha(image: Frame, mask: Mask, on_black: bool) -> Frame:
    """Return an image with straight alpha, uint8 (H, W, 4); ``on_black`` blackens what is far from the mask."""
    alpha = mask.view(np.uint8) * np.uint8(255)
    if on_black:
        near, (left, top, width, height) = np.zeros_like(alpha), cv2.boundingRect(alpha)
        place = (
            slice(max(0, top - EDGE_PIXELS), top + height + EDGE_PIXELS),
            slice(max(0, left - EDGE_PIXELS), left + width + EDGE_PIXELS),
        )
        if width:
            near[place] = cv2.dilate(alpha[place], np.ones((2 * EDGE_PIXELS + 1, 2 * EDGE_PIXELS + 1), np.uint8))
        image = np.asarray(cv2.bitwise_and(image, cv2.merge([near, near, near])), np.uint8)
    return np.asarray(cv2.merge([*cv2.split(image), alpha]), np.uint8)
