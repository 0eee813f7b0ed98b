"""Variants of a test video: other lengths, sizes and colors."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from alref.media.draw import resize_frame
from alref.media.video import Frame, Video
from alref.records import Audio
from alref.utils.masks import Mask, make_read_only

BLANK = 128
"""The gray of a frame without the object."""


class VideoVariant(Video):
    """The frames of a video and its true masks ``truth``, in another number, size or color.

    ``frames`` is the number of frames: those that show the object, in order and again from the first. ``size`` is (height,
    width) in pixels. The first ``blank`` frames are empty. ``gray`` removes the color.
    """

    def __init__(
        self,
        video: Video,
        truth: Sequence[Mask] | Mask,
        frames: int | None = None,
        size: tuple[int, int] | None = None,
        blank: int = 0,
        gray: bool = False,
    ) -> None:
        shown = [index for index in range(len(video)) if truth[index].any()]
        count = len(shown) if frames is None else frames
        self.name, self.path, self.fps = f"variant of {video.name}", None, video.fps
        self.height, self.width = size or (video.height, video.width)
        self.times = np.arange(count) / video.fps
        self._video, self._masks, self._blank, self._gray = video, truth, blank, gray
        self._sources = [shown[index % len(shown)] for index in range(count)]
        self._resize = lru_cache(maxsize=8)(self._resize_source)

    @property
    def truth(self) -> Sequence[Mask]:
        """The true mask bool (H, W) of each frame, made on demand."""
        return _LazyMasks(self)

    def read_frame(self, index: int) -> Frame:
        """Return frame ``index``, uint8 (H, W, 3). Raises InputError outside the video."""
        self._check_index(index)
        if index < self._blank:
            return np.full((self.height, self.width, 3), BLANK, np.uint8)
        frame: Frame = make_read_only(self._resize(self._sources[index]).copy())
        return frame

    def make_mask(self, index: int) -> Mask:
        """Return the true mask bool (H, W) of frame ``index``."""
        if index < self._blank:
            return np.zeros((self.height, self.width), np.bool_)
        mask = np.asarray(self._masks[self._sources[index]])
        rows = np.arange(self.height) * mask.shape[0] // self.height
        columns = np.arange(self.width) * mask.shape[1] // self.width
        resized: Mask = mask[rows[:, None], columns]
        return resized

    def read_audio(self, rate: int) -> Audio | None:
        """Return the audio of the video, whatever the number of frames."""
        return self._video.read_audio(rate)

    @property
    def fingerprint(self) -> str:
        """Digest of the video, and how it was changed."""
        return f"{self._video.fingerprint}-{len(self)}-{self.height}x{self.width}-{self._blank}-{self._gray:d}"

    def _resize_source(self, source: int) -> Frame:
        frame = self._video.read_frame(source)
        if self._gray:
            frame = frame.max(axis=2, keepdims=True).repeat(3, axis=2)
        if frame.shape[:2] != (self.height, self.width):
            frame = resize_frame(frame, self.height, self.width)
        return frame


class _LazyMasks(Sequence[Mask]):
    def __init__(self, video: VideoVariant) -> None:
        self._video = video

    def __len__(self) -> int:
        return len(self._video)

    def __getitem__(self, index: Any) -> Any:
        return self._video.make_mask(range(len(self))[index])
