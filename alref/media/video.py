"""The base class of videos: numbered frames with times, and an audio track. ``alref.media`` opens files and folders."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterator, Sequence
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, TypeVar
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from alref.errors import InputError
from alref.media.video_store import VideoStore

if TYPE_CHECKING:
    from alref.media.audio_block import AudioBlock
    from alref.records import Audio, VideoInfo

Frame = npt.NDArray[np.uint8]
Value = TypeVar("Value")

_STORES: WeakKeyDictionary[Video, VideoStore] = WeakKeyDictionary()
_STORES_LOCK = Lock()
CHANNELS_RATE = 48_000
"""Rate in Hz of the audio of videos that have only mono samples in memory."""
SILENT_POWER = 1e-6
"""Mean square below which audio is silent: -60 dB relative to full scale."""


class Video(ABC):
    """A video: ``len(video)`` frames uint8 (H, W, 3) RGB, read by number and decoded lazily.

    ``times`` float64 (T,) are the seconds of the frames, increasing, on a clock whose zero is the first frame of the file; a
    video opened from second 10 begins at 10. ``fps`` is the number of frames per second as read, after subsampling.
    """

    name: str
    path: Path | None
    height: int
    width: int
    fps: float
    times: npt.NDArray[np.float64]
    warnings: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.times)

    def __getitem__(self, index: int) -> Frame:
        """Return frame ``index``; a negative index counts from the end. Raises InputError outside the video."""
        return self.read_frame(index + len(self) if index < 0 else index)

    def __iter__(self) -> Iterator[Frame]:
        """Yield all frames in order."""
        return (frame for _, frame in self.read_frames())

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name}: {len(self)} frames, {self.width} x {self.height}, {self.fps:.4g} fps)"

    @abstractmethod
    def read_frame(self, index: int) -> Frame:
        """Return frame ``index`` (0..T-1), read-only. Raises InputError outside that range or when it cannot be decoded."""

    def read_frames(self, indices: Sequence[int] | None = None) -> Iterator[tuple[int, Frame]]:
        """Yield (index, frame) for the given indices in their order, for all frames by default."""
        for index in range(len(self)) if indices is None else indices:
            yield index, self.read_frame(index)

    @abstractmethod
    def read_audio(self, rate: int) -> Audio | None:
        """Return the audio of the frames' time span, mono float32 at ``rate`` Hz, or None when there is no audio track."""

    def read_audio_blocks(self, rate: int, seconds: float = 10.0) -> Iterator[Audio]:
        """Yield what ``read_audio`` returns in consecutive blocks of about ``seconds``; nothing without an audio track.

        Decoding block by block needs little memory for a long audio track.
        """
        from alref.records import Audio

        whole = self.read_audio(rate)
        if whole is None:
            return
        size = max(1, round(seconds * rate))
        for first in range(0, len(whole.samples), size):
            yield Audio(samples=whole.samples[first : first + size], rate=rate, start=whole.start + first / rate)

    def read_channels(self) -> Iterator[AudioBlock]:
        """Yield the audio of the frames' time span in consecutive blocks (N, C) of all channels, on the clock of ``times``.

        Yields nothing without an audio track. The last block may end later than the last frame.
        """
        from alref.media.audio_block import AudioBlock

        for block in self.read_audio_blocks(CHANNELS_RATE):
            yield AudioBlock(block.start, block.rate, block.samples[:, None])

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """A hexadecimal digest of the content and of the opened window: the key of cached results."""

    @property
    def source_numbers(self) -> npt.NDArray[np.int64]:
        """The number of each frame in its file, int64 (T,), from 0; they differ from the index in a part of a file."""
        return np.arange(len(self), dtype=np.int64)

    @property
    def source_length(self) -> int:
        """The number of frames of the whole file; a part of it has fewer."""
        return int(self.source_numbers[-1]) + 1

    def get_info(self) -> VideoInfo:
        """Return the record of this video in a result."""
        from alref.records import VideoInfo

        return VideoInfo(
            path=self.path,
            height=self.height,
            width=self.width,
            fps=self.fps,
            times=tuple(float(time) for time in self.times),
            fingerprint=self.fingerprint,
            warnings=self.warnings,
        )

    def remember(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """Return what ``make`` returns; for this video and key it is called once, as long as the value is remembered.

        Components share it: start the key with something of your own, such as your class. Up to 256 MB of arrays and tensors
        are remembered; the least recently used value is dropped first. Threads that ask for the same key wait for the first.
        """
        with _STORES_LOCK:
            store = _STORES.setdefault(self, VideoStore())
        value: Value = store.get_or_make(key, make)
        return value

    def _check_index(self, index: int) -> None:
        if not 0 <= index < len(self):
            raise InputError(f"{self.name}: expected a frame from 0 to {len(self) - 1}, got {index}")
