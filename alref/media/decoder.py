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
from alref.media.frame_index import read_index
from alref.media.streams import KINDS, open_file, packets, pictures_of

SKIP = 8
"""Seeking pays when it spares the decoder more pictures than this."""
NEAR = 8
"""Of the pictures on the way to the wanted one, all of the last few are decoded: one of them may have to stand in for it."""


@dataclass(frozen=True)
class Picture:
    """A decoded picture and its number."""

    number: int
    image: av.VideoFrame


class Decoder:
    """The numbered pictures of the first stream of moving pictures of ``file``; ``index`` says when each is shown."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open()
        self.index = read_index(self.file, self._stream)
        if not len(self.index.times):
            raise InputError(f"{path}: holds no pictures at all; expected {KINDS}")
        self._shown: Picture | None = None
        self._ahead: Picture | None = None
        self._coming: Iterator[Picture] = iter(())
        self._wanted = 0
        self._seek(self.index.key(0))

    def picture(self, number: int) -> Picture:
        """Return picture ``number``, or where it cannot be decoded the last one before, or the first of all.

        Decoding goes on from the last picture, or begins anew at a keyframe. Raises InputError when no picture at all can be
        decoded.
        """
        key, self._wanted = self.index.key(number), number
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
            self.file.seek(int(self.index.pts[key]), stream=self._stream)
        except (ValueError, av.FFmpegError):
            self._restart()
        else:
            self._begin(dropwhile(lambda packet: not packet.is_keyframe, packets(self.file, self._stream)))

    def _open(self) -> None:
        self.file = open_file(self._path)
        self._stream = pictures_of(self.file, self._path)
        self._stream.thread_type = "AUTO"

    def _restart(self) -> None:
        self._open()
        self._begin(packets(self.file, self._stream))

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
        """Decode; what cannot be decoded is left out, and what neither is wanted nor helps to decode what is."""
        decoder = self._stream.codec_context
        for packet in chain(data, (None,)):
            decoder.skip_frame = "NONREF" if packet and self._needless(packet) else "DEFAULT"
            with suppress(av.FFmpegError):
                yield from decoder.decode(packet)

    def _needless(self, packet: Packet[VideoStream]) -> bool:
        """Whether a picture lies far before the wanted one. H.264 alone says for sure that no other picture refers to it."""
        if self._stream.codec.name != "h264" or self.index.pts is None or packet.pts is None:
            return False
        return bool(packet.pts < self.index.pts[max(0, self._wanted - NEAR)])
