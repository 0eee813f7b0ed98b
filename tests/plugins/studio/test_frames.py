"""Frames are read in the order of the video, whatever the order in which a page asks for them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from alref.config import VideoOptions
from alref.media.video import Frame
from alref.testing import ArrayVideo, write_frames
from alref_studio.frames import JpegCache, SharedVideo

FRAMES = 40


class CountedVideo(SharedVideo):
    """Writes down which frames are read."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, VideoOptions())
        self.read = list[int]()

    def read_frame(self, index: int) -> Frame:
        self.read.append(index)
        return super().read_frame(index)


@pytest.fixture
def shared(tmp_path: Path) -> CountedVideo:
    levels = 6 * np.arange(FRAMES, dtype=np.uint8)
    frames = np.broadcast_to(levels[:, None, None, None], (FRAMES, 24, 32, 3))
    return CountedVideo(write_frames(ArrayVideo(np.ascontiguousarray(frames)), tmp_path / "clip"))


def read_levels(cache: JpegCache, shared: SharedVideo, frames: list[int]) -> list[int]:
    images = [cv2.imdecode(np.frombuffer(cache.get_frame(shared, each, 32), np.uint8), cv2.IMREAD_COLOR) for each in frames]
    return [round(float(image.mean()) / 6) for image in images if image is not None]


def test_frames_that_are_asked_for_out_of_order_are_each_read_once_and_forward(shared: CountedVideo) -> None:
    asked = [0, 3, 1, 2, 6, 5, 4, 7]
    assert read_levels(JpegCache(), shared, asked) == asked
    assert shared.read == list(range(8))


def test_steps_back_read_the_frames_before_along(shared: CountedVideo) -> None:
    asked = [30, 29, 28, 27, 26, 25, 24, 23, 22]
    assert read_levels(JpegCache(), shared, asked) == asked
    assert shared.read == [30, *range(22, 30)]


def test_a_jump_reads_one_frame(shared: CountedVideo) -> None:
    assert read_levels(JpegCache(), shared, [0, 30, 5]) == [0, 30, 5]
    assert shared.read == [0, 30, 5]
