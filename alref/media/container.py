"""Images and audio of a video file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter

from alref.media.audio_decoder import AudioBlock, AudioTrackInfo, decode_audio
from alref.media.decoder import VideoDecoder
from alref.media.frame_source import FrameSource, limit_size
from alref.media.streams import get_audio_stream
from alref.media.video import Frame


class VideoFileSource(FrameSource):
    """The first video stream of a file, rotated upright according to its metadata.

    Pixels are as stored: frames with non-square pixels are not stretched. An image that cannot be decoded is replaced by the
    last decodable image before it, and counted in ``warnings``.
    """

    def __init__(self, path: Path, max_size: int | None = None, audio_track: int = 0) -> None:
        self._path = path
        self._audio_track = audio_track
        self._decoder = VideoDecoder(path)
        get_audio_stream(self._decoder.container, path, audio_track)
        self._scaler = VideoReformatter()
        self._broken_frames: set[int] = set()
        self.times, self.fps = self._decoder.index.times, self._decoder.index.fps
        image = self._decoder.decode_frame(0).image
        self._quarter_turns = round(image.rotation / 90) % 4
        self._stored_size = limit_size(image.height, image.width, max_size)
        self._interpolation = Interpolation.BILINEAR if self._stored_size == (image.height, image.width) else Interpolation.AREA
        self.height, self.width = self._stored_size[::-1] if self._quarter_turns % 2 else self._stored_size

    def read_frame(self, number: int) -> Frame:
        """Return image ``number``. Raises InputError when no image at all can be decoded."""
        picture = self._decoder.decode_frame(number)
        if picture.number != number:
            self._broken_frames.add(number)
        height, width = self._stored_size
        image = self._scaler.reformat(picture.image, width, height, "rgb24", interpolation=self._interpolation, threads=1)
        return np.ascontiguousarray(np.rot90(image.to_ndarray(), self._quarter_turns))

    def find_decode_start(self, number: int) -> int:
        """Return the keyframe from which ``number`` is decoded."""
        return max(0, self._decoder.index.find_keyframe(number))

    def read_audio_blocks(self, rate: int, start: float, end: float, track_info: AudioTrackInfo) -> Iterator[AudioBlock]:
        """Yield the audio track in [start, end) seconds after the first image, in short blocks."""
        zero = self._decoder.index.start_time
        for block in decode_audio(self._path, rate, self._audio_track, (zero + start, zero + end), track_info):
            yield replace(block, time=block.time - zero)

    def list_files(self) -> Iterable[Path]:
        """Return the file itself."""
        return [self._path]

    @property
    def warnings(self) -> tuple[str, ...]:
        """The faults found so far: whether the file is cut short, and how many images could not be decoded."""
        found = []
        if self._decoder.index.is_truncated:
            found.append(f"{self._path.name}: the file ends too early; what is there is read, {len(self.times)} images")
        if self._broken_frames:
            when = self.times[min(self._broken_frames)]
            many = f"images that cannot be decoded: {len(self._broken_frames)}, the first at {when:.3f} s"
            found.append(f"{self._path.name}: {many}; the image before is shown instead")
        return tuple(found)
