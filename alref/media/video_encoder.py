"""Encode frames, with or without alpha, and audio to a video file, one frame at a time."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.codec.context import Flags as CodecFlags
from av.container import OutputContainer
from av.container.core import Flags as ContainerFlags
from av.video.reformatter import Colorspace, VideoReformatter
from av.video.stream import VideoStream

from alref.media.audio_block import AudioBlock
from alref.media.draw import resize_frame
from alref.media.frame_rate import find_frame_rate
from alref.media.frame_source import limit_size
from alref.media.video import Frame
from alref.utils import atomic

TICKS_PER_SECOND = 90_000
MAX_DURATION_TICKS = 2**31 - 1
"""MP4 stores the duration of a frame in 32 bits; a longer one, of more than six hours, is shortened."""
_BITEXACT: Any = ContainerFlags.bitexact
"""Without it, files have random numbers in them."""
AUDIO_RATE = 48_000
"""Rate of compressed audio in Hz, which each codec supports."""
LAYOUTS = {1: "mono", 2: "stereo", 3: "2.1", 4: "quad", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}


@dataclass(frozen=True)
class VideoFormat:
    """A container with a codec: its pixel format and options, and the codec of the audio.

    ``alpha``: frames have a fourth channel. ``padded``: odd sizes get a row or a column more, of the same color. ``max_side``
    is the largest size that the codec can hold.
    """

    container: str
    codec: str
    pix_fmt: str
    options: Mapping[str, str]
    audio_codec: str
    alpha: bool = False
    padded: bool = False
    max_side: int = 16_384
    container_options: Mapping[str, str] = field(default_factory=dict)


H264 = VideoFormat(
    "mp4",
    "libx264",
    "yuv420p",
    # without B-frames, because with them MP4 gets the length of clips with a variable frame rate wrong
    {"preset": "veryfast", "crf": "20", "bf": "0"},
    "aac",
    padded=True,
    container_options={"movflags": "+faststart"},
)
"""H.264 in MP4, which browsers can play."""


@contextmanager
def open_video_encoder(
    path: Path, times: Sequence[float], format: VideoFormat = H264, audio: Iterable[AudioBlock] = ()
) -> Iterator[VideoEncoder]:
    """Yield an encoder of frames at their ``times`` (seconds, increasing), and of ``audio`` on the same clock.

    Frames are encoded one by one, so memory stays bounded. The file appears when the block ends; write one frame for each time.
    Raises OutputError.
    """
    atomic.make_folder(path.parent)
    options = dict(format.container_options)
    with atomic.atomic_path(path) as part, av.open(f"file:{part}", "w", format.container, options=options) as file:
        file.flags |= _BITEXACT.value
        encoder = VideoEncoder(file, times, format, audio)
        yield encoder
        encoder.finish()


class VideoEncoder:
    """Encodes frames into an open file.

    The clip begins at 0 for any first value of ``times``, and the last frame has the typical duration. Evenly spaced times are
    stored as an exact frame rate, others in ticks.
    """

    def __init__(
        self, file: OutputContainer, times: Sequence[float], format: VideoFormat = H264, audio: Iterable[AudioBlock] = ()
    ) -> None:
        self._file, self._format, self._audio = file, format, iter(audio)
        self._stream: VideoStream | None = None
        self._copier: _AudioCopier | None = None
        self._start = float(times[0])
        rate = find_frame_rate(times)
        if rate is not None:
            self._ticks, self._durations = np.arange(len(times)), [1] * len(times)
            self._tick = 1 / rate
        else:
            rounded = np.round((np.asarray(times, np.float64) - times[0]) * TICKS_PER_SECOND)
            durations = np.clip(np.diff(rounded), 1, MAX_DURATION_TICKS).astype(np.int64)
            self._ticks = np.concatenate([[0], np.cumsum(durations)])
            typical = int(np.median(durations)) if len(durations) else TICKS_PER_SECOND // 25
            self._durations = [*durations, typical]
            self._tick, rate = Fraction(1, TICKS_PER_SECOND), Fraction(TICKS_PER_SECOND, typical)
        self._rate = rate
        self._written = 0
        self._scaler = VideoReformatter()

    def write_frame(self, frame: Frame) -> None:
        """Encode the next frame, uint8 (H, W, 3) RGB, or (H, W, 4) with straight alpha if the format has it.

        Raises ValueError when there is no time for it.
        """
        if self._written == len(self._ticks):
            raise ValueError(f"expected {len(self._ticks)} frames, got more")
        frame = self._fit_frame(frame)
        stream = self._stream = self._stream or self._add_streams(*frame.shape[:2])
        picture = av.VideoFrame.from_ndarray(frame, format="rgba" if self._format.alpha else "rgb24")
        colorspace = Colorspace.ITU709 if self._is_yuv else None
        # several threads write into each other's rows where a row is not a multiple of 8 pixels
        picture = self._scaler.reformat(picture, format=self._format.pix_fmt, dst_colorspace=colorspace, threads=1)
        picture.pts, picture.time_base = int(self._ticks[self._written]), self._tick
        picture.duration = int(self._durations[self._written])
        self._file.mux(stream.encode(picture))
        self._written += 1
        if self._copier:
            self._copier.write_until(self._get_end())

    def finish(self) -> None:
        """Encode the remaining frames. Raises ValueError when frames are missing."""
        if self._written != len(self._ticks):
            raise ValueError(f"expected {len(self._ticks)} frames, got {self._written}")
        if self._stream:
            self._file.mux(self._stream.encode())
        if self._copier:
            self._copier.finish()

    @property
    def _is_yuv(self) -> bool:
        return self._format.pix_fmt.startswith("yuv")

    def _get_end(self) -> float:
        """Return the second at which the last written frame ends, on the clock of the times."""
        last = self._written - 1
        return self._start + float((int(self._ticks[last]) + int(self._durations[last])) * self._tick)

    def _fit_frame(self, frame: Frame) -> Frame:
        if max(frame.shape[:2]) > self._format.max_side:
            frame = resize_frame(frame, *limit_size(frame.shape[0], frame.shape[1], self._format.max_side))
        height, width = frame.shape[:2]
        if self._format.padded and (height % 2 or width % 2):
            frame = np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        return np.ascontiguousarray(frame)

    def _add_streams(self, height: int, width: int) -> VideoStream:
        stream: Any = self._file.add_stream(self._format.codec, rate=self._rate, options=dict(self._format.options))
        stream.width, stream.height, stream.pix_fmt = width, height, self._format.pix_fmt
        context = stream.codec_context
        context.time_base = self._tick
        context.flags |= CodecFlags.bitexact.value
        context.thread_count = 0
        if self._is_yuv:
            context.colorspace = context.color_primaries = context.color_trc = int(Colorspace.ITU709)
        first = next(self._audio, None)
        if first is not None:
            self._copier = _AudioCopier(self._file, self._format.audio_codec, self._start, first, self._audio)
        added: VideoStream = stream
        return added


class _AudioCopier:
    """Encodes audio beside the frames, up to the time that is reached, so that a player finds both together."""

    def __init__(
        self, file: OutputContainer, codec: str, start: float, first: AudioBlock, blocks: Iterator[AudioBlock]
    ) -> None:
        channels = first.samples.shape[1]
        most = 2 if codec == "libopus" else max(LAYOUTS)
        self._layout = LAYOUTS.get(channels, "mono")
        rate = first.rate if codec.startswith(("pcm", "flac")) else AUDIO_RATE
        self._stream: Any = file.add_stream(codec, rate=rate, layout=self._layout if channels <= most else "stereo")
        self._stream.codec_context.flags |= CodecFlags.bitexact.value
        self._file, self._start = file, start
        self._next: AudioBlock | None = first
        self._blocks = blocks

    def write_until(self, second: float) -> None:
        """Encode the audio before a second on the clock of the frames."""
        while self._next is not None and self._next.time < second:
            block = self._next
            count = min(len(block.samples), math.ceil((second - block.time) * block.rate))
            rest = block.samples[count:]
            self._write_samples(block, count)
            ahead = AudioBlock(block.time + count / block.rate, block.rate, rest)
            self._next = ahead if len(rest) else next(self._blocks, None)

    def finish(self) -> None:
        self._file.mux(self._stream.encode(None))

    def _write_samples(self, block: AudioBlock, count: int) -> None:
        samples = block.samples[:count]
        channels = samples.mean(axis=1, keepdims=True) if samples.shape[1] not in LAYOUTS else samples
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(channels.T, np.float32), format="fltp", layout=self._layout)
        frame.sample_rate, frame.time_base = block.rate, Fraction(1, block.rate)
        frame.pts = round((block.time - self._start) * block.rate)
        self._file.mux(self._stream.encode(frame))
