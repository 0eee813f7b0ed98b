"""What every component promises that works through a whole video: memory that does not grow with its length."""

from __future__ import annotations

from math import sqrt
from typing import Any, ClassVar
from unittest import SkipTest

from alref.testing.memory import STATM, WatchedVideo, without_what_was_there
from alref.testing.shapes import SeeingContract

SHORT = 4
"""How many times shorter the video is that the long one is compared with."""
TOLD = 32_000_000
"""Bytes that the masks of one object take on the frames by which the long video is longer: half of them is too much."""


class LastingContract(SeeingContract):
    """What every component promises that works through a whole video.

    ``long_video`` is the length in frames of the long video, to be made smaller only where 2,000 would take too long; the
    frames are the larger for it, so that as many bytes tell.
    """

    long_video: ClassVar[int] = 2000

    def test_memory_stays_flat_over_a_long_video(self) -> None:
        """Over a video of ``long_video`` frames it holds no more memory than over one a quarter as long.

        Keep no list of frames, masks or features that grows with the video: yield masks as they come, forget what is not
        needed, and give every cache a limit that it reaches early.
        """
        if not STATM.exists():
            raise SkipTest(f"{STATM} is not there: this platform does not tell the memory that a process holds")
        pixels = TOLD / (self.long_video * (1 - 1 / SHORT))
        size = 16 * round(sqrt(pixels * 3 / 4) / 16), 16 * round(sqrt(pixels * 4 / 3) / 16)
        with without_what_was_there(), self.at_work() as component:
            short, long = (self._peak(component, WatchedVideo(self.long_video // part, size)) for part in (SHORT, 1))
        grown = (long - short) / 1e6
        assert long - short < TOLD / 2, (
            f"expected as much memory for {self.long_video} frames of {size[1]} x {size[0]} as for a quarter of them, "
            f"got {grown:.0f} MB more"
        )

    def _peak(self, component: Any, video: WatchedVideo) -> int:
        for task in self.tasks(video, video.truth):
            output = getattr(component, task.method)(video, *task.inputs)
            for _ in output:
                video.look()
        return video.peak
