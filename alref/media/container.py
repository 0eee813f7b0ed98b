"""Images and audio of a video file."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter

from alref.media.audio_block import AudioBlock
from alref.media.audio_decoder import AudioTrackInfo, decode_audio, decode_channels
from alref.media.decoder import VideoDecoder
from alref.media.frame_source import FrameSource, limit_size
from alref.media.orientation import Orientation
from alref.media.streams import get_audio_stream, is_cut_short
from alref.media.video import Frame
from alref.utils.text import format_path

UNSPECIFIED_COLOR = 2
"""Value of FFmpeg for a color space, primaries and transfer that a file does not name."""
MAX_MISSING_SECONDS = 0.5
"""Seconds by which the images of a damaged file may end before the file."""


class VideoFileSource(FrameSource):
    """A video track of a file, upright as players show it; ``video_track`` is its number.

    Pixels are as stored: frames with non-square pixels are not stretched. An image of another size than the first is scaled to
    fit, on black. An image that cannot be decoded is replaced by the last decodable image before it. ``warnings`` tells both.
    """

    def __init__(self, path: Path, max_size: int | None = None, audio_track: int = 0, video_track: int | None = None) -> None:
        self._path = path
        self._audio_track = audio_track
        self._decoder = VideoDecoder(path, video_track)
        get_audio_stream(self._decoder.container, path, audio_track)
        self.video_track = self._decoder.video_track
        self._is_chosen = video_track is not None or len(self._decoder.tracks) == 1
        self._is_truncated = self._decoder.index.is_truncated or is_cut_short(path)
        self._scaler = VideoReformatter()
        self._replaced: set[int] = set()
        self._damaged = set(self._decoder.index.damaged.tolist())
        self._joints = set(self._decoder.index.joints.tolist())
        self._resized: dict[int, str] = {}
        self.times, self.fps = self._decoder.index.times, self._decoder.index.fps
        image = self._decoder.decode_frame(0).image
        self._orientation = Orientation.from_image(image)
        self._first_size = (image.height, image.width)
        self._stored_size = limit_size(image.height, image.width, max_size)
        self.height, self.width = self._stored_size[::-1] if self._orientation.transposed else self._stored_size

    def read_frame(self, number: int) -> Frame:
        """Return image ``number``. Raises InputError when no image at all can be decoded."""
        decoded = self._decoder.decode_frame(number)
        image = decoded.image
        if decoded.number != number:
            self._replaced.add(number)
        elif image.is_corrupt and number not in self._joints:
            self._damaged.add(number)
        if (image.height, image.width) == self._first_size:
            return self._orientation.turn(self._scale_image(image, *self._stored_size))
        self._resized[number] = f"{image.width}x{image.height}"
        height, width = self._stored_size
        scale = min(height / image.height, width / image.width)
        inner = max(1, round(image.height * scale)), max(1, round(image.width * scale))
        top, left = (height - inner[0]) // 2, (width - inner[1]) // 2
        canvas = np.zeros((height, width, 3), np.uint8)
        canvas[top : top + inner[0], left : left + inner[1]] = self._scale_image(image, *inner)
        return self._orientation.turn(canvas)

    def find_decode_start(self, number: int) -> int:
        """Return the keyframe from which ``number`` is decoded."""
        return max(0, self._decoder.index.find_keyframe(number))

    def read_audio_blocks(self, rate: int, start: float, end: float, track_info: AudioTrackInfo) -> Iterator[AudioBlock]:
        """Yield the audio track in [start, end) seconds after the first image, in short blocks."""
        zero, shifts = self._decoder.index.start_time, self._decoder.index.clock_shifts
        for block in decode_audio(self._path, rate, self._audio_track, (zero + start, zero + end), track_info, shifts):
            yield replace(block, time=block.time - zero)

    def read_channels(self, start: float, end: float, track_info: AudioTrackInfo) -> Iterator[AudioBlock]:
        """Yield all channels of the audio track in [start, end) seconds after the first image, in short blocks."""
        zero, shifts = self._decoder.index.start_time, self._decoder.index.clock_shifts
        for block in decode_channels(self._path, self._audio_track, (zero + start, zero + end), track_info, shifts):
            yield replace(block, time=block.time - zero)

    def list_files(self) -> Iterable[Path]:
        """Return the file itself."""
        return [self._path]

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is unusual in the file, as far as it has been read: other tracks, damage, and where it is."""
        index, found = self._decoder.index, []
        if not self._is_chosen:
            tracks = "; ".join(self._decoder.tracks)
            found.append(f"reads video track {self.video_track} of {tracks}; choose another with --video-track N")
        if len(index.restarts):
            found.append(f"the clock starts again, and the times continue: {self._describe_places(index.restarts.tolist())}")
        if self._is_truncated or ((self._damaged or self._replaced) and self._get_missing_seconds() > MAX_MISSING_SECONDS):
            missing = f"; {index.missing} more are listed but missing" if index.missing else ""
            seconds = f" of {self.times[-1] + self._get_missing_seconds():.3f} s" if not index.missing else " s"
            found.append(f"the images end early, after {len(self.times)}, at {self.times[-1]:.3f}{seconds}{missing}")
        if self._damaged:
            found.append(f"images from damaged data: {self._describe_places(self._damaged)}")
        if self._replaced:
            where = self._describe_places(self._replaced)
            found.append(f"images that cannot be decoded, the image before is shown instead: {where}")
        if self._resized:
            size = f"{self._first_size[1]}x{self._first_size[0]} to {self._resized[min(self._resized)]}"
            found.append(f"the size changes from {size}, scaled to fit: {self._describe_places(self._resized)}")
        return tuple(f"{format_path(self._path.name)}: {warning}" for warning in found)

    def _get_missing_seconds(self) -> float:
        """Return the seconds from the last image to the end that the file names, 0 if it names none."""
        named = (self._decoder.container.duration or 0) / av.time_base
        return max(0.0, named - float(self.times[-1]))

    def _scale_image(self, image: av.VideoFrame, height: int, width: int) -> Frame:
        is_same = (height, width) == (image.height, image.width)
        interpolation = Interpolation.BILINEAR if is_same else Interpolation.AREA
        try:
            scaled = self._scaler.reformat(image, width, height, "rgb24", interpolation=interpolation, threads=1)
        except (av.FFmpegError, OSError):
            image.colorspace = image.color_primaries = image.color_trc = UNSPECIFIED_COLOR  # some files name reserved ones
            scaled = self._scaler.reformat(image, width, height, "rgb24", interpolation=interpolation, threads=1)
        return np.asarray(scaled.to_ndarray(), np.uint8)

    def _describe_places(self, numbers: Collection[int]) -> str:
        """Return the number and the second of an image, or of the first and the last of several."""
        ends = " to ".join(
            f"frame {number} at {self.times[number]:.3f} s" for number in dict.fromkeys((min(numbers), max(numbers)))
        )
        return ends if len(numbers) == 1 else f"{len(numbers)} images from {ends}"
