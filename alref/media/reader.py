"""A file or a folder as a Video: a window of its frames, with bounded memory."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property
from os import PathLike
from pathlib import Path

import numpy as np
import numpy.typing as npt

from alref.errors import InputError
from alref.media.animated_image import AnimatedImageSource, count_frames, is_webp
from alref.media.array_video import ArrayVideo, check_frames
from alref.media.audio_block import AudioBlock
from alref.media.audio_decoder import EXPECTED_AUDIO, AudioTrackInfo, describe_faults, group_blocks
from alref.media.container import VideoFileSource
from alref.media.frame_source import FrameSource
from alref.media.image_folder import DEFAULT_FPS, ImageFolderSource, find_images, is_image
from alref.media.streams import require_existing_path
from alref.media.video import Frame, Video
from alref.media.window import ChosenFrames, FrameWindow
from alref.records import Audio
from alref.utils.array_cache import ArrayCache
from alref.utils.masks import make_read_only
from alref.utils.text import format_path

CACHE_BYTES = 256 * 1024 * 1024


def open_video(
    path: str | PathLike[str] | Frame,
    *,
    start: float | None = None,
    end: float | None = None,
    every: int = 1,
    max_size: int | None = None,
    audio_track: int = 0,
    video_track: int | None = None,
    fps: float | None = None,
    cache_bytes: int = CACHE_BYTES,
) -> Video:
    """Open a video file, a folder of images, a single image, or frames in memory: an array uint8 (T, H, W, 3) RGB.

    ``start`` and ``end`` are seconds from the first frame, the end excluded; within them, every ``every``-th frame is read.
    ``max_size`` is the largest number of pixels of the longer side: larger frames are downscaled by area averaging, none is
    upscaled. ``audio_track`` and ``video_track`` count from 0; the default video track is the one that FFmpeg takes. ``fps`` is
    the rate of images without times of their own, and of an array, 24 by default. ``cache_bytes`` bounds the memory for decoded
    frames.

    Frames are upright, uint8 RGB for any pixel format, at the stored size (non-square pixels are not stretched). A truncated
    file is read up to its end, an image that cannot be decoded is replaced by the one before it, and an image of another size
    is scaled to fit on black; ``warnings`` reports all three, and the other video tracks. Use a video in one thread at a time.

    Raises InputError when ``path`` is neither a path nor such an array, there is nothing to read, the window is empty, images
    of a folder differ in size, or a track does not exist.
    """
    window = FrameWindow(start, end, every)
    if not isinstance(path, (str, PathLike)):
        if audio_track or video_track:
            raise InputError(f"audio_track, video_track: expected 0, got {audio_track}, {video_track}; an array has no tracks")
        if not isinstance(path, (np.ndarray, list, tuple)):
            raise InputError(f"video: expected a path or an array uint8 (T, H, W, 3) RGB, got {type(path).__name__}")
        return ArrayVideo(check_frames(path), DEFAULT_FPS if fps is None else fps, None, window, max_size)
    place = require_existing_path(Path(path))
    return VideoReader(place, _open_source(place, max_size, audio_track, video_track, fps), window, audio_track, cache_bytes)


def open_frames(paths: Sequence[Path], *, fps: float, audio: Path | None = None, name: str = "") -> Video:
    """Open images as the frames of a video, in the given order, with an audio file that begins with the first image.

    ``name`` is the name of the video, by default that of the folder of the images.

    Raises InputError when a file is missing or damaged, or the images differ in size.
    """
    places = [require_existing_path(path) for path in paths]
    heard = None if audio is None else require_existing_path(audio, EXPECTED_AUDIO)
    video = VideoReader(places[0].parent, ImageFolderSource(places, fps, None, heard), FrameWindow(), 0, CACHE_BYTES)
    video.name = name or video.name
    return video


def open_file_frames(path: Path, numbers: Sequence[int], *, name: str = "") -> Video:
    """Open some frames of a video file: those with the given ascending ``numbers``, counted from 0.

    ``name`` is the name of the video, by default that of the file. Raises InputError when the file is missing or damaged, or
    does not have one of the frames.
    """
    source = VideoFileSource(require_existing_path(path), None, 0, None)
    window = ChosenFrames(tuple(numbers))
    video = VideoReader(path, source, window, 0, CACHE_BYTES)
    video.name = name or video.name
    return video


def _open_source(path: Path, max_size: int | None, audio_track: int, video_track: int | None, fps: float | None) -> FrameSource:
    if path.is_dir():
        return ImageFolderSource(find_images(path), fps, max_size)
    if is_image(path) or is_webp(path):
        return AnimatedImageSource(path, fps, max_size) if count_frames(path) > 1 else ImageFolderSource([path], fps, max_size)
    if fps is not None:
        raise InputError(f"{path}: fps applies only to image folders; this video has its own frame rate")
    return VideoFileSource(path, max_size, audio_track, video_track)


class VideoReader(Video):
    """The frames of a source within a window."""

    def __init__(
        self, path: Path, source: FrameSource, window: FrameWindow | ChosenFrames, audio_track: int, cache_bytes: int
    ) -> None:
        self.path = path
        self.name = format_path(path.name or path.resolve().name)
        self.height, self.width = source.height, source.width
        self._source = source
        self._source_numbers = window.select_frames(source.times, self.name)
        self.times = source.times[self._source_numbers]
        self.times.flags.writeable = False
        span = float(self.times[-1] - self.times[0])
        self.fps = (len(self.times) - 1) / span if span > 0 else source.fps / window.every
        self.warnings = source.warnings
        self._audio_track = audio_track
        self._frame_cache: ArrayCache[int, np.uint8] = ArrayCache(cache_bytes)
        self._last_index = -1
        self._audio_faults: Counter[str] = Counter()

    def read_frame(self, index: int) -> Frame:
        """Return frame ``index`` (0..T-1), read-only. Raises InputError outside that range or when it cannot be decoded.

        Reading backwards decodes several frames at once, as many as fit into half of the cache.
        """
        self._check_index(index)
        backwards = index == self._last_index - 1
        self._last_index = index
        frame = self._frame_cache.get(index)
        if frame is not None:
            return frame
        for number in self._get_decode_run(index) if backwards else ():
            if self._frame_cache.get(number) is None:
                self._decode_frame(number)
        return self._decode_frame(index)

    @property
    def source_numbers(self) -> npt.NDArray[np.int64]:
        """The number of each frame in the file or folder, int64 (T,), from 0."""
        return self._source_numbers

    @property
    def source_length(self) -> int:
        """The number of frames of the whole file; a part of it has fewer."""
        return len(self._source.times)

    def read_audio(self, rate: int) -> Audio | None:
        """Return the audio from the first frame to the end of the last frame, or to the end of the audio if that is earlier.

        Mono float32 at ``rate`` Hz: channels averaged, or a loud one where they cancel out; sample i is at ``start + i / rate``
        on the clock of ``times``, and ``start`` is later than the first frame when the audio begins later. None when the window
        has no audio. Packets that cannot be decoded become silence; ``warnings`` reports them.
        """
        return next(self.read_audio_blocks(rate, math.inf), None)

    def read_audio_blocks(self, rate: int, seconds: float = 10.0) -> Iterator[Audio]:
        """Yield what ``read_audio`` returns in consecutive blocks of at least ``seconds``, decoded lazily."""
        end = float(self.times[-1]) + 1 / self.fps
        learnt = AudioTrackInfo()
        for block in group_blocks(self._source.read_audio_blocks(rate, float(self.times[0]), end, learnt), seconds):
            self._audio_faults |= learnt.faults
            self._update_warnings()
            yield Audio(samples=block.samples, rate=rate, start=block.time)

    def read_channels(self) -> Iterator[AudioBlock]:
        """Yield the audio of the frames' time span in consecutive blocks (N, C) of all channels, decoded lazily."""
        return self._source.read_channels(float(self.times[0]), float(self.times[-1]) + 1 / self.fps, AudioTrackInfo())

    @cached_property
    def fingerprint(self) -> str:
        """A digest of the bytes of the file or folder, of the selected frames, their size and the audio track."""
        window = f"{self.height} {self.width} {self._audio_track}{self._source.video_track or ''} {self.times.tolist()}"
        return hashlib.blake2b(f"{self._source.compute_digest()} {window}".encode(), digest_size=16).hexdigest()

    def _decode_frame(self, index: int) -> Frame:
        frame = make_read_only(self._source.read_frame(int(self._source_numbers[index])))
        self._frame_cache.put(index, frame)
        self._update_warnings()
        return frame

    def _get_decode_run(self, index: int) -> range:
        """Return the frames before ``index`` that are decoded on the way to it, as many as fit into half of the cache."""
        start = self._source.find_decode_start(int(self._source_numbers[index]))
        room = self._frame_cache.max_bytes // (2 * self.height * self.width * 3)
        return range(max(int(np.searchsorted(self._source_numbers, start)), index - room), index)

    def _update_warnings(self) -> None:
        """List the faults of the images read, and of the audio in the pass with the most faults."""
        self.warnings = (*self._source.warnings, *describe_faults(self.name, self._audio_faults))
