"""When each picture of a stream is shown, and which of them can be decoded without those before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream

from alref.media.files import packets
from alref.media.window import Numbers, Times

DEFAULT_RATE = 25.0


@dataclass(frozen=True)
class Index:
    """The pictures of a stream in the order in which they are shown, numbered from 0.

    ``pts`` int64 (T,) are their presentation times in ticks of the file, None where it keeps none that can be relied on, so
    that pictures have to be counted from the first; ``keys`` are the numbers of keyframes; ``times`` float64 (T,) are seconds
    from 0; ``fps`` the nominal rate; ``zero`` the second of the file's own clock at which the first picture is shown;
    ``missing`` how many pictures the header promises and the file does not hold; ``cut`` how many packets end too early.
    """

    pts: Numbers | None
    keys: Numbers
    times: Times
    fps: float
    zero: float
    missing: int
    cut: int

    def number(self, pts: int | None) -> int | None:
        """Return the number of the picture that is shown at ``pts``, None when there is none."""
        if self.pts is None or pts is None:
            return None
        number = int(np.searchsorted(self.pts, pts))
        return number if number < len(self.pts) and self.pts[number] == pts else None

    def key(self, number: int) -> int:
        """Return the keyframe from which ``number`` is decoded, -1 for the beginning of the file."""
        place = int(np.searchsorted(self.keys, number, side="right")) - 1
        return int(self.keys[place]) if place >= 0 else -1


def read_index(file: InputContainer, stream: VideoStream) -> Index:
    """Read the packets of a stream, without decoding them."""
    held, shown, keys, cut, timed = 0, [], [], 0, True
    for packet in packets(file, stream):
        held += 1
        cut += packet.is_corrupt
        if packet.is_discard:
            continue
        timed = timed and packet.pts is not None
        shown.append(packet.pts if packet.pts is not None else held)
        keys.append(packet.is_keyframe)
    fps = float(stream.average_rate or stream.guessed_rate or DEFAULT_RATE)
    missing = max(0, stream.frames - held)
    if timed and (all(keys) or file.format.name != "avi"):
        return _timed(np.array(shown, np.int64), np.array(keys, np.bool_), stream, fps, missing, cut)
    return Index(None, np.zeros(0, np.int64), np.arange(len(shown), dtype=np.float64) / fps, fps, 0.0, missing, cut)


def _timed(shown: Numbers, keys: Numbers, stream: VideoStream, fps: float, missing: int, cut: int) -> Index:
    pts = np.unique(shown)
    tick = float(stream.time_base or 0)
    zero = int(pts[0]) if len(pts) else 0
    times = (pts - zero).astype(np.float64) * tick
    return Index(pts, np.searchsorted(pts, np.unique(shown[keys])), times, fps, zero * tick, missing, cut)
