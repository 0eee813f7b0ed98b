"""The time of each image of a stream, and its keyframes."""

from __future__ import annotations

from dataclasses import dataclass

import av
import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream

from alref.media.window import Numbers, Times

FALLBACK_FPS = 25.0


@dataclass(frozen=True)
class FrameIndex:
    """The images of a stream in presentation order, numbered from 0.

    ``pts`` int64 (T,) are presentation times in ticks of the file, None if it has no reliable ones, so that images have to be
    counted from the first; ``keyframes`` are image numbers; ``times`` float64 (T,) are seconds from 0; ``fps`` is the nominal
    rate; ``start_time`` is the second of the file's own clock at which the first image is shown; ``is_truncated`` is
    True if the file ends too early.
    """

    pts: Numbers | None
    keyframes: Numbers
    times: Times
    fps: float
    start_time: float
    is_truncated: bool

    def find_number(self, pts: int | None) -> int | None:
        """Return the number of the image that is shown at ``pts``, None if there is none."""
        if self.pts is None or pts is None:
            return None
        number = int(np.searchsorted(self.pts, pts))
        return number if number < len(self.pts) and self.pts[number] == pts else None

    def find_keyframe(self, number: int) -> int:
        """Return the keyframe from which ``number`` is decoded, -1 for the beginning of the file."""
        place = int(np.searchsorted(self.keyframes, number, side="right")) - 1
        return int(self.keyframes[place]) if place >= 0 else -1


def read_frame_index(file: InputContainer, stream: VideoStream) -> FrameIndex:
    """Read the packets of a stream without decoding them."""
    shown: list[int | None] = []
    keys: list[bool] = []
    held, cut = 0, False
    try:
        for packet in file.demux(stream):
            held += packet.size > 0
            if packet.size and not packet.is_discard:
                shown.append(packet.pts)
                keys.append(packet.is_keyframe)
                cut = cut or packet.is_corrupt
    except av.FFmpegError:
        cut = True
    cut = cut or ("mov" in file.format.name and held < len(stream.index_entries))
    fps = float(stream.average_rate or stream.guessed_rate or FALLBACK_FPS)
    if None in shown or (file.format.name == "avi" and not all(keys)):
        times = np.arange(len(shown), dtype=np.float64) / fps
        return FrameIndex(None, np.zeros(0, np.int64), times, fps, 0.0, cut)
    ticks = np.array(shown, np.int64)
    pts = np.unique(ticks)
    tick, zero = float(stream.time_base or 0), int(pts[0]) if len(pts) else 0
    times = (pts - zero).astype(np.float64) * tick
    return FrameIndex(pts, np.searchsorted(pts, np.unique(ticks[np.array(keys, np.bool_)])), times, fps, zero * tick, cut)
