"""A file or a folder as a Video: a window of its frames, kept within a bound of memory."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from alref.errors import InputError
from alref.media.audio_decoder import KINDS, Learnt, grouped, notes
from alref.media.container import FileSource
from alref.media.frame_cache import FrameCache
from alref.media.frame_source import Source
from alref.media.image_folder import FolderSource, is_picture, pictures_in
from alref.media.streams import existing
from alref.media.video import Frame, Video
from alref.media.window import Window
from alref.records import Audio
from alref.utils.masks import read_only

CACHE_BYTES = 256 * 1024 * 1024


def open_video(
    path: str | Path,
    *,
    start: float | None = None,
    end: float | None = None,
    every: int = 1,
    max_size: int | None = None,
    sound_track: int = 0,
    fps: float | None = None,
    cache_bytes: int = CACHE_BYTES,
) -> Video:
    """Open a video file, a folder of pictures or a single picture.

    ``start`` and ``end`` are seconds from the first frame, the end left out; of the frames in between each ``every``-th is
    read. ``max_size`` is the largest number of pixels of the longer side: larger frames are shrunk by area averaging, none is
    enlarged. ``sound_track`` counts from 0. ``fps`` is the rate of a folder of pictures, 24 when not given. ``cache_bytes``
    bounds the memory for decoded frames.

    Frames are upright, in the pixels that are stored (not stretched where pixels are not square), uint8 RGB whatever the file
    holds. A file that ends too early is read as far as it goes, a picture that cannot be decoded is replaced by the one
    before, and ``warnings`` says so. A video is for one thread at a time.

    Raises InputError when there is nothing to read, the window is empty, pictures of a folder differ in size, or the sound
    track is not there.
    """
    window = Window(start, end, every)
    place = existing(path)
    return OpenedVideo(place, _source(place, max_size, sound_track, fps), window, sound_track, cache_bytes)


def open_frames(paths: Sequence[Path], *, fps: float, sound: Path | None = None, name: str = "") -> Video:
    """Open pictures as the frames of a video, in the order given, with a sound file that begins with the first of them.

    ``name`` is the video's, that of the pictures' folder if not given.

    Raises InputError when a file is missing or damaged, or the pictures differ in size.
    """
    places = [existing(path) for path in paths]
    heard = None if sound is None else existing(sound, KINDS)
    video = OpenedVideo(places[0].parent, FolderSource(places, fps, None, heard), Window(), 0, CACHE_BYTES)
    video.name = name or video.name
    return video


def _source(path: Path, max_size: int | None, track: int, fps: float | None) -> Source:
    if path.is_dir():
        return FolderSource(pictures_in(path), fps, max_size)
    if is_picture(path):
        return FolderSource([path], fps, max_size)
    if fps is not None:
        raise InputError(f"{path}: expected no fps, got {fps:g}; a file has its own, fps is for folders of pictures")
    return FileSource(path, max_size, track)


class OpenedVideo(Video):
    """The frames of a source that lie in a window."""

    def __init__(self, path: Path, source: Source, window: Window, track: int, cache_bytes: int) -> None:
        self.path = path
        self.name = path.name or path.resolve().name
        self.height, self.width = source.height, source.width
        self._source = source
        self._numbers = window.pick(source.times, self.name)
        self.times = source.times[self._numbers]
        self.times.flags.writeable = False
        span = float(self.times[-1] - self.times[0])
        self.fps = (len(self.times) - 1) / span if span > 0 else source.fps / window.every
        self.warnings = source.warnings
        self._track = track
        self._kept = FrameCache(cache_bytes)
        self._last = -1
        self._faults: Counter[str] = Counter()

    def frame(self, index: int) -> Frame:
        """Return frame ``index`` (0..T-1), read-only. Raises InputError outside that range or when it cannot be decoded.

        Going backwards decodes a run of frames at once, as many as half of the cache holds.
        """
        self._check(index)
        backwards = index == self._last - 1
        self._last = index
        frame = self._kept.get(index)
        if frame is not None:
            return frame
        for each in self._run_to(index) if backwards else ():
            if self._kept.get(each) is None:
                self._read(each)
        return self._read(index)

    def audio(self, rate: int) -> Audio | None:
        """Return the sound from the first frame to the end of the last, or of the sound if that is earlier.

        Mono float32 at ``rate`` Hz, channels averaged; sample i is heard at ``start + i / rate`` on the clock of ``times``,
        and ``start`` is later than the first frame when the sound begins later. None when no sound track is heard in the
        window. Packets that cannot be decoded are silence; ``warnings`` says so.
        """
        return next(self.sound(rate, math.inf), None)

    def sound(self, rate: int, seconds: float = 10.0) -> Iterator[Audio]:
        """Yield what ``audio`` returns in blocks of at least ``seconds``, in a row, decoded when they are asked for."""
        end = float(self.times[-1]) + 1 / self.fps
        learnt = Learnt()
        for block in grouped(self._source.listen(rate, float(self.times[0]), end, learnt), seconds):
            self._faults |= learnt.faults
            self._warn()
            yield Audio(samples=block.samples, rate=rate, start=block.time)

    @cached_property
    def fingerprint(self) -> str:
        """A digest of the bytes of the file or folder, of the frames picked, their size and the sound track."""
        window = f"{self.height} {self.width} {self._track} {self.times.tolist()}"
        return hashlib.blake2b(f"{self._source.digest()} {window}".encode(), digest_size=16).hexdigest()

    def _read(self, index: int) -> Frame:
        frame = read_only(self._source.read(int(self._numbers[index])))
        self._kept.put(index, frame)
        self._warn()
        return frame

    def _run_to(self, index: int) -> range:
        """Return the frames before ``index`` that are decoded on the way to it, as many as half of the cache holds."""
        start = self._source.run_start(int(self._numbers[index]))
        room = self._kept.limit // (2 * self.height * self.width * 3)
        return range(max(int(np.searchsorted(self._numbers, start)), index - room), index)

    def _warn(self) -> None:
        """Say what is wrong with the pictures read, and with the sound in the pass in which most was found."""
        self.warnings = (*self._source.warnings, *notes(self.name, self._faults))
