"""The contract of components that process a whole video: memory does not grow with its length."""

from __future__ import annotations

from math import sqrt
from typing import Any, ClassVar
from unittest import SkipTest

from alref.testing.memory import MemoryProbeVideo, freeze_garbage_collector, read_resident_memory
from alref.testing.shapes import FrameContract

LENGTH_RATIO = 4
"""Ratio of the lengths of the long and the short video."""
MASK_BYTES = 32_000_000
"""Bytes of the masks of one object on the frames that the short video lacks. The limit is half of it."""


class EnduranceContract(FrameContract):
    """The contract of components that process a whole video.

    ``long_video_length`` is the length of the long video in frames. Reduce it only if 2000 takes too long; the frames get
    larger accordingly, so that the check is as sensitive.
    """

    long_video_length: ClassVar[int] = 2000

    def test_memory_stays_flat_over_a_long_video(self) -> None:
        """A video of ``long_video_length`` frames needs no more memory than one a quarter as long.

        Do not collect frames, masks or features in a list that grows with the video: yield masks one by one, drop what is not
        needed, and limit every cache.
        """
        if read_resident_memory() is None:
            raise SkipTest("this platform reports the memory of a process neither in /proc nor with ps")
        pixels = MASK_BYTES / (self.long_video_length * (1 - 1 / LENGTH_RATIO))
        size = 16 * round(sqrt(pixels * 3 / 4) / 16), 16 * round(sqrt(pixels * 4 / 3) / 16)
        with freeze_garbage_collector(), self.load_component() as component:
            short, long = (
                self._measure_peak(component, MemoryProbeVideo(*self.make_video(), self.long_video_length // part, size))
                for part in (LENGTH_RATIO, 1)
            )
        grown = (long - short) / 1e6
        assert long - short < MASK_BYTES / 2, (
            f"expected as much memory for {self.long_video_length} frames of {size[1]} x {size[0]} as for a quarter of them, "
            f"got {grown:.0f} MB more"
        )

    def _measure_peak(self, component: Any, video: MemoryProbeVideo) -> int:
        for task in self.build_tasks(video, video.truth):
            output = getattr(component, task.method)(video, *task.inputs)
            for _ in output:
                video.sample_memory()
        return video.peak
