"""What the page shows of a run, as JSON: its references, its objects over time, and what was decided."""

from __future__ import annotations

from itertools import groupby
from typing import Any

import numpy as np

from alref import Frame, Result, Track, compute_box
from alref.media.draw import build_palette
from alref.output.thumbnails import ObjectMasks, draw_masks, resize_longest_side
from alref_studio.frames import SharedVideo, encode_jpeg
from alref_studio.library import OpenedRun, OpenedVideo

THUMBNAIL_SIZE = 160
CROP_MARGIN = 0.35
"""Part of an object's box that its thumbnail shows around it."""


def describe_video(entry: OpenedVideo) -> dict[str, Any]:
    """Return a video with its runs, for the list; the video is not opened."""
    runs = [{"id": run.id, "title": run.title, "folder": run.path.name, "finished": run.finished} for run in entry.runs]
    return {"id": entry.id, "name": entry.path.name, "runs": runs}


def describe_frames(shared: SharedVideo) -> dict[str, Any]:
    """Return the size and the times of an opened video."""
    video = shared.video
    return {
        "name": video.name,
        "frames": len(video),
        "width": video.width,
        "height": video.height,
        "fps": video.fps,
        "times": [round(float(time), 4) for time in video.times],
        "version": video.fingerprint[:12],
        "warnings": list(video.warnings),
    }


def describe_run(entry: OpenedRun, shared: SharedVideo, result: Result | None) -> dict[str, Any]:
    """Return a run; without a result, only its references."""
    references: list[dict[str, Any]] = [{"id": each.id, "title": each.title} for each in entry.spec.references]
    shown: dict[str, Any] = {"id": entry.id, "title": entry.title, "folder": str(entry.path), "finished": result is not None}
    shown |= {"video": describe_frames(shared), "references": references, "objects": [], "warnings": []}
    if result is None:
        return shown
    verdicts = {each.reference: each.model_dump(mode="json") for each in result.verdicts}
    return shown | {
        "references": [{**each, "verdict": verdicts.get(each["id"])} for each in references],
        "warnings": list(result.warnings),
        "usage": [each.model_dump(mode="json") for each in result.usage],
    }


def describe_objects(result: Result) -> list[dict[str, Any]]:
    """Return the objects of a result, each with its number in the mask files, its color and its spans of frames."""
    palette = build_palette(max(1, len(result.tracks)))
    order = list(ObjectMasks(result.tracks).numbers)
    reasons = {each.pivot.phrase: each for each in result.boxes}
    objects = []
    ids = {number: id_ for id_, number in result.list_objects().items()}
    for number, track in enumerate(result.tracks, 1):
        areas = np.array([rle.area for rle in track.rles])
        box = reasons.get(track.phrase)
        objects.append(
            {
                "number": number,
                "id": ids[number - 1],
                "name": track.title,
                "reference": track.phrase.reference,
                "color": palette[number - 1].tolist(),
                "layer": order.index(number),
                "present": list_spans(areas > 0),
                "frames": int((areas > 0).sum()),
                "best": int(areas.argmax()) if areas.size else 0,
                "flags": [each.model_dump(mode="json") for each in track.flags],
                "corrected": list(track.corrected),
                "confirmed": list(track.confirmed),
                "why": box.why if box else "",
                "source": box.source if box else "",
                "start": box.pivot.frame if box else None,
            }
        )
    return objects


def list_spans(present: Any) -> list[list[int]]:
    """Return the spans of frames, first and last, in which a bool (T,) is true."""
    spans, start = [], 0
    for value, group in groupby(present.tolist()):
        length = len(list(group))
        if value:
            spans.append([start, start + length - 1])
        start += length
    return spans


def list_masks(result: Result, first: int, last: int) -> dict[str, Any]:
    """Return the run-length masks of frames ``first`` to ``last`` of each object: ``counts``, empty where it is absent."""
    frames = range(max(0, first), min(last, len(result.video.times) - 1) + 1)
    counts = {
        str(number): [track.rles[frame].counts if track.rles[frame].area else "" for frame in frames]
        for number, track in enumerate(result.tracks, 1)
    }
    return {"first": frames.start, "size": [result.video.height, result.video.width], "counts": counts}


def draw_thumbnail(shared: SharedVideo, track: Track, number: int) -> bytes:
    """Draw an object on the frame where it is largest, as JPEG: what is around its box, with its mask."""
    frame = int(np.argmax([rle.area for rle in track.rles]))
    image, mask = shared.read_frame(frame), track.decode_mask(frame)
    if not mask.any():
        return encode_jpeg(resize_thumbnail(image))
    rows, columns = crop_around(compute_box(mask))
    return encode_jpeg(draw_masks(resize_thumbnail(image[rows, columns]), {number: np.ascontiguousarray(mask[rows, columns])}))


def crop_around(box: Any) -> tuple[slice, slice]:
    """Return the rows and columns of a box ``xyxy`` with what is around it."""
    x0, y0, x1, y1 = (float(value) for value in box)
    pad = CROP_MARGIN * max(x1 - x0, y1 - y0)
    return slice(max(0, int(y0 - pad)), int(y1 + pad) + 1), slice(max(0, int(x0 - pad)), int(x1 + pad) + 1)


def resize_thumbnail(image: Frame) -> Frame:
    """Scale a part of a frame to the size of thumbnails."""
    return resize_longest_side(np.ascontiguousarray(image), THUMBNAIL_SIZE)
