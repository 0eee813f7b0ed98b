"""A stretch of the frames of a video, as a video of its own."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

from alref.media.video import Frame, Video
from alref.records import Audio


class VideoSlice(Video):
    """Frames ``first`` to ``last`` of a video, both included, numbered from 0; nothing is copied."""

    def __init__(self, video: Video, first: int, last: int) -> None:
        video._check_index(first)
        video._check_index(last)
        self.name, self.path, self.fps = video.name, video.path, video.fps
        self.height, self.width = video.height, video.width
        self.times = video.times[first : last + 1]
        self._video, self._first = video, first

    def read_frame(self, index: int) -> Frame:
        """Return frame ``index`` of the stretch, uint8 (H, W, 3). Raises InputError outside it."""
        self._check_index(index)
        return self._video.read_frame(self._first + index)

    def read_frames(self, indices: Sequence[int] | None = None) -> Iterator[tuple[int, Frame]]:
        """Yield (index, frame) for the given indices in their order, for all frames by default."""
        wanted = range(len(self)) if indices is None else indices
        for index, frame in self._video.read_frames([self._first + each for each in wanted]):
            yield index - self._first, frame

    def read_audio(self, rate: int) -> Audio | None:
        """Return the audio of the frames' time span, mono float32 at ``rate`` Hz, or None without an audio track."""
        whole = self._video.read_audio(rate)
        if whole is None:
            return None
        start = max(0, round((float(self.times[0]) - whole.start) * rate))
        end = round((float(self.times[-1]) + 1 / self.fps - whole.start) * rate)
        return Audio(samples=whole.samples[start:end], rate=rate, start=whole.start + start / rate)

    @property
    def fingerprint(self) -> str:
        """A digest of the fingerprint of the whole video and of the stretch."""
        key = f"{self._video.fingerprint} {self._first} {len(self)}"
        return hashlib.blake2b(key.encode(), digest_size=16).hexdigest()
