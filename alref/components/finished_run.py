"""A finished run as exporters read it: numbered objects, and frames with their masks and images, one at a time."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import cv2
import numpy as np
import numpy.typing as npt

from alref.errors import InputError
from alref.media.frame_rate import find_frame_rate
from alref.media.video import Frame, Video
from alref.records import Track, sort_by_score
from alref.result import Result
from alref.utils.masks import Mask, Rle, compute_rle_box, decode_crop, decode_mask, decode_union, encode_mask

MAX_NAME_BYTES = 60
LabelMap = npt.NDArray[np.uint16]


@dataclass(frozen=True, eq=False)
class RunObject:
    """An object of a run. ``id`` is its number from 1, as in the mask files; ``name`` its text; ``category`` its class."""

    id: int
    name: str
    category: str
    track: Track


class RunFrame:
    """One frame of a run: ``index`` from 0, ``time`` in seconds, and the objects that it shows.

    ``rles`` are the masks of the objects with at least one pixel here, by id. Where objects overlap, a later one is on top: it
    has the higher mean score. Masks and the image are decoded when they are first asked for.
    """

    def __init__(self, run: FinishedRun, index: int, rles: dict[int, Rle]) -> None:
        self._run, self.index, self.rles = run, index, rles
        self.time = run.times[index]

    @cached_property
    def masks(self) -> dict[int, Mask]:
        """The masks bool (H, W) by object id, the topmost last."""
        return {number: _store_by_rows(decode_mask(rle)) for number, rle in self.rles.items()}

    @cached_property
    def image(self) -> Frame:
        """The frame uint8 (H, W, 3) RGB, read-only. Raises InputError if the video is not available."""
        return self._run.video.read_frame(self.index)

    @property
    def union(self) -> Mask:
        """The union of the masks, bool (H, W)."""
        return _store_by_rows(decode_union(list(self.rles.values()), (self._run.height, self._run.width)))

    @property
    def labels(self) -> LabelMap:
        """The object id of each pixel, uint16 (H, W); 0 is the background, and of overlapping objects the topmost counts."""
        labels = np.zeros((self._run.height, self._run.width), np.uint16)
        for number, rle in self.rles.items():
            left, top, right, bottom = compute_rle_box(rle)
            labels[top:bottom, left:right][decode_crop(rle)] = number
        return labels

    @property
    def visible_rles(self) -> dict[int, Rle]:
        """The masks without what is covered by objects on top, by object id; only those with at least one visible pixel."""
        boxes, visible = {number: compute_rle_box(rle) for number, rle in self.rles.items()}, dict(self.rles)
        numbers = list(boxes)
        for place, number in enumerate(numbers):
            above = [self.masks[other] for other in numbers[place + 1 :] if _do_boxes_meet(boxes[number], boxes[other])]
            if above:
                visible[number] = encode_mask(self.masks[number] & ~np.any(above, axis=0))
        return {number: rle for number, rle in visible.items() if rle.area}


def _do_boxes_meet(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    width = min(one[2], other[2]) - max(one[0], other[0])
    return width > 0 and min(one[3], other[3]) > max(one[1], other[1])


def _store_by_rows(mask: Mask) -> Mask:
    """Return a decoded mask, which is stored by columns, by rows, as files and OpenCV read it."""
    if mask.flags.c_contiguous:
        return mask
    by_column = np.ascontiguousarray(mask.T).view(np.uint8)
    return np.asarray(cv2.transpose(by_column)).view(np.bool_)


class FinishedRun:
    """A finished run: its result, its objects, and the video that it names.

    ``name`` is the name of the video without its suffix. ``objects`` are all objects of the result, or those that ``ids`` name
    by id or words, as ``Result.resolve_object`` does. ``open_source`` opens the video, and raises InputError if it is not
    available. ``on_progress(done, total)`` is called after each frame that is read.
    """

    def __init__(
        self,
        result: Result,
        name: str,
        open_source: Callable[[], Video],
        ids: Collection[str] = (),
        on_progress: Callable[[int, int], object] | None = None,
    ) -> None:
        self.result, self.name = result, name
        self._open_source, self._on_progress = open_source, on_progress
        every = [
            RunObject(number, track.phrase.text, track.phrase.category.strip() or track.phrase.text, track)
            for number, track in enumerate(result.tracks, 1)
        ]
        chosen = {id: result.find_object(id) for id in ids}
        if absent := [id for id, index in chosen.items() if index is None]:
            raise InputError(f"object: nothing was found for {absent[0]!r}, so that it cannot be exported")
        self.objects = tuple(item for item in every if not ids or item.id - 1 in chosen.values())
        order = [index + 1 for index in sort_by_score(result.tracks)]
        self._sorted = sorted(self.objects, key=lambda each: order.index(each.id))
        self.height, self.width, self.times = result.video.height, result.video.width, result.video.times

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.times)

    @cached_property
    def video(self) -> Video:
        """The segmented video. Raises InputError if it is missing or is another one."""
        return self._open_source()

    @cached_property
    def frame_rate(self) -> Fraction | None:
        """The exact number of frames per second, None if the frames are not evenly spaced."""
        return find_frame_rate(self.times)

    @cached_property
    def source_numbers(self) -> list[int]:
        """The number of each frame in the video file, from 0: what programs that open the whole file call it.

        Raises InputError if the run has a part of a video that is not available.
        """
        try:
            numbers: list[int] = self.video.source_numbers.tolist()
        except InputError:
            if self.times[0] > 0 or (self.result.config.get("video") or {}).get("every", 1) > 1:
                raise
            return list(range(len(self)))
        return numbers

    @staticmethod
    def make_file_name(text: str) -> str:
        """Return a text as part of a file name that every system and shell takes: letters, digits, dots and hyphens."""
        words = re.sub(r"[^\w.]+", "-", text.lower()).strip("-.")
        return words.encode()[:MAX_NAME_BYTES].decode(errors="ignore").strip("-.") or "object"

    def iterate_masks(self, each: RunObject) -> Iterator[tuple[int, Rle | None]]:
        """Yield the index and the mask of each frame of one object, None where it is absent."""
        for index, rle in enumerate(each.track.rles):
            yield index, rle if rle.area else None
            if self._on_progress:
                self._on_progress(index + 1, len(self))

    def read_frames(self) -> Iterator[RunFrame]:
        """Yield all frames in order. Hold none of them: each may have a decoded image."""
        for index in range(len(self)):
            rles = {item.id: item.track.rles[index] for item in self._sorted}
            yield RunFrame(self, index, {number: rle for number, rle in rles.items() if rle.area})
            if self._on_progress:
                self._on_progress(index + 1, len(self))
