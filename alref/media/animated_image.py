"""Images with several frames, read with Pillow: animated WebP and PNG, and TIFF with pages."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from weakref import finalize

import numpy as np
from PIL import Image

from alref.errors import InputError
from alref.media.draw import resize_frame
from alref.media.frame_source import FrameSource, limit_size
from alref.media.image_folder import (
    DEFAULT_FPS,
    IMAGE_ERRORS,
    convert_image,
    ignore_pillow_warnings,
    make_read_error,
    open_image,
)
from alref.media.video import Frame
from alref.utils.text import format_path

UNTIMED_SECONDS = 0.1
"""Time for which a frame without a duration is shown, as in browsers."""
FRAME_FORMATS = ("WEBP", "PNG", "GIF", "AVIF")
PAGE_FORMATS = ("TIFF",)


def is_webp(path: Path) -> bool:
    """Return whether a file is a WebP image by its first bytes; FFmpeg cannot read animated ones."""
    try:
        with path.open("rb") as file:
            head = file.read(12)
    except OSError as error:
        raise make_read_error(path, error) from error
    return head[:4] == b"RIFF" and head[8:] == b"WEBP"


def count_frames(path: Path) -> int:
    """Return the number of frames or pages of an image, 1 for formats that hold other images beside the one that is shown."""
    try:
        with open_image(path) as image:
            return getattr(image, "n_frames", 1) if image.format in FRAME_FORMATS + PAGE_FORMATS else 1
    except IMAGE_ERRORS as error:
        raise make_read_error(path, error) from error


class AnimatedImageSource(FrameSource):
    """The frames of an animated image with their own times, or the pages of a TIFF file at ``fps``.

    Pages of another size than the first, such as thumbnails, are left out. Transparency is dropped.
    """

    def __init__(self, path: Path, fps: float | None = None, max_size: int | None = None) -> None:
        self._path = path
        self._places: list[int] = []
        self._faults: list[str] = []
        with ignore_pillow_warnings():
            self._image = Image.open(path)
        finalize(self, self._image.close)
        self._has_pages = self._image.format in PAGE_FORMATS
        if fps is not None and not self._has_pages:
            raise InputError(f"{path}: fps applies only to images without times; this one has times of its own")
        with ignore_pillow_warnings():
            durations = self._read_durations()
        if not durations:
            raise make_read_error(path, ValueError("no frame can be decoded"))
        rate = DEFAULT_FPS if fps is None else fps
        if rate <= 0:
            raise InputError(f"fps: expected more than 0 frames a second, got {rate:g}")
        ends = np.arange(1, len(durations) + 1) / rate if self._has_pages else np.cumsum(durations)
        self.times = np.concatenate([[0.0], ends[:-1]])
        self.fps = len(ends) / float(ends[-1])
        first = self._convert_frame(0)
        self.height, self.width = limit_size(first.shape[0], first.shape[1], max_size)

    def read_frame(self, number: int) -> Frame:
        """Return frame ``number``. Raises InputError when it cannot be decoded."""
        frame = self._convert_frame(number)
        return frame if frame.shape[:2] == (self.height, self.width) else resize_frame(frame, self.height, self.width)

    def find_decode_start(self, number: int) -> int:
        """Return the first frame: an animation is decoded from its beginning."""
        return number if self._has_pages else 0

    def list_files(self) -> Iterable[Path]:
        """Return the file itself."""
        return [self._path]

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is left out."""
        return tuple(f"{format_path(self._path.name)}: {fault}" for fault in self._faults)

    def _convert_frame(self, number: int) -> Frame:
        try:
            with ignore_pillow_warnings():
                self._image.seek(self._places[number])
                return convert_image(self._image)
        except IMAGE_ERRORS as error:
            raise make_read_error(self._path, error) from error

    def _read_durations(self) -> list[float]:
        """Decode all frames to find those that can be read, and return the seconds of each."""
        durations: list[float] = []
        others, count = 0, int(getattr(self._image, "n_frames", 1))
        first = int(bool(self._image.info.get("default_image")))  # an image for programs that cannot show the animation
        size = self._image.size
        for place in range(first, count):
            try:
                self._image.seek(place)
                if self._image.size != size:
                    others += 1
                    continue
                self._image.load()
            except IMAGE_ERRORS:
                self._faults.append(f"the file ends early, after {len(durations)} of {count - first} frames")
                break
            self._places.append(place)
            durations.append(float(self._image.info.get("duration") or 0) / 1000 or UNTIMED_SECONDS)
        if others:
            self._faults.append(f"pages of another size, which are left out: {others}")
        return durations
