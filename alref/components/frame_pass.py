"""One pass over the frames of a run for several exporters at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from threading import Condition
from typing import Generic, TypeVar

Frame = TypeVar("Frame")

WINDOW = 2
"""Frames that are held at most: the fastest exporter waits until the slowest has taken the frame before the last one."""


class FramePass(Generic[Frame]):
    """Makes each of ``length`` frames once, for ``readers`` threads that each read all of them in order.

    ``on_progress(done, length)`` is called when every reader is done with a frame.
    """

    def __init__(
        self,
        make_frame: Callable[[int], Frame],
        length: int,
        readers: int,
        on_progress: Callable[[int, int], object] | None = None,
    ) -> None:
        self._make_frame, self._length, self._on_progress = make_frame, length, on_progress
        self._changed = Condition()
        self._done = [0] * readers
        self._frames: dict[int, Frame] = {}
        self._stopped = False

    def read_frames(self, reader: int) -> Iterator[Frame]:
        """Yield all frames in order to one reader; one that stops before the end calls ``leave``.

        Raises CancelledError after ``stop``.
        """
        for index in range(self._length):
            yield self._take_frame(reader, index)
        self.leave(reader)

    def leave(self, reader: int) -> None:
        """Say that a reader needs no more frames, so that none waits for it."""
        self._mark_done(reader, self._length)

    def stop(self) -> None:
        """End the pass: whoever asks for a frame gets CancelledError."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def _take_frame(self, reader: int, index: int) -> Frame:
        self._mark_done(reader, index)
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or index < min(self._done) + WINDOW)
            if self._stopped:
                raise CancelledError
            if index not in self._frames:
                self._frames[index] = self._make_frame(index)
            return self._frames[index]

    def _mark_done(self, reader: int, count: int) -> None:
        with self._changed:
            before = min(self._done)
            self._done[reader] = max(self._done[reader], count)
            for index in range(before, min(self._done)):
                self._frames.pop(index, None)
                if self._on_progress and not self._stopped:
                    self._on_progress(index + 1, self._length)
            self._changed.notify_all()
