"""Tracking of objects by template matching."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from alref import Frame, FrameMasks, PivotBox, Video, group_boxes, make_start_mask, split_frames

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Start:
    """An object in its pivot frame: its corner, its shape bool (h, w), and its pixels uint8 (h, w, 3)."""

    frame: int
    left: int
    top: int
    shape: Mask
    pixels: Frame

    @classmethod
    def from_box(cls, video: Video, box: PivotBox) -> Start:
        """Cut an object out of its pivot frame, by its mask where it has one."""
        region = make_start_mask(video, box)
        left, top, width, height = cv2.boundingRect(region.astype(np.uint8))
        window = np.s_[top : top + height, left : left + width]
        return cls(box.pivot.frame, left, top, region[window], video.read_frame(box.pivot.frame)[window])


@dataclass(frozen=True)
class Place:
    """The position of an object in a frame, and how well it matches there, 0..1."""

    start: Start
    left: int
    top: int
    score: float

    def draw_mask(self, video: Video) -> Mask:
        """Return the mask, bool (H, W)."""
        mask = np.zeros((video.height, video.width), np.bool_)
        height, width = self.start.shape.shape
        mask[self.top : self.top + height, self.left : self.left + width] = self.start.shape
        return mask


def track_objects(video: Video, boxes: list[PivotBox], reach: int) -> Iterator[FrameMasks]:
    """Yield the masks of every frame. Only the positions of the objects are stored, not the masks."""
    tracks = [track_object(video, own, reach) for own in group_boxes(boxes)]
    for frame in range(len(video)):
        places = [places[frame] for places in tracks]
        yield FrameMasks(
            frame=frame,
            masks=np.stack([place.draw_mask(video) for place in places]),
            scores=[place.score for place in places],
        )


def track_object(video: Video, boxes: list[PivotBox], reach: int) -> dict[int, Place]:
    """Return the position of one object in each frame, tracked from the nearest pivot frame."""
    starts = {start.frame: start for start in (Start.from_box(video, box) for box in boxes)}
    places: dict[int, Place] = {}
    for own in split_frames(starts, len(video)):
        for frames in (own.after, own.before):
            places |= track_in_one_direction(video, starts[own.pivot], frames, reach)
    return places


def track_in_one_direction(video: Video, start: Start, frames: Iterable[int], reach: int) -> dict[int, Place]:
    """Track an object from its pivot frame over ``frames``, in one direction."""
    places: dict[int, Place] = {}
    last = Place(start, start.left, start.top, 1.0)
    for frame in frames:
        last = places[frame] = last if frame == start.frame else find_object(video.read_frame(frame), last, reach)
    return places


def find_object(image: Frame, last: Place, reach: int) -> Place:
    """Return the best match of an object near its last position."""
    height, width = last.start.shape.shape
    left, top = max(0, last.left - reach), max(0, last.top - reach)
    window = image[top : last.top + height + reach, left : last.left + width + reach]
    difference = cv2.matchTemplate(window, last.start.pixels, cv2.TM_SQDIFF_NORMED)
    least, _, (x, y), _ = cv2.minMaxLoc(difference)
    return Place(last.start, left + x, top + y, float(np.clip(1 - least, 0, 1)))
