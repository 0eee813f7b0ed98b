"""Propagators that treat what they are given wrongly."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from support.wrong.correct import Filling

if TYPE_CHECKING:
    from alref.media.video import Video
    from alref.records import FrameMasks, PivotBox


class KeepsFrames(Filling):
    """Keeps all frames."""

    def propagate(self, video: Video, boxes: list[PivotBox]) -> Iterator[FrameMasks]:
        kept = []
        for each in super().propagate(video, boxes):
            kept.append(video.read_frame(each.frame))
            yield each


class Collects(Filling):
    """Makes all masks before it gives any."""

    def propagate(self, video: Video, boxes: list[PivotBox]) -> Iterator[FrameMasks]:
        return iter(list(super().propagate(video, boxes)))


class Draws(Filling):
    """Writes into frames."""

    def propagate(self, video: Video, boxes: list[PivotBox]) -> Iterator[FrameMasks]:
        for each in super().propagate(video, boxes):
            frame = video.read_frame(each.frame)
            frame.flags.writeable = True
            frame[:4, :4] = 0
            yield each


class MovesBoxes(Filling):
    """Writes into boxes."""

    def propagate(self, video: Video, boxes: list[PivotBox]) -> Iterator[FrameMasks]:
        for box in boxes:
            assert box.xyxy is not None
            box.xyxy.flags.writeable = True
            box.xyxy[2:] += 1
        return super().propagate(video, boxes)


class Swallows(Filling):
    """Gives masks for frames that cannot be read."""

    def propagate(self, video: Video, boxes: list[PivotBox]) -> Iterator[FrameMasks]:
        from alref.errors import InputError

        for frame in range(len(video)):
            try:
                video.read_frame(frame)
            except InputError:
                self.warnings.append("a frame was left out")
            yield self.frame(frame, self.masks(video, boxes, frame))


class Rewords(Filling):
    """Says in words of its own that a frame cannot be read."""

    def propagate(self, video: Video, boxes: list[PivotBox]) -> Iterator[FrameMasks]:
        from alref.errors import AlrefError, ContractError

        try:
            yield from super().propagate(video, boxes)
        except AlrefError as error:
            raise ContractError("something went wrong") from error


class Busy(Filling):
    """Takes no video while another is not done."""

    busy = False

    def propagate(self, video: Video, boxes: list[PivotBox]) -> Iterator[FrameMasks]:
        if self.busy:
            raise RuntimeError("another video is not done")
        self.busy = True
        yield from super().propagate(video, boxes)
        self.busy = False


class Wavering(Filling):
    """Uses random numbers."""

    def frame(self, frame: int, masks: Any, score: float = 0.9) -> FrameMasks:
        return super().frame(frame, masks, score=random.random())


class Moving(Filling):
    """Divides by the number of frames less one."""

    def propagate(self, video: Video, boxes: list[PivotBox]) -> Iterator[FrameMasks]:
        assert 1 / (len(video) - 1)
        return super().propagate(video, boxes)


class Even(Filling):
    """Gives masks whose sides are multiples of eight."""

    def frame(self, frame: int, masks: Any, score: float = 0.9) -> FrameMasks:
        height, width = masks.shape[1] // 8 * 8, masks.shape[2] // 8 * 8
        return super().frame(frame, masks[:, :height, :width])


class Small(Filling):
    """Has room for eight million numbers."""

    def propagate(self, video: Video, boxes: list[PivotBox]) -> Iterator[FrameMasks]:
        if video.height * video.width > 8_000_000:
            raise MemoryError("no room for such frames")
        return super().propagate(video, boxes)


class AtOnce(Filling):
    """Looks for the object on the first frame."""

    def propagate(self, video: Video, boxes: list[PivotBox]) -> Iterator[FrameMasks]:
        if not (video.read_frame(0)[..., 0] > 150).any():
            raise IndexError("no object on the first frame")
        return super().propagate(video, boxes)
