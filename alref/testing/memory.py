"""How much memory this process holds."""

from __future__ import annotations

import ctypes
import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alref.media.video import Frame
from alref.testing.videos import MovingSquare

STATM = Path("/proc/self/statm")


def measure_resident_memory() -> int:
    """Return the bytes of memory that are held now, after garbage is collected and what is free is given back."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
    return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def freeze_garbage_collector() -> Iterator[None]:
    """Spare the garbage collector all objects that are there already, so that looking is quick."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


class MemoryProbeVideo(MovingSquare):
    """A moving square that looks at the memory a few times while it is worked on; ``peak`` is the most that was held."""

    SAMPLES = 8

    def __init__(self, frames: int, size: tuple[int, int]) -> None:
        super().__init__(frames, size)
        self.peak = measure_resident_memory()
        self._count = 0

    def read_frame(self, index: int) -> Frame:
        """Return frame ``index``, and look."""
        self.sample_memory()
        return super().read_frame(index)

    def sample_memory(self) -> None:
        """Look at the memory, when enough has happened since the last look."""
        self._count += 1
        if self._count % max(1, 2 * len(self) // self.SAMPLES) == 0:
            self.peak = max(self.peak, measure_resident_memory())
