"""What every component promises that is given the frames of a video."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from alref.records import Phrase, PivotBox, PivotFrame
from alref.testing.contract import Truth
from alref.testing.stage import StageContract
from alref.testing.videos import MovingSquare
from alref.utils.masks import Mask

SQUARE = Phrase(reference="1", text="the red square", category="square")
OTHER = Phrase(reference="2", text="the grey ground", category="ground")


def square_box(truth: Truth, frame: int = 0, phrase: Phrase = SQUARE) -> PivotBox:
    """Return the pivot box around the true square of one frame."""
    return PivotBox(pivot=PivotFrame(phrase=phrase, frame=frame), xyxy=around(truth[frame]), score=1.0)


def around(mask: Mask) -> npt.NDArray[np.float32]:
    """Return the box float32 (4,) ``xyxy`` around a mask."""
    rows, columns = np.nonzero(mask)
    return np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], np.float32)


def shown(truth: Truth) -> list[int]:
    """Return the frames on which the square is there."""
    return [frame for frame in range(len(truth)) if truth[frame].any()]


class SeeingContract(StageContract):
    """What every component promises that is given the frames of a video."""

    def works_on(self, video: MovingSquare) -> None:
        """Ask the component about a video, and check its answers as the engine does."""
        with self.at_work() as component:
            for task in self.tasks(video, video.truth):
                task.check(task.done(component, video))

    def test_takes_a_video_of_one_frame(self) -> None:
        """It works on a video of a single frame.

        Look where it takes the frame before or after, or divides by the number of frames less one.
        """
        self.works_on(MovingSquare(frames=1))

    def test_takes_odd_sizes(self) -> None:
        """It works on frames of 47 x 33 pixels, whose sides are no multiples of anything.

        Resize or pad inside the component, and bring boxes and masks back to ``video.height`` and ``video.width``.
        """
        self.works_on(MovingSquare(frames=3, size=(33, 47)))

    def test_takes_grey_pictures(self) -> None:
        """It works on a video without colour, in which red, green and blue are the same.

        Look where it divides by the spread or the saturation of colours, which is 0 there.
        """
        self.works_on(MovingSquare(frames=3, grey=True))

    def test_takes_4k_frames(self) -> None:
        """It works on frames of 3840 x 2160 pixels.

        Work at a smaller size inside the component, and bring boxes and masks back to ``video.height`` and ``video.width``.
        """
        self.works_on(MovingSquare(frames=2, size=(2160, 3840)))

    def test_takes_an_object_that_comes_later(self) -> None:
        """It works on a video whose object is not there before the middle.

        Answer for the frames before too: an empty mask is a mask.
        """
        self.works_on(MovingSquare(frames=8, first=4))
