"""Write cut-outs."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from alref import FinishedRun
from alref_exporters._frame_images import format_frame_name

if TYPE_CHECKING:
    from alref_exporters.frame_formats import Cutouts

COLUMNS = ("file", "object", "name", "category", "frame", "time", "x0", "y0", "x1", "y1", "area", "score")


def write_cutouts(run: FinishedRun, folder: Path, options: Cutouts.Options) -> None:
    """Write ID-NAME/NUMBER.png for each object and frame, and cutouts.csv with the box of each image in its frame."""
    names = {each.id: f"{each.id}-{run.make_file_name(each.name)}" for each in run.objects}
    for name in names.values():
        (folder / name).mkdir()
    with (folder / "cutouts.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(COLUMNS)
        for frame in run.read_frames():
            for each in run.objects:
                if (crop := frame.crops.get(each.id)) is None:
                    continue
                x0, y0, x1, y1, mask = crop
                left, top, right, bottom = 0, 0, run.width, run.height
                if options.crop:
                    left, top = max(0, x0 - options.margin), max(0, y0 - options.margin)
                    right, bottom = min(run.width, x1 + options.margin), min(run.height, y1 + options.margin)
                cut = np.asarray(cv2.cvtColor(frame.image[top:bottom, left:right], cv2.COLOR_RGB2BGRA), np.uint8)
                cut[..., 3] = 0
                cut[y0 - top : y1 - top, x0 - left : x1 - left, 3] = mask * np.uint8(255)
                path = f"{names[each.id]}/{format_frame_name(run, frame.index)}.png"
                _, data = cv2.imencode(".png", cut, [cv2.IMWRITE_PNG_COMPRESSION, 1])
                (folder / path).write_bytes(data.data)
                facts = [path, each.id, each.name, each.category, frame.index, f"{frame.time:.6f}"]
                area, score = frame.rles[each.id].area, f"{each.track.scores[frame.index]:.4f}"
                table.writerow([*facts, left, top, right, bottom, area, score])
