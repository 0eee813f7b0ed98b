"""Decode the images of a file in order, or from the last keyframe before the requested one."""

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
from alref.media.frame_index import read_frame_index
from alref.media.streams import EXPECTED_INPUT, get_video_stream, open_container, read_packets

MIN_SEEK_FRAMES = 8
"""Seeking is worthwhile when it saves the decoder more images than this."""
FALLBACK_FRAMES = 8
"""Number of images before the requested one that are always decoded, since one of them may have to replace it."""


@dataclass(frozen=True)
class DecodedFrame:
    """A decoded image and its number."""

    number: int
    image: av.VideoFrame


class VideoDecoder:
    """The numbered images of the first video stream of a file; ``index`` has the time of each."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open_stream()
        self.index = read_frame_index(self.container, self._stream)
        if not len(self.index.times):
            raise InputError(f"{path}: holds no images at all; expected {EXPECTED_INPUT}")
        self._current_frame: DecodedFrame | None = None
        self._following_frame: DecodedFrame | None = None
        self._decoded_frames: Iterator[DecodedFrame] = iter(())
        self._target_number = 0
        self._seek_keyframe(self.index.find_keyframe(0))

    def decode_frame(self, number: int) -> DecodedFrame:
        """Return image ``number``; if it cannot be decoded, the last one before it, or else the first of all.

        Decoding continues from the last image or restarts at a keyframe. Raises InputError when no image at all can be
        decoded.
        """
        key, self._target_number = self.index.find_keyframe(number), number
        if (
            self._current_frame is None
            or number < self._current_frame.number
            or key - self._current_frame.number > MIN_SEEK_FRAMES
        ):
            self._seek_keyframe(key)
        picture = self._decode_up_to(number)
        if picture is None and key >= 0:
            self._reset_to_start()
            picture = self._decode_up_to(number)
        picture = picture or self._following_frame
        if picture is None:
            raise InputError(f"{self._path}: no image can be decoded ({self._stream.codec.name}); expected {EXPECTED_INPUT}")
        return picture

    def _decode_up_to(self, number: int) -> DecodedFrame | None:
        """Decode up to the last image that is not after ``number``; a following image that is already decoded is held back."""
        while self._current_frame is None or self._current_frame.number < number:
            self._following_frame = self._following_frame or next(self._decoded_frames, None)
            if self._following_frame is None or self._following_frame.number > number:
                break
            self._current_frame, self._following_frame = self._following_frame, None
        return self._current_frame

    def _seek_keyframe(self, keyframe: int) -> None:
        """Seek to keyframe ``keyframe``; to the beginning of the file when it is -1 or the file cannot seek."""
        try:
            if keyframe < 0 or self.index.pts is None:
                raise ValueError("no keyframe")
            self.container.seek(int(self.index.pts[keyframe]), stream=self._stream)
        except (ValueError, av.FFmpegError):
            self._reset_to_start()
        else:
            self._start_decoding(dropwhile(lambda packet: not packet.is_keyframe, read_packets(self.container, self._stream)))

    def _open_stream(self) -> None:
        self.container = open_container(self._path)
        self._stream = get_video_stream(self.container, self._path)
        self._stream.thread_type = "AUTO"

    def _reset_to_start(self) -> None:
        self._open_stream()
        self._start_decoding(read_packets(self.container, self._stream))

    def _start_decoding(self, stream_packets: Iterable[Packet[VideoStream]]) -> None:
        self._current_frame = self._following_frame = None
        self._decoded_frames = self._assign_numbers(self._decode_packets(stream_packets))

    def _assign_numbers(self, images: Iterable[av.VideoFrame]) -> Iterator[DecodedFrame]:
        counted = count()
        for image in images:
            number = next(counted) if self.index.pts is None else self.index.find_number(image.pts)
            if number is not None and number < len(self.index.times):
                yield DecodedFrame(number, image)

    def _decode_packets(self, stream_packets: Iterable[Packet[VideoStream]]) -> Iterator[av.VideoFrame]:
        """Decode packets; skip undecodable ones, and those that are neither requested nor needed to decode others."""
        decoder = self._stream.codec_context
        for packet in chain(stream_packets, (None,)):
            decoder.skip_frame = "NONREF" if packet and self._can_skip(packet) else "DEFAULT"
            with suppress(av.FFmpegError):
                yield from decoder.decode(packet)

    def _can_skip(self, packet: Packet[VideoStream]) -> bool:
        """Return whether an image lies far before the requested one. Only H.264 marks images that no other refers to."""
        if self._stream.codec.name != "h264" or self.index.pts is None or packet.pts is None:
            return False
        return bool(packet.pts < self.index.pts[max(0, self._target_number - FALLBACK_FRAMES)])
