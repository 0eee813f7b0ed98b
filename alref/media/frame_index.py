"""The number, the time and the time stamp of each image of a stream, and its keyframes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import av
import numpy as np
import numpy.typing as npt
from av.container import InputContainer
from av.video.stream import VideoStream

from alref.media.frame_times import UNKNOWN, find_clock_restarts, place_in_time
from alref.media.streams import get_clock_gap
from alref.media.window import Numbers, Times

Flags = npt.NDArray[np.bool_]
FALLBACK_FPS = 25.0
MAX_TICKS = 2**62
REORDERING_CODECS = ("h264", "hevc", "vc1", "vvc")
JOINT_PACKETS = 2
"""Number of packets before a restart of the clock that FFmpeg may take for damaged, since it reads ahead."""
NOT_SHOWN = {"vp8": (0x10, 0), "theora": (0x80, 0x80)}
"""Bits of the first byte of a packet without an image that is shown, by codec: VP8 hides images, Theora has headers."""


@dataclass(frozen=True)
class FrameIndex:
    """The images of a stream in the order in which they are shown, numbered from 0.

    ``pts`` int64 (T,) are time stamps in ticks of the file, UNKNOWN if it has no reliable ones; ``is_sorted`` is True if they
    are known and ascending. ``keyframes`` are the numbers of images to which the file can seek. ``times`` float64 (T,) are
    increasing seconds from 0; ``fps`` is the nominal rate. ``start_time`` is the second of the file's own clock at which the
    first image is shown; from image ``restarts[i]`` on, ``clock_shifts[i]`` seconds are added to that clock.

    ``damaged`` are the numbers of images from damaged data; ``joints`` those before a restart, which FFmpeg takes for damaged,
    though only the next packet belongs to another recording. ``missing`` is the number of images known to be missing at the
    end, and ``is_truncated`` is True if the file ends too early.
    """

    pts: Numbers
    is_sorted: bool
    keyframes: Numbers
    times: Times
    fps: float
    start_time: float
    restarts: Numbers
    clock_shifts: tuple[float, ...]
    damaged: Numbers
    joints: Numbers
    missing: int
    is_truncated: bool

    def find_number(self, pts: int, expected: int) -> int | None:
        """Return the number, at least ``expected``, of a decoded image with time stamp ``pts``; None if it is not shown.

        Time stamps that are not ascending are searched from ``expected`` on; images with an unknown one are counted.
        """
        if expected >= len(self.pts):
            return None
        if self.is_sorted:
            number = max(expected, int(np.searchsorted(self.pts, pts)))
            return number if number < len(self.pts) and self.pts[number] == pts else None
        later = np.flatnonzero(self.pts[expected:] == pts) if self.pts[expected] != pts else np.zeros(1, np.int64)
        return expected + int(later[0]) if len(later) else expected

    def find_keyframe(self, number: int) -> int:
        """Return the keyframe from which ``number`` is decoded, -1 for the beginning of the file."""
        place = int(np.searchsorted(self.keyframes, number, side="right")) - 1
        return int(self.keyframes[place]) if place >= 0 else -1

    def drop_first(self, count: int) -> FrameIndex:
        """Return the index without the first ``count`` images."""
        return replace(
            self,
            pts=self.pts[count:],
            times=self.times[count:] - self.times[count],
            start_time=self.start_time + float(self.times[count]),
            keyframes=_renumber(self.keyframes, count),
            restarts=_renumber(self.restarts, count),
            clock_shifts=self.clock_shifts[np.searchsorted(self.restarts, count) :],
            damaged=_renumber(self.damaged, count),
            joints=_renumber(self.joints, count),
        )


def get_stamp(each: av.Packet[VideoStream] | av.VideoFrame) -> int:
    """Return the time stamp of an image, or the one of its packet, or UNKNOWN."""
    return each.pts if each.pts is not None else each.dts if each.dts is not None else UNKNOWN


def _renumber(places: Numbers, first: int) -> Numbers:
    return places[places >= first] - first


@dataclass
class _Records:
    """What packets or decoded images tell, in the order of the file: time stamps, keyframes, damage."""

    pts: list[int] = field(default_factory=list)
    dts: list[int] = field(default_factory=list)
    keys: list[bool] = field(default_factory=list)
    corrupt: list[bool] = field(default_factory=list)
    missing: int = 0
    is_truncated: bool = False

    def add(self, each: av.Packet[VideoStream] | av.VideoFrame, pts: int | None, is_key: bool) -> None:
        """Add a packet or an image."""
        self.pts.append(UNKNOWN if pts is None else pts)
        self.dts.append(UNKNOWN if each.dts is None else each.dts)
        self.keys.append(is_key)
        self.corrupt.append(each.is_corrupt)


def read_frame_index(file: InputContainer, stream: VideoStream) -> FrameIndex | None:
    """Read the packets of a stream without decoding them; None if only decoding tells the order of its images."""
    records = _read_packets(file, stream)
    pts, dts = _make_stamps(records.pts), _make_stamps(records.dts)
    reordered = bool(stream.codec.name in REORDERING_CODECS or stream.codec_context.has_b_frames)
    if file.format.name == "avi" and reordered and not all(records.keys):
        pts = np.full_like(pts, UNKNOWN)  # AVI stores only the order of decoding, from which FFmpeg guesses
    known = pts != UNKNOWN
    if known.any() and not known.all():
        if reordered or (dts == UNKNOWN).any():
            return None
        pts = np.where(known, pts, dts)
    if not known.any():
        delay = min(stream.codec_context.reorder_depth, len(pts)) if (dts != UNKNOWN).all() else 0
        later = dts[-1:] + np.arange(1, delay + 1) * round(1 / (_get_fps(stream) * float(stream.time_base or 1)))
        clock = np.concatenate([dts[delay:], later])  # an image is shown when the packet that follows it by the delay arrives
        return _build_index(stream, records, pts, clock, np.arange(len(pts)), np.zeros(0, np.int64))
    restarts = _find_restarts(file, stream, dts)
    order = np.lexsort((pts, np.searchsorted(restarts, np.arange(len(pts)), side="right")))
    return _build_index(stream, records, pts[order], pts[order], order, restarts)


def build_decoded_index(file: InputContainer, stream: VideoStream, images: Iterable[av.VideoFrame]) -> FrameIndex:
    """Make the index from the images that the decoder gives, in its order."""
    records = _Records()
    for image in images:
        records.add(image, get_stamp(image), image.key_frame)
    pts = _make_stamps(records.pts)
    if (pts == UNKNOWN).any() or file.format.name == "avi":
        pts = np.full_like(pts, UNKNOWN)
    return _build_index(stream, records, pts, pts, np.arange(len(pts)), _find_restarts(file, stream, pts))


def _read_packets(file: InputContainer, stream: VideoStream) -> _Records:
    records, held = _Records(), 0
    mask, hidden = NOT_SHOWN.get(stream.codec.name, (0, 0))
    is_corrupt = False
    try:
        for packet in file.demux(stream):
            held += packet.size > 0
            if packet.size and not packet.is_discard and not (mask and memoryview(packet)[0] & mask == hidden):
                records.add(packet, packet.pts, packet.is_keyframe)
                is_corrupt = packet.is_corrupt
    except av.FFmpegError:
        records.is_truncated = True
    if "mov" in file.format.name:
        records.missing = max(0, len(stream.index_entries) - held)
    records.is_truncated = records.is_truncated or is_corrupt or records.missing > 0
    return records


def _make_stamps(stamps: list[int]) -> Numbers:
    """Return time stamps as int64; all UNKNOWN if they are too far apart to be true."""
    made = np.array(stamps, np.int64)
    known = made[made != UNKNOWN].astype(np.float64)
    return np.full_like(made, UNKNOWN) if len(known) and np.ptp(known) > MAX_TICKS else made


def _get_fps(stream: VideoStream) -> float:
    return float(stream.average_rate or stream.guessed_rate or FALLBACK_FPS)


def _find_restarts(file: InputContainer, stream: VideoStream, stamps: Numbers) -> Numbers:
    return find_clock_restarts(stamps, float(stream.time_base or 0), get_clock_gap(file))


def _build_index(
    stream: VideoStream, records: _Records, pts: Numbers, clock: Numbers, order: Numbers, restarts: Numbers
) -> FrameIndex:
    """Make the index of images in the order in which they are shown; ``order`` are their places in ``records``."""
    fps = _get_fps(stream)
    tick = float(stream.time_base or 0)
    is_sorted = bool(len(pts) and pts[0] != UNKNOWN and not len(restarts) and (np.diff(pts) >= 0).all())
    if (clock == UNKNOWN).any():
        clock, tick = np.arange(len(clock)), 1 / fps
    times, shifts = place_in_time(clock, restarts, tick, 1 / fps)
    keys = np.array(records.keys, np.bool_)[order]
    differs = np.diff(pts, prepend=pts[:1] - 1, append=pts[-1:] + 1) > 0
    joints = np.flatnonzero(np.isin(order, restarts[:, None] - np.arange(1, JOINT_PACKETS + 1)))
    return FrameIndex(
        pts=pts,
        is_sorted=is_sorted,
        keyframes=np.flatnonzero(keys & differs[:-1] & differs[1:]) if is_sorted else np.zeros(0, np.int64),
        times=times,
        fps=fps,
        start_time=float(clock[0] * tick) if len(clock) else 0.0,
        restarts=restarts,
        clock_shifts=shifts,
        damaged=np.setdiff1d(np.flatnonzero(np.array(records.corrupt, np.bool_)[order]), joints),
        joints=joints,
        missing=records.missing,
        is_truncated=records.is_truncated,
    )
