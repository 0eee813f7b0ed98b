"""Open media files with PyAV, with one clear error for each cause of failure."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.stream import Discard, Disposition
from av.video.stream import VideoStream

from alref.errors import InputError, make_permission_error

URL_PATTERN = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/+")
"""The start of a URL; converted to a path, it has lost a slash."""
PLAYLIST_FORMATS = ("hls", "dash", "concat", "imf")
BROADCAST_FORMATS = ("mpegts", "mpeg")
MAX_BROADCAST_GAP = 10.0
MAX_CLOCK_STEP_BACK = 0.1
"""Seconds by which a clock may go back without starting again; the limits are those of FFmpeg."""
RIFF_MARK, RIFF_UNKNOWN_SIZE = b"RIFF", 2**32 - 1
EBML_MARK, SEGMENT_MARK = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"
NOT_A_TRACK = Disposition.attached_pic | Disposition.dependent
DEFAULT_TRACK_PIXELS = 5_000_000
StreamType = TypeVar("StreamType", VideoStream, AudioStream)
EXPECTED_INPUT = "a video (mp4, mov, mkv, webm, avi, gif), or a folder of images (jpg, png, webp, bmp, tif)"


def require_existing_path(path: str | Path, expected: str = EXPECTED_INPUT) -> Path:
    """Return the path if it exists. Raises InputError, with a special message for URLs."""
    address = URL_PATTERN.match(str(path))
    if address:
        whole = f"{address[1]}://{address.string[address.end() :]}"
        raise InputError(f"{whole}: URLs are not supported; download the file and pass its path")
    try:
        if Path(path).is_fifo():
            raise InputError(f"{path}: is a pipe, which cannot be read twice: save it to a file first")
        if Path(path).exists() and not (Path(path).is_file() or Path(path).is_dir()):
            raise InputError(f"{path}: is a device or a socket; expected {expected}")
        if not Path(path).exists():
            raise InputError(f"{path}: no such file; expected {expected}")
    except PermissionError as error:
        raise make_permission_error(Path(path)) from error
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be looked up ({error}); expected {expected}") from error
    return Path(path)


def open_container(path: Path, expected: str = EXPECTED_INPUT) -> InputContainer:
    """Open a media file; no other file or URL that it refers to is read. Raises InputError."""
    try:
        with path.open("rb") as file:
            empty = not file.read(1)
        if empty:
            raise InputError(f"{path}: the file is empty; expected {expected}")
        return av.open(f"file:{path}", options={"protocol_whitelist": "file"}, metadata_errors="ignore")
    except PermissionError as error:
        raise make_permission_error(path) from error
    except (OSError, ValueError, av.FFmpegError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path}: cannot be read ({reason}); expected {expected}") from error


def is_cut_short(path: Path) -> bool:
    """Return whether a Matroska, WebM or AVI file is shorter than its header says."""
    with path.open("rb") as file:
        head = file.read(4096)
        size = file.seek(0, os.SEEK_END)
    if head[:4] == RIFF_MARK:
        return 0 < int.from_bytes(head[4:8], "little") < RIFF_UNKNOWN_SIZE and int.from_bytes(head[4:8], "little") + 8 > size
    start = head.find(SEGMENT_MARK) + len(SEGMENT_MARK)
    if head[:4] != EBML_MARK or start < len(SEGMENT_MARK) or start == len(head):
        return False
    length = 9 - head[start].bit_length()
    stored = int.from_bytes(head[start : start + length], "big") & (1 << 7 * length) - 1
    return stored != (1 << 7 * length) - 1 and start + length + stored > size


def list_video_tracks(file: InputContainer, path: Path) -> list[VideoStream]:
    """List the video streams that have a decoder, without cover images and the parts of tiled images. Raises InputError."""
    moving = [stream for stream in file.streams.video if not stream.disposition & NOT_A_TRACK]
    tracks = [stream for stream in moving if stream.codec_context]
    if moving and not tracks:
        raise InputError(f"{path}: its images are in a format that FFmpeg cannot decode; convert it to H.264 in MP4")
    if file.format.name in PLAYLIST_FORMATS:
        raise InputError(f"{path}: names other files and holds no images itself; give one of those files")
    if not tracks and any(stream.disposition & Disposition.dependent for stream in file.streams.video):
        raise InputError(f"{path}: is a tiled image, as phones store HEIC; save it as JPEG or PNG")
    if not tracks and "mov" in file.format.name and not file.streams.audio:
        raise InputError(f"{path}: has no table of contents, which is at the end: the file is cut short; copy it again")
    if not tracks or file.format.name == "tty":
        held = ", ".join(sorted({stream.type for stream in file.streams})) or "nothing"
        raise InputError(f"{path}: holds no images, only {held}; expected {EXPECTED_INPUT}")
    return tracks


def rank_video_tracks(tracks: Sequence[VideoStream], path: Path, video_track: int | None) -> list[int]:
    """Return the numbers of the tracks to try: ``video_track``, or else all, in the order of FFmpeg's stream selection.

    FFmpeg takes the largest images; a default track counts as five million pixels more. Of equal tracks, moving images come
    before a still one. Raises InputError that lists the tracks if there is no track ``video_track``.
    """

    def rate_track(number: int) -> tuple[int, bool, int]:
        track = tracks[number]
        pixels = track.width * track.height + DEFAULT_TRACK_PIXELS * bool(track.disposition & Disposition.default)
        return pixels, track.frames != 1, -number

    if video_track is None:
        return sorted(range(len(tracks)), key=rate_track, reverse=True)
    if not 0 <= video_track < len(tracks):
        raise InputError(f"{path}: no video track {video_track}; video tracks here: {'; '.join(describe_video_tracks(tracks))}")
    return [video_track]


def describe_video_tracks(tracks: Sequence[VideoStream]) -> list[str]:
    """Describe tracks by number, codec and size: ``["0: mjpeg 320x240", "1: h264 1920x1080"]``."""
    return [f"{number}: {track.codec.name} {track.width}x{track.height}" for number, track in enumerate(tracks)]


def get_audio_stream(file: InputContainer, path: Path, audio_track: int) -> AudioStream | None:
    """Return audio track ``audio_track``, None when there is no audio at all. Raises InputError that lists the tracks.

    Tracks without a decoder, as phones add for spatial audio, are not counted.
    """
    tracks = [stream for stream in file.streams.audio if stream.codec_context]
    if not tracks and audio_track == 0:
        return None
    if not 0 <= audio_track < len(tracks):
        listed = "; ".join(f"{number}: {_describe_audio_stream(track)}" for number, track in enumerate(tracks)) or "none"
        raise InputError(f"{path}: no audio track {audio_track}; audio tracks here: {listed}")
    return tracks[audio_track]


def select_stream(file: InputContainer, wanted: VideoStream | AudioStream) -> None:
    """Make the demuxer skip all other streams."""
    for stream in file.streams:
        stream.discard = Discard.default if stream.index == wanted.index else Discard.all


def get_clock_gap(file: InputContainer) -> float:
    """Return the seconds by which the clock of a file may jump forward without starting again: few in broadcast formats."""
    return MAX_BROADCAST_GAP if file.format.name in BROADCAST_FORMATS else math.inf


def read_packets(file: InputContainer, stream: StreamType) -> Iterator[Packet[StreamType]]:
    """Yield the packets of a stream, up to the point where the file cannot be read."""
    with suppress(av.FFmpegError):
        yield from (packet for packet in file.demux(stream) if packet.size)


def _describe_audio_stream(stream: AudioStream) -> str:
    language = f", {stream.language}" if stream.language else ""
    return f"{stream.codec_context.name}, {stream.layout.name}, {stream.rate} Hz{language}"
