"""Write COCO instances and YouTube-VIS."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alref import FinishedRun, Rle, RunObject, compute_rle_box
from alref.utils.masks import decode_runs
from alref_exporters._categories import list_categories
from alref_exporters._frame_images import FrameImages
from alref_exporters._json_stream import write_json_lists
from alref_exporters._polygons import trace_object

if TYPE_CHECKING:
    from alref_exporters.training_formats import Coco, YouTubeVis

VIDEO_ID = 1


def write_coco(run: FinishedRun, folder: Path, options: Coco.Options) -> None:
    """Write annotations.json, and the frames to images/."""
    ids = list_categories(run, options.categories)
    images = FrameImages(run, folder / "images", options.images)
    head = _make_head(run, ids)
    head["videos"] = [{"id": VIDEO_ID, "name": run.name, "width": run.width, "height": run.height, "length": len(run)}]
    lists = {"annotations": _iterate_annotations(run, ids, images, options), "images": _iterate_images(run, images)}
    write_json_lists(folder / "annotations.json", head, lists)


def write_youtube_vis(run: FinishedRun, folder: Path, options: YouTubeVis.Options) -> None:
    """Write instances.json, and the frames to JPEGImages/NAME/."""
    ids = list_categories(run, options.categories)
    name = run.make_file_name(run.name)
    images = FrameImages(run, folder / "JPEGImages" / name, options.images)
    for frame in run.read_frames():
        images.write_frame(frame)
    names = [f"{name}/{images.format_name(index)}" for index in range(len(run))]
    size = {"width": run.width, "height": run.height, "length": len(run)}
    head = _make_head(run, ids)
    head["videos"] = [{"id": VIDEO_ID, "file_names": names, **size}]
    tracks = (_make_track(each, ids, options.masks == "rle-list") | size for each in run.objects)
    write_json_lists(folder / "instances.json", head, {"annotations": tracks})


def _make_head(run: FinishedRun, ids: Mapping[str, int]) -> dict[str, Any]:
    categories = [{"id": number, "name": name, "supercategory": ""} for name, number in ids.items()]
    return {"info": {"description": run.name, "version": run.result.alref}, "licenses": [], "categories": categories}


def _iterate_annotations(
    run: FinishedRun, ids: Mapping[str, int], images: FrameImages, options: Coco.Options
) -> Iterator[dict[str, Any]]:
    """Yield the annotations of each frame in the order of object ids, and write its image."""
    number = 0
    for frame in run.read_frames():
        images.write_frame(frame)
        for each in run.objects:
            if (rle := frame.rles.get(each.id)) is None:
                continue
            number += 1
            yield {
                "id": number,
                "image_id": frame.index + 1,
                "category_id": ids[each.category],
                "bbox": _get_box(rle),
                "area": rle.area,
                "segmentation": [polygon.ravel().tolist() for polygon in trace_object(frame, each.id, options.tolerance)]
                if options.masks == "polygons"
                else _encode_rle(rle, options.masks == "rle-list"),
                "iscrowd": 0,
                "score": each.track.scores[frame.index],
                "track_id": each.id,
                "video_id": VIDEO_ID,
                "name": each.name,
            }


def _iterate_images(run: FinishedRun, images: FrameImages) -> Iterator[dict[str, Any]]:
    for index, time in enumerate(run.times):
        size = {"width": run.width, "height": run.height}
        place = {"video_id": VIDEO_ID, "frame_id": index, "time": time}
        yield {"id": index + 1, "file_name": images.format_name(index), **size, **place}


def _make_track(each: RunObject, ids: Mapping[str, int], as_list: bool) -> dict[str, Any]:
    """Return the annotation of an object, with None for the frames on which it is absent."""
    rles = [rle if rle.area else None for rle in each.track.rles]
    present = [score for rle, score in zip(rles, each.track.scores, strict=True) if rle]
    return {
        "id": each.id,
        "video_id": VIDEO_ID,
        "category_id": ids[each.category],
        "segmentations": [rle and _encode_rle(rle, as_list) for rle in rles],
        "bboxes": [rle and _get_box(rle) for rle in rles],
        "areas": [rle and rle.area for rle in rles],
        "iscrowd": 0,
        "score": sum(present) / len(present) if present else 0.0,
        "name": each.name,
    }


def _get_box(rle: Rle) -> list[int]:
    """Return the tight box as left, top, width, height."""
    left, top, right, bottom = compute_rle_box(rle)
    return [left, top, right - left, bottom - top]


def _encode_rle(rle: Rle, as_list: bool) -> dict[str, Any]:
    """Return a run-length mask by columns, with compressed counts or a list of them."""
    return {"size": list(rle.size), "counts": decode_runs(rle.counts).tolist() if as_list else rle.counts}
