"""Select the frames of a source by start, end and step, or by their numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from alref.errors import InputError

Numbers = npt.NDArray[np.int64]
Times = npt.NDArray[np.float64]


@dataclass(frozen=True)
class FrameWindow:
    """Seconds [start, end) on the clock of the source, None if open; then every ``every``-th frame, from the first in it."""

    start: float | None = None
    end: float | None = None
    every: int = 1

    def __post_init__(self) -> None:
        if self.every < 1:
            raise InputError(f"every: expected 1 or more, got {self.every}")
        if self.start is not None and self.start < 0:
            raise InputError(f"start: expected a second from 0 on, got {self.start:g}")
        if self.end is not None and self.end <= (self.start or 0):
            raise InputError(f"end: expected a second after the start {self.start or 0:g}, got {self.end:g}")

    def select_frames(self, times: Times, name: str) -> Numbers:
        """Return the numbers of the frames to read, ascending, at least one. Raises InputError when the window is empty."""
        first = 0 if self.start is None else int(np.searchsorted(times, self.start - 1e-9))
        last = len(times) if self.end is None else int(np.searchsorted(times, self.end - 1e-9))
        if first >= last:
            window = f"start {self.start or 0:g}" + ("" if self.end is None else f", end {self.end:g}")
            raise InputError(f"{name}: no frame in the window ({window}); its frames lie from 0 to {times[-1]:.3f} seconds")
        return np.arange(first, last, self.every)


@dataclass(frozen=True)
class ChosenFrames:
    """The frames with the given numbers, ascending, counted from 0."""

    numbers: tuple[int, ...]
    every: ClassVar[int] = 1

    def select_frames(self, times: Times, name: str) -> Numbers:
        """Return the numbers. Raises InputError if there are none, or the source does not have one of them."""
        numbers = np.array(self.numbers, np.int64)
        if not len(numbers) or (np.diff(numbers) < 1).any():
            raise InputError(f"{name}: expected ascending numbers of frames, got {list(self.numbers)}")
        if numbers[0] < 0 or numbers[-1] >= len(times):
            raise InputError(f"{name}: expected frames from 0 to {len(times) - 1}, got {numbers[0]} to {numbers[-1]}")
        return numbers
