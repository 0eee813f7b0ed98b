"""What every component promises that works through a whole video: memory that does not grow with its length."""

from __future__ import annotations

from math import sqrt
from typing import Any, ClassVar
from unittest import SkipTest

from alref.testing.memory import STATM, MemoryProbeVideo, freeze_garbage_collector
from alref.testing.shapes import FrameContract

LENGTH_RATIO = 4
"""How many times shorter the video is that the long one is compared with."""
MASK_BYTES = 32_000_000
"""Bytes that the masks of one object take on the frames by which the long video is longer: half of them is too much."""


class EnduranceContract(FrameContract):
    """What every component promises that works through a whole video.

    ``long_video_length`` is the length in frames of the long video, to be made smaller only where 2,000 would take too long;
    the frames are the larger for it, so that as many bytes tell.
    """

    long_video_length: ClassVar[int] = 2000

    def test_memory_stays_flat_over_a_long_video(self) -> None:
        """Over a video of ``long_video_length`` frames it holds no more memory than over one a quarter as long.

        Keep no list of frames, masks or features that grows with the video: yield masks as they come, forget what is not
        needed, and give every cache a limit that it reaches early.
        """
        if not STATM.exists():
            raise SkipTest(f"{STATM} is not there: this platform does not tell the memory that a process holds")
        pixels = MASK_BYTES / (self.long_video_length * (1 - 1 / LENGTH_RATIO))
        size = 16 * round(sqrt(pixels * 3 / 4) / 16), 16 * round(sqrt(pixels * 4 / 3) / 16)
        with freeze_garbage_collector(), self.load_component() as component:
            short, long = (
                self._measure_peak(component, MemoryProbeVideo(self.long_video_length // part, size))
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
