"""A section of a video, as a video of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from alref.errors import InputError
from alref.media.video import Frame, Video
from alref.records import Audio


class VideoSection(Video):
    """The frames ``start`` to ``stop`` - 1 of a video, on the video's own clock; nothing is copied.

    What components remember of it is dropped with the section. Raises InputError for a section outside the video.
    """

    def __init__(self, video: Video, start: int, stop: int) -> None:
        if not 0 <= start < stop <= len(video):
            raise InputError(f"{video.name}: expected a section within 0 to {len(video)}, got {start} to {stop}")
        self._video, self.start, self.stop = video, start, stop
        self.name, self.path, self.fps = video.name, video.path, video.fps
        self.height, self.width, self.times = video.height, video.width, video.times[start:stop]

    def read_frame(self, index: int) -> Frame:
        """Return frame ``index`` of the section, read-only. Raises InputError outside the section."""
        self._check_index(index)
        return self._video.read_frame(self.start + index)

    def read_frames(self, indices: Sequence[int] | None = None) -> Iterator[tuple[int, Frame]]:
        """Yield (index, frame) for the given indices in their order, for all frames by default."""
        wanted = range(len(self)) if indices is None else indices
        for index in wanted:
            self._check_index(index)
        for index, frame in self._video.read_frames([self.start + index for index in wanted]):
            yield index - self.start, frame

    def read_audio(self, rate: int) -> Audio | None:
        """Return the audio of the section, or None without an audio track."""
        whole = self._video.read_audio(rate)
        if whole is None:
            return None
        ends = [*map(float, self._video.times), float(self._video.times[-1]) + 1 / self.fps]
        first, last = (max(0, round((ends[index] - whole.start) * rate)) for index in (self.start, self.stop))
        return Audio(samples=whole.samples[first:last], rate=rate, start=whole.start + first / rate)

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the video with the section."""
        return f"{self._video.fingerprint}-{self.start}-{self.stop}"
