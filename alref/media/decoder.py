"""Decoding the pictures of a file in order, or from the keyframe that is nearest before a wanted one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, count, dropwhile
from pathlib import Path

import av
from av.packet import Packet
from av.video.stream import VideoStream

from alref.errors import InputError
from alref.media.files import KINDS, open_file, packets, pictures_of
from alref.media.index import read_index

SKIP = 8
"""Seeking pays when it spares the decoder more pictures than this."""


@dataclass(frozen=True)
class Picture:
    """A decoded picture and its number."""

    number: int
    image: av.VideoFrame


class Decoder:
    """The numbered pictures of the first stream of moving pictures; ``index`` says when each is shown."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = open_file(path)
        self._stream = pictures_of(self._file, path)
        self.index = read_index(self._file, self._stream)
        if not len(self.index.times):
            raise InputError(f"{path}: holds no pictures at all; expected {KINDS}")
        self._shown: Picture | None = None
        self._ahead: Picture | None = None
        self._coming: Iterator[Picture] = iter(())
        self._restart()

    def picture(self, number: int) -> Picture:
        """Return picture ``number``, or where it cannot be decoded the last one before, or the first of all.

        Decoding goes on from the last picture, or begins anew at a keyframe. Raises InputError when no picture at all can be
        decoded.
        """
        key = self.index.key(number)
        if self._shown is None or number < self._shown.number or key - self._shown.number > SKIP:
            self._seek(key)
        picture = self._advance(number)
        if picture is None and key >= 0:
            self._restart()
            picture = self._advance(number)
        picture = picture or self._ahead
        if picture is None:
            raise InputError(f"{self._path}: no picture can be decoded ({self._stream.codec.name}); expected {KINDS}")
        return picture

    def _advance(self, number: int) -> Picture | None:
        """Decode up to the last picture that is not after ``number``; the one after it, if decoded already, waits its turn."""
        while self._shown is None or self._shown.number < number:
            self._ahead = self._ahead or next(self._coming, None)
            if self._ahead is None or self._ahead.number > number:
                break
            self._shown, self._ahead = self._ahead, None
        return self._shown

    def _seek(self, key: int) -> None:
        """Begin at keyframe ``key``; at the beginning of the file when it is -1 or the file cannot be sought in."""
        try:
            if key < 0 or self.index.pts is None:
                raise ValueError("no keyframe")
            self._file.seek(int(self.index.pts[key]), stream=self._stream)
        except (ValueError, av.FFmpegError):
            self._restart()
        else:
            self._begin(dropwhile(lambda packet: not packet.is_keyframe, packets(self._file, self._stream)))

    def _restart(self) -> None:
        self._file = open_file(self._path)
        self._stream = pictures_of(self._file, self._path)
        self._stream.thread_type = "AUTO"
        self._begin(packets(self._file, self._stream))

    def _begin(self, data: Iterable[Packet[VideoStream]]) -> None:
        self._shown = self._ahead = None
        self._coming = self._numbered(self._decoded(data))

    def _numbered(self, images: Iterable[av.VideoFrame]) -> Iterator[Picture]:
        counted = count()
        for image in images:
            number = next(counted) if self.index.pts is None else self.index.number(image.pts)
            if number is not None and number < len(self.index.times):
                yield Picture(number, image)

    def _decoded(self, data: Iterable[Packet[VideoStream]]) -> Iterator[av.VideoFrame]:
        """Decode; what cannot be decoded is left out."""
        decoder = self._stream.codec_context
        for packet in chain(data, (None,)):
            with suppress(av.FFmpegError):
                yield from decoder.decode(packet)
