"""Decode the images of a file in order, or from the last keyframe before the requested one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, dropwhile, islice
from pathlib import Path
from typing import Literal

import av
from av.packet import Packet
from av.video.stream import VideoStream

from alref.errors import InputError
from alref.media.frame_index import FrameIndex, build_decoded_index, get_stamp, read_frame_index
from alref.media.frame_times import UNKNOWN
from alref.media.streams import (
    EXPECTED_INPUT,
    describe_video_tracks,
    list_video_tracks,
    open_container,
    rank_video_tracks,
    read_packets,
    select_stream,
)

MIN_SEEK_FRAMES = 8
"""Seeking is worthwhile when it saves the decoder more images than this."""
FALLBACK_FRAMES = 8
"""Number of images before the requested one that are always decoded, since one of them may have to replace it."""

CHECKED_FRAMES = 4
"""Number of images of an interlaced video that are decoded to check the index."""


@dataclass(frozen=True)
class DecodedFrame:
    """A decoded image and its number."""

    number: int
    image: av.VideoFrame


class VideoDecoder:
    """The numbered images of a video track of a file, chosen as FFmpeg does; ``index`` has the time of each.

    ``video_track`` is the number of the track that is read, counted from 0 in ``tracks``.
    """

    def __init__(self, path: Path, video_track: int | None = None) -> None:
        self._path = path
        self._current_frame: DecodedFrame | None = None
        self._following_frame: DecodedFrame | None = None
        self._decoded_frames: Iterator[DecodedFrame] = iter(())
        self._needed_pts = UNKNOWN
        self._decode_errors = 0
        self._thread_type: Literal["AUTO", "SLICE"] = "AUTO"
        self.container = open_container(path)
        self.tracks = describe_video_tracks(list_video_tracks(self.container, path))
        for number in rank_video_tracks(list_video_tracks(self.container, path), path, video_track):
            self.video_track = number
            self._select_stream()
            self.index = read_frame_index(self.container, self._stream) or self._decode_index()
            if len(self.index.times):
                break
            self.container = open_container(path)
        else:
            raise InputError(f"{path}: holds no images at all; expected {EXPECTED_INPUT}")
        self._seek_keyframe(self.index.find_keyframe(0))
        self._check_index()

    def _check_index(self) -> None:
        """Leave out images before the first that the decoder gives; where fields are stored apart, count its images."""
        first = self.decode_frame(0)
        if first.image.interlaced_frame and self._stream.codec.name == "h264" and not self._begins_as_decoded():
            self.index = self._decode_index()
        elif first.number > 0 and not self._decode_errors and not (self.index.damaged < first.number).any():
            self.index = self.index.drop_first(first.number)
        else:
            return
        self._thread_type = "AUTO"
        self._reset_to_start()

    def _begins_as_decoded(self) -> bool:
        """Return whether the decoder gives the first images at the times of the index."""
        decoded = [get_stamp(image) for image in islice(self._decode_from_start(), CHECKED_FRAMES)]
        is_told = decoded == self.index.pts[: len(decoded)].tolist() and UNKNOWN not in decoded
        return is_told or self._decode_errors > 0

    def _decode_index(self) -> FrameIndex:
        return build_decoded_index(self.container, self._stream, self._decode_from_start())

    def decode_frame(self, number: int) -> DecodedFrame:
        """Return image ``number``; if it cannot be decoded, the last one before it, or else the first of all.

        Decoding continues from the last image or restarts at a keyframe. Raises InputError when no image at all can be
        decoded.
        """
        key = self.index.find_keyframe(number)
        self._needed_pts = int(self.index.pts[max(0, number - FALLBACK_FRAMES)]) if self.index.is_sorted else UNKNOWN
        if (
            self._current_frame is None
            or number < self._current_frame.number
            or key - self._current_frame.number > MIN_SEEK_FRAMES
        ):
            self._seek_keyframe(key)
        picture = self._decode_up_to(number)
        if (picture is None or picture.number != number) and self._thread_type == "AUTO":
            self._thread_type = "SLICE"  # threads that decode an image each lose the last images of a damaged file
            self._open_stream()
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
            if keyframe < 0:
                raise ValueError("no keyframe")
            self.container.seek(int(self.index.pts[keyframe]), stream=self._stream)
        except (ValueError, av.FFmpegError):
            self._reset_to_start()
        else:
            packets = dropwhile(lambda packet: not packet.is_keyframe, read_packets(self.container, self._stream))
            self._start_decoding(self._decode_packets(packets))

    def _select_stream(self) -> None:
        self._stream = list_video_tracks(self.container, self._path)[self.video_track]
        self._stream.thread_type = self._thread_type
        select_stream(self.container, self._stream)

    def _reset_to_start(self) -> None:
        self._start_decoding(self._decode_from_start())

    def _start_decoding(self, images: Iterator[av.VideoFrame]) -> None:
        self._current_frame = self._following_frame = None
        self._decoded_frames = self._assign_numbers(images)

    def _assign_numbers(self, images: Iterator[av.VideoFrame]) -> Iterator[DecodedFrame]:
        """Yield the images that are shown with their numbers, which ascend."""
        expected = 0
        for image in images:
            number = self.index.find_number(get_stamp(image), expected)
            if number is not None:
                expected = number + 1
                yield DecodedFrame(number, image)

    def _open_stream(self) -> None:
        self.container = open_container(self._path)
        self._select_stream()

    def _decode_from_start(self) -> Iterator[av.VideoFrame]:
        self._open_stream()
        return self._decode_packets(read_packets(self.container, self._stream))

    def _decode_packets(self, stream_packets: Iterable[Packet[VideoStream]]) -> Iterator[av.VideoFrame]:
        """Decode packets; skip undecodable ones, and those that are neither requested nor needed to decode others."""
        decoder = self._stream.codec_context
        for packet in chain(stream_packets, (None,)):
            decoder.skip_frame = "NONREF" if packet and self._can_skip(packet) else "DEFAULT"
            try:
                yield from decoder.decode(packet)
            except av.error.EOFError:
                return
            except av.FFmpegError:
                self._decode_errors += 1

    def _can_skip(self, packet: Packet[VideoStream]) -> bool:
        """Return whether an image lies far before the requested one. Only H.264 marks images that no other refers to."""
        return self._stream.codec.name == "h264" and packet.pts is not None and packet.pts < self._needed_pts
