"""Write videos of the objects with alpha."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from alref import FinishedRun, Frame, RunFrame
from alref.components.finished_run import MaskCrop
from alref.media.video_encoder import open_video_encoder
from alref_exporters._codecs import FORMATS
from alref_exporters._grown_masks import grow_crop

if TYPE_CHECKING:
    from alref_exporters.video_formats import AlphaOptions

EDGE = np.ones((33, 33), np.uint8)
"""The 16 pixels around an object keep their color, so that no codec draws black into its edge."""


def write_alpha_videos(run: FinishedRun, folder: Path, name: str, options: AlphaOptions) -> None:
    """Write NAME.SUFFIX with all objects, or with ``split`` one file for each object."""
    format, suffix = FORMATS[name]
    parts: dict[str, int | None] = {run.make_file_name(run.name): None}
    if options.split and run.objects:
        parts = {f"{each.id}-{run.make_file_name(each.name)}": each.id for each in run.objects}
    with ExitStack() as stack:
        encoders = []
        for part, number in parts.items():
            channels = run.video.read_channels() if options.audio else ()
            opened = open_video_encoder(folder / f"{part}{suffix}", run.times, format, channels)
            encoders.append((stack.enter_context(opened), number))
        for frame in run.read_frames():
            for encoder, number in encoders:
                encoder.write_frame(add_alpha(frame, number, options.background))


def add_alpha(frame: RunFrame, number: int | None, background: str) -> Frame:
    """Return the image of a frame with the mask of an object as straight alpha, or of all; uint8 (H, W, 4).

    On a ``black`` background, what is far from the mask is black. Formats that are written together share the image.
    """
    crops = [crop for each, crop in frame.crops.items() if number in (None, each)]
    return frame.remember((add_alpha, number, background), lambda: _draw_alpha(frame.image, crops, background == "black"))


def _draw_alpha(image: Frame, crops: list[MaskCrop], on_black: bool) -> Frame:
    height, width = image.shape[:2]
    drawn: Frame = np.zeros((height, width, 4), np.uint8)
    alpha: Frame = np.zeros((height, width), np.uint8)
    if not on_black:
        cv2.cvtColor(image, cv2.COLOR_RGB2RGBA, drawn)
    for crop in crops:
        alpha[crop.top : crop.bottom, crop.left : crop.right][crop.mask] = 255
        if on_black:
            place, near = grow_crop(crop, (height, width), EDGE)
            cv2.copyTo(cv2.cvtColor(image[place], cv2.COLOR_RGB2RGBA), near, drawn[place])
    return np.asarray(cv2.insertChannel(alpha, drawn, 3), np.uint8)
