"""The contract of the tracker detect-and-follow, with the stand-ins of the kit for a proposer and a propagator."""

from __future__ import annotations

from alref.testing import TrackerContract
from alref_tracking import DetectAndFollow


class TestDetectAndFollow(TrackerContract):
    long_video_length = 400

    def make_component(self) -> DetectAndFollow:
        return DetectAndFollow(DetectAndFollow.Options(window=10.0))
