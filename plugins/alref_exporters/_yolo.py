"""Write YOLO segmentation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import yaml

from alref import FinishedRun
from alref_exporters._categories import list_categories
from alref_exporters._frame_images import FrameImages, format_frame_name
from alref_exporters._polygons import Polygon, join_polygons, trace_object

if TYPE_CHECKING:
    from alref_exporters.training_formats import Yolo


def write_yolo(run: FinishedRun, folder: Path, options: Yolo.Options) -> None:
    """Write labels/train/ with a text file for each frame, data.yaml, and the frames to images/train/; classes count from 0."""
    ids = list_categories(run, options.categories)
    images, labels = FrameImages(run, folder / "images/train", options.images), folder / "labels/train"
    labels.mkdir(parents=True)
    for frame in run.read_frames():
        images.write_frame(frame)
        lines = []
        for each in run.objects:
            if each.id in frame.rles:
                outline = join_polygons(trace_object(frame, each.id, options.tolerance)) / (run.width, run.height)
                lines.append(f"{ids[each.category] - 1} {_format_corners(outline)}\n")
        (labels / f"{format_frame_name(run, frame.index)}.txt").write_text("".join(lines), encoding="ascii")
    content = {"train": "images/train", "val": "images/train", "names": {number - 1: name for name, number in ids.items()}}
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    (folder / "data.yaml").write_text(text, encoding="utf-8")


def _format_corners(corners: Polygon) -> str:
    return " ".join(f"{value:.6g}" for value in np.clip(corners, 0, 1).ravel().tolist())
