"""Write LabelMe files."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from alref import FinishedRun, RunFrame
from alref_exporters._frame_images import FrameImages, format_frame_name
from alref_exporters._polygons import trace_object

if TYPE_CHECKING:
    from alref_exporters.tool_formats import LabelMe

VERSION = "5.5.0"
"""The version of LabelMe whose files these are; later ones read them."""


def write_labelme(run: FinishedRun, folder: Path, options: LabelMe.Options) -> None:
    """Write NUMBER.json and the image of each frame."""
    images = FrameImages(run, folder, options.images)
    for frame in run.read_frames():
        images.write_frame(frame)
        content: dict[str, Any] = {
            "version": VERSION,
            "flags": {},
            "shapes": list(_iterate_shapes(run, frame, options)),
            "imagePath": images.format_name(frame.index),
            "imageData": None,
            "imageHeight": run.height,
            "imageWidth": run.width,
        }
        path = folder / f"{format_frame_name(run, frame.index)}.json"
        path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")


def _iterate_shapes(run: FinishedRun, frame: RunFrame, options: LabelMe.Options) -> Iterator[dict[str, Any]]:
    for each in run.objects:
        if (crop := frame.crops.get(each.id)) is None:
            continue
        common = {"label": each.category, "group_id": each.id, "description": each.name, "flags": {}}
        if options.shapes == "polygons":
            for polygon in trace_object(frame, each.id, options.tolerance):
                yield {**common, "shape_type": "polygon", "points": polygon.tolist(), "mask": None}
            continue
        corners = [[crop.left, crop.top], [crop.right - 1, crop.bottom - 1]]
        _, data = cv2.imencode(".png", crop.mask.view(np.uint8) * np.uint8(255))
        yield {**common, "shape_type": "mask", "points": corners, "mask": b64encode(data.tobytes()).decode()}
