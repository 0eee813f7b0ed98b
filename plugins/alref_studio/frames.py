"""Frames of videos as JPEG, by number, from alref's own decoder: what is shown is what was segmented."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock

import cv2
import numpy as np

from alref.api import open_configured_video
from alref.config import VideoOptions
from alref.errors import InputError
from alref.media.draw import resize_frame
from alref.media.video import Frame, Video

CACHE_BYTES = 128 * 1024**2
FRAMES_AHEAD = 6
MIN_WIDTH = 16
JPEG_QUALITY = 82


class SharedVideo:
    """A video that several threads read, one at a time; it is opened when it is first needed."""

    def __init__(self, path: Path, options: VideoOptions) -> None:
        self.path = path
        self.options = options
        self._lock = Lock()
        self._video: Video | None = None

    @property
    def video(self) -> Video:
        """The opened video. Raises InputError."""
        with self._lock:
            if self._video is None:
                self._video = open_configured_video(self.path, self.options)
            return self._video

    def read_frame(self, index: int) -> Frame:
        """Return frame ``index``, uint8 (H, W, 3) RGB. Raises InputError."""
        video = self.video
        with self._lock:
            return video.read_frame(index)


class JpegCache:
    """Encoded frames, the least recently used dropped first; frames that follow are decoded ahead."""

    def __init__(self, max_bytes: int = CACHE_BYTES) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._images: OrderedDict[Hashable, bytes] = OrderedDict()
        self._lock = Lock()
        self._ahead = ThreadPoolExecutor(1, "frames-ahead")
        self._last: dict[SharedVideo, int] = {}

    def get_frame(self, shared: SharedVideo, index: int, width: int) -> bytes:
        """Return frame ``index`` as JPEG, at most ``width`` pixels wide. Raises InputError outside the video."""
        video = shared.video
        if not 0 <= index < len(video):
            raise InputError(f"{video.name}: expected a frame from 0 to {len(video) - 1}, got {index}")
        width = min(max(MIN_WIDTH, width), video.width)
        image = self.get_image((shared, index, width), lambda: encode_jpeg(scale_to_width(shared.read_frame(index), width)))
        if self._last.get(shared) == index - 1 and index + FRAMES_AHEAD < len(video):
            self._ahead.submit(shared.read_frame, index + FRAMES_AHEAD)
        self._last[shared] = index
        return image

    def get_image(self, key: Hashable, make_image: Callable[[], bytes]) -> bytes:
        """Return the image of a key, which ``make_image`` makes if it is not cached."""
        with self._lock:
            if (found := self._images.get(key)) is not None:
                self._images.move_to_end(key)
                return found
        made = make_image()
        with self._lock:
            if key not in self._images:
                self._images[key] = made
                self._bytes += len(made)
            while self._bytes > self._max_bytes:
                self._bytes -= len(self._images.popitem(last=False)[1])
        return made

    def close(self) -> None:
        """Stop decoding ahead."""
        self._ahead.shutdown(wait=True, cancel_futures=True)


def scale_to_width(frame: Frame, width: int) -> Frame:
    """Shrink a frame to ``width`` pixels; a smaller one is not changed."""
    height = max(1, round(frame.shape[0] * width / frame.shape[1]))
    return frame if width >= frame.shape[1] else resize_frame(frame, height, width)


def encode_jpeg(frame: Frame) -> bytes:
    """Encode uint8 (H, W, 3) RGB as JPEG."""
    done, data = cv2.imencode(".jpg", cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    assert done
    return np.asarray(data, np.uint8).tobytes()
