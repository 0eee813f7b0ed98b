"""The contract of components that take the frames of a video."""

from __future__ import annotations

from typing import Any

from alref.records import Phrase, PivotBox, PivotFrame
from alref.testing.contract import TrueMasks, expect_nothing
from alref.testing.stage import StageContract
from alref.testing.variants import VideoVariant
from alref.utils.masks import compute_box

SQUARE = Phrase(reference="1", text="the red square", category="square")
GROUND = Phrase(reference="2", text="the gray ground", category="ground")


def make_square_box(truth: TrueMasks, frame: int = 0, phrase: Phrase = SQUARE) -> PivotBox:
    """Return the pivot box around the true square of one frame."""
    return PivotBox(pivot=PivotFrame(phrase=phrase, frame=frame), xyxy=compute_box(truth[frame]), score=1.0)


def find_visible_frames(truth: TrueMasks) -> list[int]:
    """Return the indices of the frames that show the square."""
    return [frame for frame in range(len(truth)) if truth[frame].any()]


class FrameContract(StageContract):
    """The contract of every component that takes the frames of a video."""

    def check_variant(self, **changes: Any) -> None:
        """Run the component on a variant of ``make_video``, and check its output as the engine does."""
        video = VideoVariant(*self.make_video(), **changes)
        with self.load_component() as component:
            for task in self.build_tasks(video, video.truth):
                task.check(task.run(component, video))

    def test_takes_a_video_of_one_frame(self) -> None:
        """It works on a video of a single frame.

        Check where it uses the previous or next frame, or divides by the number of frames minus one.
        """
        self.check_variant(frames=1)

    def test_takes_odd_sizes(self) -> None:
        """It works on frames of 47 x 33 pixels.

        Resize or pad inside the component, and convert boxes and masks back to ``video.height`` and ``video.width``.
        """
        self.check_variant(frames=3, size=(33, 47))

    @expect_nothing
    def test_takes_gray_images(self) -> None:
        """It works on a grayscale video, in which red, green and blue are equal; it may find nothing there.

        Check where it divides by the standard deviation or the saturation of colors, which is 0 here.
        """
        self.check_variant(frames=3, gray=True)

    def test_takes_4k_frames(self) -> None:
        """It works on frames of 3840 x 2160 pixels.

        Process smaller images inside the component, and convert boxes and masks back to ``video.height`` and ``video.width``.
        """
        self.check_variant(frames=2, size=(2160, 3840))

    def test_takes_an_object_that_comes_later(self) -> None:
        """It works on a video whose object appears halfway through.

        Return masks for the earlier frames too: an empty mask is valid.
        """
        self.check_variant(frames=8, blank=4)
