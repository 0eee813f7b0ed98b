"""Helpers for propagators: the first mask of an object, the frames of each pivot, and masks that need little memory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from alref.media.video import Video
from alref.records import PivotBox, list_object_phrases
from alref.utils.masks import Mask


def group_boxes(boxes: list[PivotBox]) -> list[list[PivotBox]]:
    """Return the boxes of each object, in the order of the P axis of ``FrameMasks``."""
    return [[box for box in boxes if box.pivot.phrase == phrase] for phrase in list_object_phrases(boxes)]


def make_start_mask(video: Video, box: PivotBox) -> Mask:
    """Return the first mask of an object, bool (H, W): the mask of the box if it has one, else all pixels of the box."""
    if box.mask is not None:
        return np.asarray(box.mask)
    mask = np.zeros((video.height, video.width), np.bool_)
    if box.xyxy is not None:
        left, top = np.floor(box.xyxy[:2]).clip(0).astype(int)
        right, bottom = np.ceil(box.xyxy[2:]).astype(int)
        mask[top:bottom, left:right] = True
    return mask


@dataclass(frozen=True)
class PivotRange:
    """The frames that are nearest to one pivot frame: ``after`` from the pivot on, ``before`` from the pivot back."""

    pivot: int
    after: tuple[int, ...]
    before: tuple[int, ...]


def split_frames(pivots: Iterable[int], count: int) -> list[PivotRange]:
    """Split the frames 0..``count`` - 1 among pivot frames, each to the nearest one; of two as near, to the earlier one.

    Walk each range in both directions: ``after`` begins with the pivot frame itself, ``before`` with the frame before it.
    """
    starts = sorted(set(pivots))
    nearest = [min(starts, key=lambda start: (abs(frame - start), start)) for frame in range(count)]
    ranges = []
    for start in starts:
        own = [frame for frame in range(count) if nearest[frame] == start]
        after = tuple(frame for frame in own if frame >= start)
        ranges.append(PivotRange(start, after, tuple(frame for frame in reversed(own) if frame < start)))
    return ranges


class PackedMasks:
    """Masks bool (H, W) by key, at one bit for each pixel: for what has to wait until its frame is yielded."""

    def __init__(self, height: int, width: int) -> None:
        self._shape = height, width
        self._masks: dict[object, bytes] = {}

    def __setitem__(self, key: object, mask: Mask) -> None:
        self._masks[key] = np.packbits(mask).tobytes()

    def __getitem__(self, key: object) -> Mask:
        bits = np.frombuffer(self._masks[key], np.uint8)
        height, width = self._shape
        mask: Mask = np.unpackbits(bits, count=height * width).reshape(self._shape).astype(np.bool_)
        return mask

    def pop(self, key: object) -> Mask:
        """Return a mask and forget it. Raises KeyError if there is none."""
        mask = self[key]
        del self._masks[key]
        return mask

    def __contains__(self, key: object) -> bool:
        return key in self._masks
