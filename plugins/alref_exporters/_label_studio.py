"""Write tasks of Label Studio: brush masks on frames, boxes on the video."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

from alref import FinishedRun, RunFrame, RunObject, compute_rle_box
from alref.media.draw import build_palette
from alref_exporters._brush import encode_brush
from alref_exporters._categories import list_categories
from alref_exporters._frame_images import FrameImages
from alref_exporters._json_stream import write_json_list

if TYPE_CHECKING:
    from alref_exporters.tool_formats import LabelStudio


def write_label_studio(run: FinishedRun, folder: Path, options: LabelStudio.Options) -> None:
    """Write frames.json and video.json, the tasks; frames.xml and video.xml, the interfaces; and the frames to images/."""
    images = FrameImages(run, folder / "images", options.images)
    names = list_categories(run)
    labels = "".join(
        f"    <Label value={quoteattr(name)} background={quoteattr('#' + bytes(color).hex())}/>\n"
        for name, color in zip(names, build_palette(max(1, len(names))).tolist(), strict=False)
    )
    (folder / "frames.xml").write_text(
        '<View>\n  <Image name="image" value="$image"/>\n  <BrushLabels name="brush" toName="image">\n'
        f"{labels}  </BrushLabels>\n</View>\n",
        encoding="utf-8",
    )
    (folder / "video.xml").write_text(
        '<View>\n  <Labels name="labels" toName="video">\n'
        f'{labels}  </Labels>\n  <Video name="video" value="$video"/>\n'
        '  <VideoRectangle name="box" toName="video"/>\n</View>\n',
        encoding="utf-8",
    )
    write_json_list(folder / "frames.json", _iterate_frame_tasks(run, images, options))
    write_json_list(folder / "video.json", [_make_video_task(run, options)])


def _iterate_frame_tasks(run: FinishedRun, images: FrameImages, options: LabelStudio.Options) -> Iterator[dict[str, Any]]:
    """Yield a task for each frame, and write its image."""
    for frame in run.read_frames():
        images.write_frame(frame)
        regions = [_make_brush(run, frame, each) for each in run.objects if each.id in frame.rles]
        data = {"image": f"{options.url}images/{images.format_name(frame.index)}", "frame": frame.index, "time": frame.time}
        yield {"data": data, options.role: [_make_answer(run, regions, options.role)]}


def _make_answer(run: FinishedRun, regions: list[dict[str, Any]], role: str) -> dict[str, Any]:
    version = {"model_version": f"alref {run.result.alref}"} if role == "predictions" else {}
    return {**version, "result": regions}


def _make_brush(run: FinishedRun, frame: RunFrame, each: RunObject) -> dict[str, Any]:
    return {
        "id": f"{frame.index}-{each.id}",
        "type": "brushlabels",
        "from_name": "brush",
        "to_name": "image",
        "original_width": run.width,
        "original_height": run.height,
        "image_rotation": 0,
        "score": each.track.scores[frame.index],
        "meta": {"text": [f"object {each.id}: {each.name}"]},
        "value": {
            "format": "rle",
            "rle": encode_brush(frame.crops[each.id], (run.height, run.width)),
            "brushlabels": [each.category],
        },
    }


def _make_video_task(run: FinishedRun, options: LabelStudio.Options) -> dict[str, Any]:
    numbers = run.source_numbers
    length = run.source_length
    regions = [
        {
            "id": f"object-{each.id}",
            "type": "videorectangle",
            "from_name": "box",
            "to_name": "video",
            "origin": "prediction",
            "meta": {"text": [each.name]},
            "value": {"framesCount": length, "duration": run.times[-1], "labels": [each.category], "sequence": sequence},
        }
        for each in run.objects
        if (sequence := list(_iterate_boxes(run, each, numbers)))
    ]
    name = run.result.video.path.name if run.result.video.path else f"{run.name}.mp4"
    data = {"video": f"{options.url}{quote(name)}"}
    return {"data": data, options.role: [_make_answer(run, regions, options.role)]}


def _iterate_boxes(run: FinishedRun, each: RunObject, numbers: list[int]) -> Iterator[dict[str, Any]]:
    """Yield the box of an object on each frame in percent; frames count from 1, and the last before a gap is not enabled."""
    for index, rle in enumerate(each.track.rles):
        if not rle.area:
            continue
        left, top, right, bottom = compute_rle_box(rle)
        goes_on = index + 1 < len(run) and each.track.rles[index + 1].area > 0
        yield {
            "frame": numbers[index] + 1,
            "enabled": goes_on,
            "rotation": 0,
            "x": 100 * left / run.width,
            "y": 100 * top / run.height,
            "width": 100 * (right - left) / run.width,
            "height": 100 * (bottom - top) / run.height,
            "time": run.times[index],
        }
