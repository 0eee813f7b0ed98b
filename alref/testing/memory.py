"""Measure the memory of this process."""

from __future__ import annotations

import ctypes
import gc
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from alref.media.video import Frame, Video
from alref.testing.variants import VideoVariant
from alref.utils.masks import Mask

STATM = Path("/proc/self/statm")


def read_resident_memory() -> int | None:
    """Return the resident memory of this process in bytes, from ``/proc`` on Linux, else from ``ps``; None without either."""
    if STATM.exists():
        return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    command = ["ps", "-o", "rss=", "-p", str(os.getpid())]
    try:
        return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout) * 1024
    except (OSError, ValueError, subprocess.CalledProcessError):
        return None


def measure_resident_memory() -> int:
    """Return the resident memory in bytes, after a garbage collection and a ``malloc_trim``; 0 if it is not known."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
    return read_resident_memory() or 0


@contextmanager
def freeze_garbage_collector() -> Iterator[None]:
    """Exclude all existing objects from garbage collection, which makes it fast."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


class MemoryProbeVideo(VideoVariant):
    """A variant of a video that samples the memory of the process while frames are read; ``peak`` is the maximum in bytes."""

    SAMPLES = 8

    def __init__(self, video: Video, truth: Sequence[Mask] | Mask, frames: int, size: tuple[int, int]) -> None:
        super().__init__(video, truth, frames, size)
        self.peak = measure_resident_memory()
        self._count = 0

    def read_frame(self, index: int) -> Frame:
        """Return frame ``index``, and sample the memory."""
        self.sample_memory()
        return super().read_frame(index)

    def sample_memory(self) -> None:
        """Sample the memory if enough calls passed since the last sample."""
        self._count += 1
        if self._count % max(1, 2 * len(self) // self.SAMPLES) == 0:
            self.peak = max(self.peak, measure_resident_memory())
