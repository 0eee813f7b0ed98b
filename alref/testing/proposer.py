"""What a proposer promises."""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar
from unittest import SkipTest

import numpy as np

from alref.components.base import Proposer
from alref.media.array_video import ArrayVideo
from alref.media.video import Video
from alref.pipeline import contracts
from alref.records import Candidates, Phrase, PivotFrame
from alref.testing.contract import Task, TrueMasks
from alref.testing.diff import find_difference
from alref.testing.shapes import GROUND, SQUARE, FrameContract, find_visible_frames


class ProposerContract(FrameContract):
    """What a proposer promises. Override ``make_component``.

    ``frames_together`` says that it looks at all frames of a phrase together: candidates of one depend on the others.
    """

    frames_together: ClassVar[bool] = False

    def make_component(self) -> Proposer:
        """Return the proposer to test."""
        raise NotImplementedError("return the proposer to test")

    def propose_candidates(self, video: Video, pivots: list[PivotFrame]) -> list[Candidates]:
        """Return its candidates, checked against the contract."""
        with self.load_component() as component:
            candidates: list[Candidates] = component.propose(video, pivots)
        _check_candidates(candidates, pivots, video)
        return candidates

    def build_tasks(self, video: Video, truth: TrueMasks) -> list[Task]:
        """Return the task to propose boxes for two phrases on two frames."""
        pivots = _make_pivots(truth)
        return [
            *super().build_tasks(video, truth),
            Task("propose", (pivots,), partial(_check_candidates, pivots=pivots, video=video)),
        ]

    def test_answers_each_pivot_in_order_with_boxes_inside_the_image(self) -> None:
        """It answers each pivot, in their order, with boxes inside the picture, best first, and masks of its size if any.

        Return one ``Candidates`` for each pivot; boxes are ``xyxy`` in pixels of the video, masks bool (N, H, W).
        """
        video, truth = self.make_video()
        self.propose_candidates(video, _make_pivots(truth))

    def test_answers_nothing_for_no_pivot(self) -> None:
        """Without a pivot it returns an empty list.

        Return early where there is nothing to do.
        """
        said = self.propose_candidates(self.make_video()[0], [])
        assert said == [], f"expected [] for no pivot, got {said!r}"

    def test_no_candidates_is_an_answer(self) -> None:
        """Where there is nothing to see it still answers each pivot, with no box if it sees none.

        Return ``Candidates(pivot=pivot, xyxy=np.zeros((0, 4)), scores=np.zeros(0))`` where nothing was seen.
        """
        video = ArrayVideo(np.full((2, 64, 96, 3), 128, np.uint8))
        strange = Phrase(reference="1", text="the stethoscope", category="stethoscope")
        self.propose_candidates(video, [PivotFrame(phrase=strange, frame=frame) for frame in (0, 1)])

    def test_pivots_may_come_in_any_order(self) -> None:
        """The candidates of a pivot do not depend on the order of the pivots.

        Judge each pivot by itself, or put answers back into the order of the pivots.
        """
        video, truth = self.make_video()
        pivots = _make_pivots(truth)
        apart = find_difference(self.propose_candidates(video, pivots), self.propose_candidates(video, pivots[::-1])[::-1])
        assert not apart, f"expected the same candidates in another order of pivots, got {apart}"

    def test_phrases_are_looked_for_by_themselves(self) -> None:
        """The candidates of a phrase do not depend on which other phrases are asked about.

        Ask the model about each phrase by itself; where it takes several in one prompt, keep their boxes apart.
        """
        video, truth = self.make_video()
        pivots = _make_pivots(truth)
        own = [place for place, pivot in enumerate(pivots) if pivot.phrase == SQUARE]
        together = self.propose_candidates(video, pivots)
        apart = find_difference(
            self.propose_candidates(video, [pivots[place] for place in own]), [together[place] for place in own]
        )
        assert not apart, f"expected the same candidates without the other phrase, got {apart}"

    def test_frames_are_looked_at_by_themselves(self) -> None:
        """The candidates of a frame do not depend on which other frames are asked about.

        Look at each frame by itself; a proposer that compares frames on purpose declares ``frames_together = True``.
        """
        if self.frames_together:
            raise SkipTest("frames_together = True: it looks at all frames of a phrase together")
        video, truth = self.make_video()
        pivots = _make_pivots(truth)
        together = self.propose_candidates(video, pivots)
        alone = [each for pivot in pivots for each in self.propose_candidates(video, [pivot])]
        apart = find_difference(alone, together)
        assert not apart, f"expected the same candidates as for each pivot alone, got {apart}"


def _make_pivots(truth: TrueMasks) -> list[PivotFrame]:
    """Return two phrases on the last and the first frame that shows the square."""
    frames = dict.fromkeys((find_visible_frames(truth)[-1], find_visible_frames(truth)[0]))
    return [PivotFrame(phrase=phrase, frame=frame) for phrase in (SQUARE, GROUND) for frame in frames]


def _check_candidates(output: Any, pivots: list[PivotFrame], video: Video) -> None:
    contracts.check_list_of(output, Candidates)
    contracts.check_candidates(output, pivots, video)
