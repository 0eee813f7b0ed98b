"""Helpers for propagators: following objects frame by frame, the first mask of an object, and masks that need little memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from alref.errors import ContractError
from alref.media.video import Frame, Video
from alref.records import FrameMasks, PivotBox, list_object_phrases
from alref.utils.masks import BoxArray, Mask, compute_box

Step = Callable[[Frame], tuple[Mask, float]]
"""Follows one object to the next frame: takes the image, returns the mask bool (H, W) and the score from 0 to 1."""


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
    """Masks bool (H, W) by key, at one bit for each pixel: for what has to wait until its frame is yielded.

    Raises ContractError for a mask of another shape.
    """

    def __init__(self, height: int, width: int) -> None:
        self._shape = height, width
        self._masks: dict[object, bytes] = {}

    def __setitem__(self, key: object, mask: Mask) -> None:
        if mask.shape != self._shape:
            raise ContractError(f"expected a mask of shape {self._shape}, got {mask.shape}")
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


def fit_mask(mask: Mask, xyxy: BoxArray) -> Mask:
    """Return a mask bool (H, W) moved and scaled so that its tight box becomes ``xyxy``; pixels outside the image are lost."""
    moved = np.zeros_like(mask)
    x0, y0, x1, y1 = (round(float(value)) for value in xyxy)
    if not mask.any() or x1 <= x0 or y1 <= y0:
        return moved
    left, top, right, bottom = compute_box(mask).astype(int)
    shape = cv2.resize(mask[top:bottom, left:right].view(np.uint8), (x1 - x0, y1 - y0), interpolation=cv2.INTER_NEAREST)
    height, width = mask.shape
    inside = shape[max(0, -y0) : max(0, height - y0), max(0, -x0) : max(0, width - x0)]
    moved[max(0, y0) : max(0, y0) + inside.shape[0], max(0, x0) : max(0, x0) + inside.shape[1]] = inside
    return moved


def follow_objects(video: Video, boxes: list[PivotBox], start: Callable[[Frame, Mask], Step]) -> Iterator[FrameMasks]:
    """Yield the masks of all objects on every frame, following each from its nearest pivot frame in both directions.

    ``start`` takes the image of a pivot frame, uint8 (H, W, 3), and the mask of an object there, bool (H, W). It returns a
    function that is called with each next image, and returns the mask and the score of the object. A frame is yielded as soon
    as all its masks are known; until then they wait at one bit for each pixel.
    """
    starts = [_make_start_masks(video, own) for own in group_boxes(boxes)]
    waiting, scores = PackedMasks(video.height, video.width), dict[tuple[int, int], float]()
    for direction in (1, -1):
        walks = [_list_frames(own, len(video), direction) for own in starts]
        steps = dict[int, Step]()
        for frame in range(len(video))[::direction]:
            image = video.read_frame(frame)
            for number, (own, walk) in enumerate(zip(starts, walks, strict=True)):
                if frame in own and frame + direction in walk:
                    steps[number] = start(image, own[frame])
                if frame in walk:
                    waiting[frame, number], scores[frame, number] = (own[frame], 1.0) if frame in own else steps[number](image)
            keys = [(frame, number) for number in range(len(starts))]
            if any(frame in walk for walk in walks) and all(key in waiting for key in keys):
                masks = np.stack([waiting.pop(key) for key in keys])
                yield FrameMasks(frame=frame, masks=masks, scores=np.array([scores.pop(key) for key in keys], np.float32))


def _make_start_masks(video: Video, boxes: list[PivotBox]) -> dict[int, Mask]:
    """Return the first mask of an object on each of its pivot frames; several boxes on a frame are united."""
    masks: dict[int, Mask] = {}
    for box in boxes:
        if box.pivot.frame is not None:
            mask = make_start_mask(video, box)
            masks[box.pivot.frame] = masks.get(box.pivot.frame, mask) | mask
    return masks


def _list_frames(pivots: Iterable[int], count: int, direction: int) -> set[int]:
    """Return the frames that are reached from their nearest pivot frame in a direction, 1 or -1; 1 has the pivot frames too."""
    ranges = split_frames(pivots, count)
    return {frame for part in ranges for frame in (part.after if direction > 0 else part.before)}
