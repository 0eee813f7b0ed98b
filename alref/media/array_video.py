"""Videos from frames in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from alref.errors import InputError
from alref.media.draw import resize_frame
from alref.media.frame_source import limit_size
from alref.media.video import Frame, Video
from alref.media.window import FrameWindow
from alref.records import Audio
from alref.utils.masks import make_read_only


class ArrayVideo(Video):
    """A video in memory: ``frames`` uint8 (T, H, W, 3) RGB at ``fps`` frames a second, with an optional audio track.

    ``window`` selects frames. ``max_size`` is the largest number of pixels of the longer side: larger frames are shrunk.
    Raises InputError for an array of another shape or dtype, or when the window is empty.
    """

    def __init__(
        self,
        frames: Sequence[Frame] | Frame,
        fps: float = 10.0,
        audio: Audio | None = None,
        window: FrameWindow = FrameWindow(),  # noqa: B008 - it is immutable
        max_size: int | None = None,
    ) -> None:
        array = check_frames(frames)
        if not fps > 0:
            raise InputError(f"fps: expected more than 0 frames a second, got {fps:g}")
        self.name, self.path, self.fps = "in memory", None, fps / window.every
        times = np.arange(len(array)) / fps
        numbers = window.select_frames(times, self.name)
        self.times = times[numbers]
        self._frames = make_read_only(_shrink_frames(array if len(numbers) == len(array) else array[numbers], max_size))
        self._audio = audio
        self.height, self.width = self._frames.shape[1:3]

    def read_frame(self, index: int) -> Frame:
        """Return frame ``index``, read-only. Raises InputError outside the video."""
        self._check_index(index)
        frame: Frame = self._frames[index]
        return frame

    def read_audio(self, rate: int) -> Audio | None:
        """Return the given audio, by nearest sample at ``rate`` Hz, or None."""
        if self._audio is None:
            return None
        length = round(len(self._audio.samples) * rate / self._audio.rate)
        index = np.arange(length) * self._audio.rate // rate
        return Audio(samples=self._audio.samples[index], rate=rate, start=self._audio.start)

    @cached_property
    def fingerprint(self) -> str:
        """A digest of the pixels and the times."""
        digest = hashlib.blake2b(np.ascontiguousarray(self._frames).data, digest_size=16)
        digest.update(f"{self._frames.shape} {self.fps} {self.times.tolist()}".encode())
        return digest.hexdigest()


def check_frames(frames: Any) -> Frame:
    """Return frames as one array uint8 (T, H, W, 3). Raises InputError for another shape or dtype."""
    try:
        array = np.asarray(frames)
    except ValueError as error:
        raise InputError("video: expected frames of one size, uint8 (T, H, W, 3) RGB, got frames of several sizes") from error
    if array.dtype != np.uint8 or array.ndim != 4 or array.shape[3] != 3 or not array.size:
        raise InputError(f"video: expected uint8 (T, H, W, 3) RGB with T >= 1, got {array.dtype} {array.shape}")
    return array


def _shrink_frames(frames: Frame, max_size: int | None) -> Frame:
    size = limit_size(frames.shape[1], frames.shape[2], max_size)
    return frames if size == frames.shape[1:3] else np.stack([resize_frame(frame, *size) for frame in frames])
