"""The text protocol of the hosted SAM 3.1: prompts for objects, and the masks of an answer, through Meta's parser."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from meta_sam_parser import (
    CompletedOutcome,
    FramePrompt,
    PromptBox,
    PromptObject,
    PromptPoint,
    SegmentationMaskRecord,
    SegmentationTextRecord,
    build_object_prompt,
    decode_mask_to_raster,
    video_segmentation_format,
)

from alref import Mask, PivotBox, Rle, Video, encode_mask
from alref.utils.masks import Array

_SIZE_FIELDS = re.compile(r"<\|box(?=[^|]*;\s*w\s*=\s*(\d+))(?=[^|]*;\s*h\s*=\s*(\d+))")
"""The width and the height of the frame in the token of a box, whose fields have any order."""


class AnswerError(Exception):
    """An answer that does not keep to the protocol; the text says how."""


@dataclass(frozen=True)
class ServedMask:
    """The mask of one object on one frame, at the size of the video; ``confidence`` from 0 to 1, None if there is none."""

    object_id: int
    frame: int
    mask: Rle
    confidence: float | None


def build_prompt(video: Video, objects: Sequence[Sequence[PivotBox]]) -> str:
    """Return the text of a request for objects by their boxes and points; ids count from 1. At least one is given."""
    prompts = [
        PromptObject(
            number, [_build_frame_prompt(video, frame, boxes) for frame in sorted({each.pivot.frame or 0 for each in boxes})]
        )
        for number, boxes in enumerate(objects, 1)
        if boxes
    ]
    return build_object_prompt(size=_get_sent_size(video), objects=prompts)


def read_masks(text: str, video: Video) -> list[ServedMask]:
    """Return the masks of a complete answer, in its order; an empty text is an answer without a match.

    Raises AnswerError for an answer that is damaged, or that is about another video.
    """
    parser = video_segmentation_format().create_parser()
    parser.push(text, emit=False)
    result = parser.finish(CompletedOutcome()).result
    wrong = [each for each in result.diagnostics if each.severity == "error"]
    if wrong:
        raise AnswerError(f"line {wrong[0].line}: {wrong[0].message}")
    if any(isinstance(each, SegmentationTextRecord) for each in result.records):
        raise AnswerError("it has lines that are no masks")
    sizes = {(int(found[1]), int(found[2])) for found in _SIZE_FIELDS.finditer(text)}
    if sizes - {_get_sent_size(video)}:
        raise AnswerError(f"masks of frames of {sizes} pixels, of a video of {_get_sent_size(video)}")
    newest = {each.identity: each for each in result.records if isinstance(each, SegmentationMaskRecord)}
    return [_decode_record(record, video) for record in newest.values()]


def _get_sent_size(video: Video) -> tuple[int, int]:
    """Return the width and height of the video as it is sent: the encoder pads odd sides by one pixel."""
    return video.width + video.width % 2, video.height + video.height % 2


def _decode_record(record: SegmentationMaskRecord, video: Video) -> ServedMask:
    """Return a mask at the size of the video. Raises AnswerError if it is outside of it, or has another size than its box."""
    assert record.frame is not None, "a video has frames"
    frame, bounds, mask = record.frame.frame_index, record.bounds, record.mask
    left, top, right, bottom = (int(edge) for edge in (bounds.left, bounds.top, bounds.right, bounds.bottom))
    if frame >= len(video):
        raise AnswerError(f"a mask of frame {frame}, of a video of {len(video)} frames")
    if (mask.height, mask.width) != (bottom - top, right - left):
        raise AnswerError(f"frame {frame}: a mask of {mask.height} x {mask.width} pixels in a box of another size")
    width, height = _get_sent_size(video)
    whole = np.zeros((height, width), np.bool_)
    whole[top:bottom, left:right] = np.frombuffer(decode_mask_to_raster(mask), np.uint8).reshape(mask.height, mask.width)
    inside: Mask = whole[: video.height, : video.width]
    return ServedMask(int(record.object_id), frame, encode_mask(inside), record.confidence)


def _build_frame_prompt(video: Video, frame: int, boxes: Sequence[PivotBox]) -> FramePrompt:
    """Return the prompt of one object on a frame: its last box there, and all points."""
    here = [each for each in boxes if each.pivot.frame == frame]
    corners = [each.xyxy for each in here if each.xyxy is not None]
    points = [
        PromptPoint(
            int(np.clip(x, 0, video.width - 1)), int(np.clip(y, 0, video.height - 1)), "positive" if label else "negative"
        )
        for each in here
        if each.points is not None and each.point_labels is not None
        for (x, y), label in zip(each.points, each.point_labels, strict=True)
    ]
    return FramePrompt(frame, _round_box(video, corners[-1]) if corners else None, points)


def _round_box(video: Video, corners: Array) -> PromptBox:
    """Return the smallest box of whole pixels around a box, inside the video."""
    left, top = (int(edge) for edge in np.floor(corners[:2]).clip(0, (video.width - 1, video.height - 1)))
    right, bottom = (int(edge) for edge in np.ceil(corners[2:]).clip((left + 1, top + 1), (video.width, video.height)))
    return PromptBox(left, top, right, bottom)
