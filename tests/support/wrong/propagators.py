"""Propagators whose masks are wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from support.wrong.correct import Filling

if TYPE_CHECKING:
    from alref.media.video import Video
    from alref.records import FrameMasks, PivotBox


class LeavesOut(Filling):
    """Gives all frames but the last."""

    def propagate(self, video: Video, boxes: list[PivotBox]) -> Iterator[FrameMasks]:
        return (each for each in super().propagate(video, boxes) if each.frame < len(video) - 1)


class Forwards(Filling):
    """Gives only frames after the first pivot."""

    def propagate(self, video: Video, boxes: list[PivotBox]) -> Iterator[FrameMasks]:
        first = min(box.pivot.frame or 0 for box in boxes)
        return (each for each in super().propagate(video, boxes) if each.frame >= first)


class Twice(Filling):
    """Gives each frame twice."""

    def propagate(self, video: Video, boxes: list[PivotBox]) -> Iterator[FrameMasks]:
        for each in super().propagate(video, boxes):
            yield from (each, each)


class Numbers(Filling):
    """Gives masks of numbers."""

    def frame(self, frame: int, masks: Any, score: float = 0.9) -> FrameMasks:
        return super().frame(frame, masks).model_copy(update={"masks": masks.astype(np.uint8)})


class Halved(Filling):
    """Gives masks of half the size."""

    def frame(self, frame: int, masks: Any, score: float = 0.9) -> FrameMasks:
        return super().frame(frame, masks[:, ::2, ::2])


class Percent(Filling):
    """Scores in percent."""

    def frame(self, frame: int, masks: Any, score: float = 0.9) -> FrameMasks:
        return super().frame(frame, masks, score=90)


class Swapped(Filling):
    """Gives the objects in the opposite order."""

    def frame(self, frame: int, masks: Any, score: float = 0.9) -> FrameMasks:
        return super().frame(frame, masks[::-1])


class OnlyFirst(Filling):
    """Follows the first object alone."""

    def frame(self, frame: int, masks: Any, score: float = 0.9) -> FrameMasks:
        return super().frame(frame, masks[:1])


class Losing(Filling):
    """Loses the second object."""

    def masks(self, video: Video, boxes: list[PivotBox], frame: int) -> Any:
        masks = super().masks(video, boxes, frame)
        masks[1:] = False
        return masks


class FirstComes(Filling):
    """Gives a pixel to the first object that claims it."""

    def masks(self, video: Video, boxes: list[PivotBox], frame: int) -> Any:
        masks = super().masks(video, boxes, frame)
        masks[1:] &= ~masks[0]
        return masks


class Separate(Filling):
    """Takes each box for an object."""

    def masks(self, video: Video, boxes: list[PivotBox], frame: int) -> Any:
        return np.concatenate([super(Separate, self).masks(video, [box], frame) for box in boxes])


class Boxed(Filling):
    """Does not look at masks that are given."""

    def masks(self, video: Video, boxes: list[PivotBox], frame: int) -> Any:
        return super().masks(video, [box.model_copy(update={"mask": None}) for box in boxes], frame)


class Thick(Filling):
    """Cannot start from a box of one pixel."""

    def masks(self, video: Video, boxes: list[PivotBox], frame: int) -> Any:
        if any(min(np.subtract(box.xyxy[2:], box.xyxy[:2])) < 2 for box in boxes if box.xyxy is not None):
            raise ValueError("expected a box with an inside")
        return super().masks(video, boxes, frame)


class NeedsBoxes(Filling):
    """Takes points, but not without a box."""

    def propagate(self, video: Video, boxes: list[PivotBox]) -> Iterator[FrameMasks]:
        if any(box.xyxy is None and box.points is not None for box in boxes):
            raise ValueError("a box is missing")
        return super().propagate(video, boxes)


class Stays(Filling):
    """Has a mask also where the object is absent."""

    def gone(self, boxes: list[PivotBox], frame: int) -> Any:
        return np.zeros_like(super().gone(boxes, frame))
