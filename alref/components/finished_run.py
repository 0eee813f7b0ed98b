"""A finished run as exporters read it: numbered objects, and frames with their masks and images, one at a time."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Hashable, Iterator
from copy import copy
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from alref.components.frame_pass import FramePass
from alref.errors import InputError
from alref.media.frame_rate import find_frame_rate
from alref.media.video import Frame, Video
from alref.media.video_store import VideoStore
from alref.records import Track, sort_by_score
from alref.result import Result
from alref.utils.masks import Mask, Rle, compute_rle_box, decode_crop, encode_mask, make_read_only

MAX_NAME_BYTES = 60
LabelMap = npt.NDArray[np.uint16]
Value = TypeVar("Value")


@dataclass(frozen=True, eq=False)
class RunObject:
    """An object of a run. ``id`` is its number from 1, as in the mask files; ``name`` its text; ``category`` its class."""

    id: int
    name: str
    category: str
    track: Track


class MaskCrop(NamedTuple):
    """The part of a mask inside of its tight box: the box in pixels, and ``mask`` bool (bottom - top, right - left)."""

    left: int
    top: int
    right: int
    bottom: int
    mask: Mask


class RunFrame:
    """One frame of a run: ``index`` from 0, ``time`` in seconds, and the objects that it shows.

    ``rles`` are the masks of the objects with at least one pixel here, by id. Where objects overlap, a later one is on top: it
    has the higher mean score. Masks and the image are decoded when they are first asked for. Exporters that run together
    share the frame, each in its thread, so that its arrays are read-only.
    """

    def __init__(self, run: FinishedRun, index: int, rles: dict[int, Rle]) -> None:
        self._run, self.index, self.rles = run, index, rles
        self.time = run.times[index]
        self._store = VideoStore()

    def remember(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """Return what ``make`` returns; for this frame and key it is called once, for all exporters that run together."""
        value: Value = self._store.get_or_make(key, make)
        return value

    @property
    def crops(self) -> dict[int, MaskCrop]:
        """The masks inside of their boxes by object id, the topmost last."""
        return self.remember("crops", lambda: {number: crop_mask(rle) for number, rle in self.rles.items()})

    @property
    def masks(self) -> dict[int, Mask]:
        """The masks bool (H, W) by object id, the topmost last."""
        return self.remember("masks", lambda: {number: self._place_crops([crop]) for number, crop in self.crops.items()})

    @property
    def union(self) -> Mask:
        """The union of the masks, bool (H, W)."""
        return self.remember("union", lambda: self._place_crops(list(self.crops.values())))

    @property
    def labels(self) -> LabelMap:
        """The object id of each pixel, uint16 (H, W); 0 is the background, and of overlapping objects the topmost counts."""
        return self.remember("labels", self._draw_labels)

    @property
    def image(self) -> Frame:
        """The frame uint8 (H, W, 3) RGB, read-only. Raises InputError if the video is not available."""
        return self.remember("image", lambda: self._run.video.read_frame(self.index))

    def _place_crops(self, crops: list[MaskCrop]) -> Mask:
        mask = np.zeros((self._run.height, self._run.width), np.bool_)
        for left, top, right, bottom, part in crops:
            mask[top:bottom, left:right] |= part
        return make_read_only(mask)

    def _draw_labels(self) -> LabelMap:
        labels = np.zeros((self._run.height, self._run.width), np.uint16)
        for number, (left, top, right, bottom, part) in self.crops.items():
            labels[top:bottom, left:right][part] = number
        return make_read_only(labels)

    @property
    def visible_rles(self) -> dict[int, Rle]:
        """The masks without what is covered by objects on top, by object id; only those with at least one visible pixel."""
        visible, numbers = dict(self.rles), list(self.rles)
        for place, number in enumerate(numbers):
            crop = self.crops[number]
            if any(_do_boxes_meet(crop, self.crops[other]) for other in numbers[place + 1 :]):
                mask = np.zeros((self._run.height, self._run.width), np.bool_)
                left, top, right, bottom, part = crop
                mask[top:bottom, left:right] = part & (self.labels[top:bottom, left:right] == number)
                visible[number] = encode_mask(mask)
        return {number: rle for number, rle in visible.items() if rle.area}


def _do_boxes_meet(one: MaskCrop, other: MaskCrop) -> bool:
    width = min(one.right, other.right) - max(one.left, other.left)
    return width > 0 and min(one.bottom, other.bottom) > max(one.top, other.top)


def crop_mask(rle: Rle) -> MaskCrop:
    """Decode the part of a mask inside of its tight box."""
    return MaskCrop(*compute_rle_box(rle), make_read_only(decode_crop(rle)))


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
        self._open_source, self._on_progress, self._opened = open_source, on_progress, VideoStore()
        self._shared_frames: Iterator[RunFrame] | None = None
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

    @property
    def video(self) -> Video:
        """The segmented video. Raises InputError if it is missing or is another one."""
        video: Video = self._opened.get_or_make("video", self._open_source)
        return video

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

    @cached_property
    def source_length(self) -> int:
        """The number of frames of the whole video file, of which the run may have a part. Raises as ``source_numbers`` does."""
        last = self.source_numbers[-1] + 1
        try:
            return max(last, self.video.source_length)
        except InputError:  # then the run has the whole video, as far as it says
            return last

    @staticmethod
    def make_file_name(text: str) -> str:
        """Return a text as part of a file name that every system and shell takes: letters, digits, dots and hyphens."""
        words = re.sub(r"[^\w.]+", "-", text.lower()).strip("-.")
        return words.encode()[:MAX_NAME_BYTES].decode(errors="ignore").strip("-.") or "object"

    def read_frames(self) -> Iterator[RunFrame]:
        """Yield all frames in order. Hold none of them: each may have a decoded image."""
        shared, self._shared_frames = self._shared_frames, None
        return self._make_frames() if shared is None else shared

    def share_frames(self, readers: int) -> tuple[FramePass[RunFrame], list[FinishedRun]]:
        """Return this run once for each of several threads, and the pass that gives them the same frames.

        Each may call ``read_frames`` once for the shared frames; a second call makes frames of its own.
        """
        frames = FramePass(self._make_frame, len(self), readers, self._on_progress)
        views = [copy(self) for _ in range(readers)]
        for reader, view in enumerate(views):
            view._shared_frames, view._on_progress = frames.read_frames(reader), None
        return frames, views

    def _make_frames(self) -> Iterator[RunFrame]:
        for index in range(len(self)):
            yield self._make_frame(index)
            if self._on_progress:
                self._on_progress(index + 1, len(self))

    def _make_frame(self, index: int) -> RunFrame:
        rles = {item.id: item.track.rles[index] for item in self._sorted}
        return RunFrame(self, index, {number: rle for number, rle in rles.items() if rle.area})
