"""Opening media files through PyAV, with one clear error for each way in which that fails."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.stream import Discard, Disposition
from av.video.stream import VideoStream

from alref.errors import InputError, barred

ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/+")
"""How an address begins; as a path it has lost a slash."""
LISTS = ("hls", "dash", "concat", "imf")
Track = TypeVar("Track", VideoStream, AudioStream)
KINDS = "a video (mp4, mov, mkv, webm, avi, gif), or a folder of pictures (jpg, png, webp, bmp, tif)"


def existing(path: str | Path, expected: str = KINDS) -> Path:
    """Return the path of something that exists. Raises InputError, which names a URL as such."""
    address = ADDRESS.match(str(path))
    if address:
        whole = f"{address[1]}://{address.string[address.end() :]}"
        raise InputError(f"{whole}: addresses are not read; download the file and give its path")
    try:
        if not (Path(path).is_file() or Path(path).is_dir()):
            raise InputError(f"{path}: no such file; expected {expected}")
    except PermissionError as error:
        raise barred(Path(path)) from error
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be looked up ({error}); expected {expected}") from error
    return Path(path)


def open_file(path: Path, expected: str = KINDS) -> InputContainer:
    """Open a media file; nothing but this file is read, whatever it refers to. Raises InputError."""
    try:
        with path.open("rb") as file:
            empty = not file.read(1)
        if empty:
            raise InputError(f"{path}: the file is empty; expected {expected}")
        return av.open(f"file:{path}", options={"protocol_whitelist": "file"}, metadata_errors="ignore")
    except PermissionError as error:
        raise barred(path) from error
    except (OSError, ValueError, av.FFmpegError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path}: cannot be read ({reason}); expected {expected}") from error


def pictures_of(file: InputContainer, path: Path) -> VideoStream:
    """Return the first stream of moving pictures; a cover is none. Raises InputError."""
    moving = [stream for stream in file.streams.video if not stream.disposition & Disposition.attached_pic]
    if file.format.name in LISTS:
        raise InputError(f"{path}: names other files and holds no pictures itself; give one of those files")
    if not moving or file.format.name == "tty":
        held = ", ".join(sorted({stream.type for stream in file.streams})) or "nothing"
        raise InputError(f"{path}: holds no pictures, only {held}; expected {KINDS}")
    alone(file, moving[0])
    return moving[0]


def sounds_of(file: InputContainer, path: Path, track: int) -> AudioStream | None:
    """Return sound track ``track``, None when there is no sound at all. Raises InputError that lists the tracks."""
    tracks = file.streams.audio
    if not tracks and track == 0:
        return None
    if not 0 <= track < len(tracks):
        listed = "; ".join(f"{number}: {_about(each)}" for number, each in enumerate(tracks)) or "none"
        raise InputError(f"{path}: no sound track {track}; sound tracks here: {listed}")
    return tracks[track]


def alone(file: InputContainer, wanted: VideoStream | AudioStream) -> None:
    """Have the demuxer leave all other streams out."""
    for stream in file.streams:
        stream.discard = Discard.default if stream.index == wanted.index else Discard.all


def packets(file: InputContainer, stream: Track) -> Iterator[Packet[Track]]:
    """Yield the packets of a stream as far as the file can be read."""
    with suppress(av.FFmpegError):
        yield from (packet for packet in file.demux(stream) if packet.size)


def _about(stream: AudioStream) -> str:
    language = f", {stream.language}" if stream.language else ""
    return f"{stream.codec_context.name}, {stream.layout.name}, {stream.rate} Hz{language}"
