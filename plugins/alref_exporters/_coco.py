"""Write COCO instances."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from alref import FinishedRun
from alref.utils.masks import compute_rle_box, to_coco
from alref_exporters._categories import list_categories
from alref_exporters._frame_images import format_frame_name, write_frame_image
from alref_exporters._json_stream import write_json_lists

VIDEO_ID = 1


def write_coco(run: FinishedRun, folder: Path, images: str, categories: Sequence[str]) -> None:
    """Write annotations.json, and the frames to images/ unless ``images`` is "none"."""
    ids = list_categories(run, categories)
    head = {
        "info": {"description": run.name, "version": run.result.alref},
        "licenses": [],
        "categories": [{"id": number, "name": name, "supercategory": ""} for name, number in ids.items()],
        "videos": [{"id": VIDEO_ID, "name": run.name, "width": run.width, "height": run.height, "length": len(run)}],
    }
    suffix = "jpg" if images == "none" else images
    lists = {
        "annotations": _iterate_annotations(run, ids, folder / "images" if images != "none" else None, suffix),
        "images": _iterate_images(run, suffix),
    }
    write_json_lists(folder / "annotations.json", head, lists)


def _iterate_annotations(run: FinishedRun, ids: dict[str, int], images: Path | None, suffix: str) -> Iterator[dict[str, Any]]:
    """Yield the annotations of each frame in the order of object ids, and write its image."""
    number = 0
    if images:
        images.mkdir()
    for frame in run.read_frames():
        if images:
            write_frame_image(frame, images / f"{format_frame_name(run, frame.index)}.{suffix}")
        for each in run.objects:
            if (rle := frame.rles.get(each.id)) is None:
                continue
            number += 1
            left, top, right, bottom = compute_rle_box(rle)
            yield {
                "id": number,
                "image_id": frame.index + 1,
                "category_id": ids[each.category],
                "bbox": [left, top, right - left, bottom - top],
                "area": rle.area,
                "segmentation": to_coco(rle),
                "iscrowd": 0,
                "score": each.track.scores[frame.index],
                "track_id": each.id,
                "video_id": VIDEO_ID,
                "name": each.name,
            }


def _iterate_images(run: FinishedRun, suffix: str) -> Iterator[dict[str, Any]]:
    for index, time in enumerate(run.times):
        name = f"{format_frame_name(run, index)}.{suffix}"
        size = {"width": run.width, "height": run.height}
        yield {"id": index + 1, "file_name": name, **size, "video_id": VIDEO_ID, "frame_id": index, "time": time}
