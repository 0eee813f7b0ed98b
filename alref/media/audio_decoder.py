"""Decode audio with PyAV to mono float32, placed in time by the timestamps of the packets."""

from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet

from alref.errors import InputError
from alref.media.audio_block import AudioBlock, Samples
from alref.media.streams import (
    MAX_CLOCK_STEP_BACK,
    get_audio_stream,
    get_clock_gap,
    open_container,
    read_packets,
    require_existing_path,
    select_stream,
)
from alref.media.video import SILENT_POWER
from alref.records import Audio

EXPECTED_AUDIO = "an audio or video file (wav, flac, mp3, ogg, m4a, mp4, mkv, webm)"
MAX_JITTER = 0.02
"""Maximum timing error of a packet in seconds; beyond it, gaps are filled with silence and overlaps are cut."""
ALL_TIME = (-math.inf, math.inf)
MAX_SAMPLE = 1000.0
"""Samples beyond this, 60 dB above full scale, are damaged data."""
MAX_CANCELLED_SHARE = 0.01
"""Channels cancel out if their mean has less than this share of the power of the loudest."""
PREROLL_SECONDS = 0.5
"""Seconds that are decoded before the requested part, so that the decoder has settled."""


@dataclass
class AudioTrackInfo:
    """Facts collected while an audio track is decoded: the second at which it begins, and the number of faults of each kind."""

    start_time: float = 0.0
    faults: Counter[str] = field(default_factory=Counter)


def read_audio(path: str | Path, rate: int, audio_track: int = 0) -> Audio:
    """Read an audio file, or audio track ``audio_track`` of a video, as mono float32 at ``rate`` Hz; it begins at second 0.

    Channels are averaged; where they cancel out, a loud one is taken. Data that cannot be decoded becomes silence and values
    that are not finite become 0, with a UserWarning. Raises InputError.
    """
    learnt = AudioTrackInfo()
    whole = next(
        group_blocks(decode_audio(require_existing_path(path, EXPECTED_AUDIO), rate, audio_track, ALL_TIME, learnt), math.inf),
        None,
    )
    if whole is None:
        raise InputError(f"{path}: has no audio; expected {EXPECTED_AUDIO}")
    for note in describe_faults(Path(path).name, learnt.faults):
        warnings.warn(note, stacklevel=2)
    return Audio(samples=whole.samples, rate=rate, start=whole.time - learnt.start_time)


def describe_faults(name: str, faults: Counter[str]) -> tuple[str, ...]:
    """List the faults of an audio track of file ``name``."""
    return tuple(f"{name}: {fault}: {many}" for fault, many in faults.items())


def decode_audio(
    path: Path,
    rate: int,
    audio_track: int,
    span: tuple[float, float],
    track_info: AudioTrackInfo,
    clock_shifts: Sequence[float] = (),
) -> Iterator[AudioBlock]:
    """Yield the part of an audio track in ``span`` seconds of the file's clock as it is decoded; nothing if there is no audio.

    ``clock_shifts`` are the seconds that are added to the clock after each time that it starts again. The blocks
    are short, at ``rate`` Hz, and consecutive even if the packets have gaps or overlaps. Raises InputError.
    """
    if rate < 1:
        raise InputError(f"rate: expected at least 1 sample a second, got {rate}")
    blocks = decode_channels(path, audio_track, span, track_info, clock_shifts, _mix_to_mono)
    first = next(blocks, None)
    if first is not None:
        yield from _resample_blocks(chain([first], blocks), first, rate, span[1])


def decode_channels(
    path: Path,
    audio_track: int,
    span: tuple[float, float],
    track_info: AudioTrackInfo,
    clock_shifts: Sequence[float] = (),
    mix: Callable[[npt.NDArray[np.float64]], Samples] = lambda channels: np.asarray(channels.T, np.float32),
) -> Iterator[AudioBlock]:
    """Yield what ``decode_audio`` does at the rate of the track: all channels (N, C), or what ``mix`` makes of channels (C, N).

    The last block may end after the span.
    """
    with open_container(path, EXPECTED_AUDIO) as file:
        stream = get_audio_stream(file, path, audio_track)
        if stream is None:
            return
        select_stream(file, stream)
        if not clock_shifts:
            _seek_stream(file, stream, span[0])
        decoded = _decode_blocks(file, stream, track_info.faults, mix)
        blocks = _align_blocks(_shift_clock(decoded, clock_shifts, get_clock_gap(file)) if clock_shifts else decoded, span)
        first = next(blocks, None)
        if first is None:
            return
        track_info.start_time = first.time if stream.start_time is None else float(stream.start_time * (stream.time_base or 0))
        yield first
        yield from blocks


def group_blocks(blocks: Iterable[AudioBlock], seconds: float) -> Iterator[AudioBlock]:
    """Join consecutive blocks into blocks of at least ``seconds``; the last may be shorter."""
    group: list[AudioBlock] = []
    for block in blocks:
        group.append(block)
        if block.time + len(block.samples) / block.rate - group[0].time >= seconds:
            yield _join_blocks(group)
            group = []
    if group:
        yield _join_blocks(group)


def _join_blocks(blocks: list[AudioBlock]) -> AudioBlock:
    return AudioBlock(blocks[0].time, blocks[0].rate, np.concatenate([block.samples for block in blocks]))


def _seek_stream(file: InputContainer, stream: AudioStream, second: float) -> None:
    """Seek to a second; a file that cannot seek is decoded from its beginning."""
    if math.isfinite(second) and second > PREROLL_SECONDS:
        with suppress(av.FFmpegError):
            file.seek(int((second - PREROLL_SECONDS) / float(stream.time_base or 1)), stream=stream)


def _decode_blocks(
    file: InputContainer,
    stream: AudioStream,
    faults: Counter[str],
    mix: Callable[[npt.NDArray[np.float64]], Samples],
) -> Iterator[AudioBlock]:
    """Decode a track frame by frame and count its faults."""
    rate, time = 0, 0.0
    for packet in chain(read_packets(file, stream), (None,)):
        for frame in _decode_packet(stream, packet, faults):
            rate = rate or frame.sample_rate
            if frame.sample_rate != rate:
                faults["packets of sound at another rate, left silent"] += 1
                continue
            time = frame.time if frame.time is not None else time
            channels = _read_channels(frame)
            broken = ~(np.abs(channels) <= MAX_SAMPLE)
            if broken.any():
                faults[f"samples of sound that are not finite or beyond {MAX_SAMPLE:g}, read as 0"] += int(
                    broken.any(axis=0).sum()
                )
                channels = np.where(broken, 0.0, channels)
            samples = mix(channels)
            yield AudioBlock(time, rate, samples)
            time += len(samples) / rate


def _shift_clock(blocks: Iterable[AudioBlock], clock_shifts: Sequence[float], max_gap: float) -> Iterator[AudioBlock]:
    """Add the next shift of the clock to the times of blocks each time that the clock of the audio starts again."""
    restarts, end = 0, math.nan
    for block in blocks:
        restarts += block.time < end - MAX_CLOCK_STEP_BACK or block.time > end + max_gap
        end = block.time + len(block.samples) / block.rate
        yield replace(block, time=block.time + (0.0, *clock_shifts)[min(restarts, len(clock_shifts))])


def _decode_packet(stream: AudioStream, packet: Packet[AudioStream] | None, faults: Counter[str]) -> list[av.AudioFrame]:
    try:
        return stream.codec_context.decode(packet)
    except av.error.EOFError:
        return []
    except av.FFmpegError:
        faults["packets of sound that cannot be decoded, left silent"] += 1
        return []


def _read_channels(frame: av.AudioFrame) -> npt.NDArray[np.float64]:
    """Return the samples of each channel (C, N), integers scaled to -1..1."""
    values = frame.to_ndarray()
    with np.errstate(invalid="ignore"):  # damaged samples may be signaling NaN
        channels = (values if frame.format.is_planar else values.reshape(-1, frame.layout.nb_channels).T).astype(np.float64)
    if values.dtype.kind == "f":
        return channels
    return channels / 2.0 ** (8 * values.dtype.itemsize - 1) - (values.dtype.kind == "u")


def _mix_to_mono(channels: npt.NDArray[np.float64]) -> Samples:
    """Average the channels (C, N); where they cancel out, return the first loud one."""
    mixed = channels.mean(axis=0)
    if len(channels) > 1:
        powers = np.square(channels).mean(axis=1)
        loudest = float(powers.max())
        if np.square(mixed).mean() < max(SILENT_POWER, MAX_CANCELLED_SHARE * loudest) and loudest >= SILENT_POWER:
            mixed = channels[np.argmax(powers >= loudest / 2)]
    return np.asarray(mixed, np.float32)


def _align_blocks(blocks: Iterable[AudioBlock], span: tuple[float, float]) -> Iterator[AudioBlock]:
    """Remove gaps and overlaps between blocks, and drop samples before and after the span."""
    cursor, end = span
    started = False
    for block in blocks:
        late = block.time - cursor
        if started and late > MAX_JITTER:
            missing = round((min(block.time, end) - cursor) * block.rate)
            for done in range(0, missing, block.rate):
                silence = np.zeros((min(block.rate, missing - done), *block.samples.shape[1:]), np.float32)
                yield AudioBlock(cursor + done / block.rate, block.rate, silence)
            cursor += missing / block.rate
        cut = round(max(0.0, -late) * block.rate) if not started or late < -MAX_JITTER else 0
        samples = block.samples[cut:]
        if not len(samples):
            continue
        cursor = cursor if started else block.time + cut / block.rate
        if cursor >= end:
            return
        started = True
        yield AudioBlock(cursor, block.rate, samples)
        cursor += len(samples) / block.rate


def _resample_blocks(blocks: Iterable[AudioBlock], first: AudioBlock, rate: int, end: float) -> Iterator[AudioBlock]:
    """Resample consecutive blocks, of which ``first`` is the first, to ``rate`` Hz, up to second ``end``."""
    resampler = AudioResampler(format="flt", layout="mono", rate=rate)
    limit = (end - first.time) * rate
    done = 0
    for block in chain(blocks, (None,)):
        for out in resampler.resample(_make_audio_frame(block)):
            samples = out.to_ndarray()[0]
            samples = samples[: round(max(0, min(limit - done, len(samples))))]
            if len(samples):
                yield AudioBlock(first.time + done / rate, rate, samples)
            done += len(samples)


def _make_audio_frame(block: AudioBlock | None) -> av.AudioFrame | None:
    if block is None:
        return None
    frame = av.AudioFrame.from_ndarray(block.samples[None], format="flt", layout="mono")
    frame.sample_rate = block.rate
    return frame
