"""Pictures and sound of a video file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter

from alref.media.audio_decoder import Block, Learnt, listen
from alref.media.decoder import Decoder
from alref.media.frame_source import Source, shrunk
from alref.media.streams import sounds_of
from alref.media.video import Frame


class FileSource(Source):
    """The first stream of moving pictures of a file, turned upright as the file says.

    Pixels are those that are stored: where they are not square, they are not stretched. A picture that cannot be decoded is
    replaced by the last one before it that can, and counted in ``warnings``.
    """

    def __init__(self, path: Path, max_size: int | None = None, track: int = 0) -> None:
        self._path = path
        self._track = track
        self._decoder = Decoder(path)
        sounds_of(self._decoder.file, path, track)
        self._scaler = VideoReformatter()
        self._broken: set[int] = set()
        self.times, self.fps = self._decoder.index.times, self._decoder.index.fps
        image = self._decoder.picture(0).image
        self._turns = round(image.rotation / 90) % 4
        self._stored = shrunk(image.height, image.width, max_size)
        self._way = Interpolation.BILINEAR if self._stored == (image.height, image.width) else Interpolation.AREA
        self.height, self.width = self._stored[::-1] if self._turns % 2 else self._stored

    def read(self, number: int) -> Frame:
        """Return picture ``number``. Raises InputError when no picture at all can be decoded."""
        picture = self._decoder.picture(number)
        if picture.number != number:
            self._broken.add(number)
        height, width = self._stored
        image = self._scaler.reformat(picture.image, width, height, "rgb24", interpolation=self._way, threads=1)
        return np.ascontiguousarray(np.rot90(image.to_ndarray(), self._turns))

    def run_start(self, number: int) -> int:
        """Return the keyframe from which ``number`` is decoded."""
        return max(0, self._decoder.index.key(number))

    def listen(self, rate: int, start: float, end: float, learnt: Learnt) -> Iterator[Block]:
        """Yield the sound track's part in [start, end) seconds after the first picture, in short blocks."""
        zero = self._decoder.index.zero
        for block in listen(self._path, rate, self._track, (zero + start, zero + end), learnt):
            yield replace(block, time=block.time - zero)

    def files(self) -> Iterable[Path]:
        """Return the file itself."""
        return [self._path]

    @property
    def warnings(self) -> tuple[str, ...]:
        """Whether the file is cut short, and how many pictures could not be decoded by now."""
        found = []
        if self._decoder.index.cut:
            found.append(f"{self._path.name}: the file ends too early; what is there is read, {len(self.times)} pictures")
        if self._broken:
            when = self.times[min(self._broken)]
            many = f"pictures that cannot be decoded: {len(self._broken)}, the first at {when:.3f} s"
            found.append(f"{self._path.name}: {many}; the picture before is shown instead")
        return tuple(found)
