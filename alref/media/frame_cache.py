"""Decoded frames kept within a bound of bytes, the ones used last."""

from __future__ import annotations

from collections import OrderedDict

from alref.media.video import Frame


class FrameCache:
    """Frames by number, at most ``limit`` bytes of them; the frame whose use lies longest ago goes first."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.num_bytes = 0
        self._frames: OrderedDict[int, Frame] = OrderedDict()

    def get(self, number: int) -> Frame | None:
        """Return a frame that is kept, else None."""
        frame = self._frames.get(number)
        if frame is not None:
            self._frames.move_to_end(number)
        return frame

    def put(self, number: int, frame: Frame) -> None:
        """Keep a frame that is not kept yet; one larger than the limit is let go at once."""
        self._frames[number] = frame
        self.num_bytes += frame.nbytes
        while self.num_bytes > self.max_bytes:
            _, oldest = self._frames.popitem(last=False)
            self.num_bytes -= oldest.nbytes
