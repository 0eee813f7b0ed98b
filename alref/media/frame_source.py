"""Base of the sources of ``VideoReader``: all images of a file or a folder, numbered from 0, before any window."""

from __future__ import annotations

import hashlib
import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from alref.errors import InputError
from alref.media.video import Frame
from alref.media.window import Times

if TYPE_CHECKING:
    from alref.media.audio_block import AudioBlock
    from alref.media.audio_decoder import AudioTrackInfo


class FrameSource(ABC):
    """Images uint8 (``height``, ``width``, 3) RGB with ``times`` float64 (T,) in seconds from 0."""

    height: int
    width: int
    times: Times
    fps: float
    video_track = 0

    @abstractmethod
    def read_frame(self, number: int) -> Frame:
        """Return image ``number``. Raises InputError when it cannot be decoded."""

    def find_decode_start(self, number: int) -> int:
        """Return the first image that is decoded to reach ``number``: reading from there costs no more."""
        return number

    def read_audio_blocks(self, rate: int, start: float, end: float, track_info: AudioTrackInfo) -> Iterator[AudioBlock]:
        """Yield the audio of the seconds [start, end) as it is decoded, in short consecutive blocks, mono at ``rate`` Hz."""
        return iter(())

    def read_channels(self, start: float, end: float, track_info: AudioTrackInfo) -> Iterator[AudioBlock]:
        """Yield the audio of the seconds [start, end) in consecutive blocks (N, C) of all channels at the rate of the track."""
        return iter(())

    @property
    def warnings(self) -> tuple[str, ...]:
        """The faults of the images found so far."""
        return ()

    @abstractmethod
    def list_files(self) -> Iterable[Path]:
        """Return the files whose names and bytes define the content, in order."""

    def compute_digest(self) -> str:
        """Return a hexadecimal digest of the bytes of all files and, if there are several, of their names."""
        files = list(self.list_files())
        total = hashlib.blake2b(digest_size=16)
        for path in files:
            with path.open("rb") as file:
                total.update(os.fsencode(path.name) if len(files) > 1 else b"")
                total.update(hashlib.file_digest(file, "blake2b").digest())
        return total.hexdigest()


def limit_size(height: int, width: int, max_size: int | None) -> tuple[int, int]:
    """Return (height, width) scaled down so that the longer side has at most ``max_size`` pixels; never scaled up."""
    if max_size is not None and max_size < 1:
        raise InputError(f"max_size: expected at least 1 pixel, got {max_size}")
    scale = min(1.0, (max_size or max(height, width)) / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))
