"""Write label maps: DAVIS and MOTS."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from alref import FinishedRun, InputError, RunFrame
from alref.components.finished_run import LabelMap
from alref.media.write import write_mask_pngs
from alref_exporters._categories import list_categories
from alref_exporters._frame_images import FrameImages, format_frame_name

if TYPE_CHECKING:
    from alref_exporters.training_formats import Mots

MAX_INDEXED = 255
"""Largest number that an 8-bit PNG holds."""
IDS_PER_CLASS, IGNORED_CLASS, MAX_CLASS = 1000, 10, 64
"""MOTS: an id is 1000 times the class plus a number; class 10 marks regions to ignore; 16 bits hold 64 classes."""


def write_davis(run: FinishedRun, folder: Path, images: str) -> None:
    """Write Annotations/NAME/ and meta.json in the layout of YouTube-VOS, and the frames to JPEGImages/NAME/.

    Files have 16 bits, without a palette, if an object has a number above 255.
    """
    name = run.make_file_name(run.name)
    frames, labels = FrameImages(run, folder / "JPEGImages" / name, images), folder / "Annotations" / name
    labels.mkdir(parents=True)
    wide = max((each.id for each in run.objects), default=0) > MAX_INDEXED
    for frame in run.read_frames():
        frames.write_frame(frame)
        file_name = format_frame_name(run, frame.index)
        if wide:
            _write_wide_png(frame.labels, labels / f"{file_name}.png")
        else:
            write_mask_pngs(labels, [frame.labels.astype(np.uint8)], [file_name])
    objects = {
        str(each.id): {
            "category": each.category,
            "name": each.name,
            "frames": [format_frame_name(run, index) for index, rle in enumerate(each.track.rles) if rle.area],
        }
        for each in run.objects
    }
    meta = {"videos": {name: {"objects": objects}}}
    (folder / "meta.json").write_text(json.dumps(meta, indent=1, ensure_ascii=False), encoding="utf-8")


def write_mots(run: FinishedRun, folder: Path, options: Mots.Options) -> None:
    """Write NAME.txt, instances/ with a 16-bit PNG for each frame and labels.txt, and the frames to images/."""
    images, instances = FrameImages(run, folder / "images", options.images), folder / "instances"
    instances.mkdir()
    classes = list_categories(run, options.categories)
    ids = _number_instances(run, classes)
    table = np.zeros(max(ids, default=0) + 1, np.uint16)
    table[list(ids)] = list(ids.values())
    (instances / "labels.txt").write_text("".join(f"{' '.join(name.split())}\n" for name in classes), encoding="utf-8")
    with (folder / f"{run.make_file_name(run.name)}.txt").open("w", encoding="ascii") as file:
        for frame in run.read_frames():
            images.write_frame(frame)
            _write_wide_png(_draw_instances(frame, table), instances / f"{format_frame_name(run, frame.index)}.png")
            file.writelines(_format_lines(frame, ids, options.first_frame))


def _draw_instances(frame: RunFrame, table: LabelMap) -> LabelMap:
    """Return the labels of a frame with the numbers of MOTS."""
    drawn = np.zeros_like(frame.labels)
    for left, top, right, bottom, _ in frame.crops.values():
        drawn[top:bottom, left:right] = table[frame.labels[top:bottom, left:right]]
    return drawn


def _number_instances(run: FinishedRun, classes: dict[str, int]) -> dict[int, int]:
    """Return the number of each object in MOTS by its id. Raises InputError if there are too many."""
    count: Counter[int] = Counter()
    ids = {}
    for each in run.objects:
        number = classes[each.category]
        ids[each.id] = number * IDS_PER_CLASS + count[number]
        count[number] += 1
    if len(classes) > MAX_CLASS or max(count.values(), default=0) >= IDS_PER_CLASS:
        raise InputError(f"mots: expected at most {MAX_CLASS} classes of {IDS_PER_CLASS} objects; choose fewer with --object")
    if count[IGNORED_CLASS]:
        raise InputError("mots: class 10 means regions to ignore; put a name that is not used in its place: -o mots.categories")
    return ids


def _format_lines(frame: RunFrame, ids: dict[int, int], first_frame: int) -> list[str]:
    """Return a line for each object with a visible pixel: frame, id, class, height, width, run-length mask."""
    lines = []
    for number, rle in frame.visible_rles.items():
        ident, (height, width) = ids[number], rle.size
        lines.append(f"{frame.index + first_frame} {ident} {ident // IDS_PER_CLASS} {height} {width} {rle.counts}\n")
    return lines


def _write_wide_png(labels: LabelMap, path: Path) -> None:
    """Write a 16-bit grayscale PNG."""
    Image.fromarray(labels).save(path, "PNG", compress_level=1)
