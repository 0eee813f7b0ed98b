"""Frames of videos as JPEG, by number, from alref's own decoder: what is shown is what was segmented."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import partial
from pathlib import Path
from threading import Lock, RLock

import cv2
import numpy as np

from alref import Frame, InputError, Video
from alref.api import open_configured_video
from alref.config import VideoOptions
from alref.media.draw import resize_frame

CACHE_BYTES = 128 * 1024**2
NEAR_FRAMES = 8
"""Frames that are read on the way to one that is asked for: pages ask for several at once, in no certain order."""
MIN_WIDTH = 16
JPEG_QUALITY = 82


class SharedVideo:
    """A video that several threads read, one at a time; it is opened when it is first needed.

    Who holds ``lock`` reads alone.
    """

    def __init__(self, path: Path, options: VideoOptions) -> None:
        self.path = path
        self.options = options
        self.lock = RLock()
        self._video: Video | None = None
        self._last: int | None = None

    @property
    def video(self) -> Video:
        """The opened video. Raises InputError."""
        with self.lock:
            if self._video is None:
                self._video = open_configured_video(self.path, self.options)
            return self._video

    def read_frame(self, index: int) -> Frame:
        """Return frame ``index``, uint8 (H, W, 3) RGB. Raises InputError."""
        with self.lock:
            self._last = index
            return self.video.read_frame(index)

    def plan_frames(self, index: int) -> range:
        """Return the frames to read for frame ``index``, which is the last of them.

        A decoder only goes forward: a step back costs as much as all frames since the last keyframe. So frames between the
        last one that was read and this one are taken along, and with a step back those before it.
        """
        if self._last is None or abs(index - self._last) > NEAR_FRAMES:
            return range(index, index + 1)
        ahead = index > self._last
        return range(self._last + 1 if ahead else max(0, index - NEAR_FRAMES + 1), index + 1)


class JpegCache:
    """Encoded frames, the least recently used dropped first."""

    def __init__(self, max_bytes: int = CACHE_BYTES) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._images: OrderedDict[Hashable, bytes] = OrderedDict()
        self._lock = Lock()

    def get_frame(self, shared: SharedVideo, index: int, width: int) -> bytes:
        """Return frame ``index`` as JPEG, at most ``width`` pixels wide. Raises InputError outside the video."""
        video = shared.video
        if not 0 <= index < len(video):
            raise InputError(f"{video.name}: expected a frame from 0 to {len(video) - 1}, got {index}")
        width = min(max(MIN_WIDTH, width), video.width)
        return self.get_image((shared, index, width), partial(self._read_frames, shared, index, width))

    def get_image(self, key: Hashable, make_image: Callable[[], bytes]) -> bytes:
        """Return the image of a key, which ``make_image`` makes if it is not cached."""
        found = self._find_image(key)
        if found is not None:
            return found
        made = make_image()
        with self._lock:
            if key not in self._images:
                self._images[key] = made
                self._bytes += len(made)
            while self._bytes > self._max_bytes:
                self._bytes -= len(self._images.popitem(last=False)[1])
        return made

    def _find_image(self, key: Hashable) -> bytes | None:
        with self._lock:
            if key in self._images:
                self._images.move_to_end(key)
            return self._images.get(key)

    def _read_frames(self, shared: SharedVideo, index: int, width: int) -> bytes:
        """Return a frame; those that are read on the way to it are cached too."""

        def read_image(number: int) -> bytes:
            return encode_jpeg(scale_to_width(shared.read_frame(number), width))

        with shared.lock:
            if (found := self._find_image((shared, index, width))) is not None:  # read while this thread waited
                return found
            for number in shared.plan_frames(index)[:-1]:
                self.get_image((shared, number, width), partial(read_image, number))
            return read_image(index)


def scale_to_width(frame: Frame, width: int) -> Frame:
    """Shrink a frame to ``width`` pixels; a smaller one is not changed."""
    height = max(1, round(frame.shape[0] * width / frame.shape[1]))
    return frame if width >= frame.shape[1] else resize_frame(frame, height, width)


def encode_jpeg(frame: Frame) -> bytes:
    """Encode uint8 (H, W, 3) RGB as JPEG."""
    done, data = cv2.imencode(".jpg", cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    assert done
    return np.asarray(data, np.uint8).tobytes()
