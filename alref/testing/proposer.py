"""The contract of a proposer."""

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
from alref.testing.contract import Task, TrueMasks, expect_nothing
from alref.testing.diff import find_difference
from alref.testing.shapes import FrameContract, find_visible_frames


class ProposerContract(FrameContract):
    """The contract of a proposer. Override ``make_component``.

    ``frames_together`` declares that the candidates on one frame may depend on the other frames of the phrase.
    """

    frames_together: ClassVar[bool] = False

    def make_component(self) -> Proposer:
        """Return the proposer to test."""
        raise NotImplementedError("return the proposer to test")

    def make_pivots(self, truth: TrueMasks) -> list[PivotFrame]:
        """Return pivots of two phrases, on the last and the first frame that show the object."""
        frames = dict.fromkeys((find_visible_frames(truth)[-1], find_visible_frames(truth)[0]))
        return [PivotFrame(phrase=phrase, frame=frame) for phrase in (self.phrase, self.other_phrase) for frame in frames]

    def propose_candidates(self, video: Video, pivots: list[PivotFrame]) -> list[Candidates]:
        """Return the candidates, checked against the contract."""
        with self.load_component() as component:
            candidates: list[Candidates] = component.propose(video, pivots)
        _check_candidates(candidates, pivots, video)
        return candidates

    def build_tasks(self, video: Video, truth: TrueMasks) -> list[Task]:
        """Return a task that proposes boxes for two phrases on two frames."""
        pivots = self.make_pivots(truth)
        return [
            *super().build_tasks(video, truth),
            Task("propose", (pivots,), partial(_check_candidates, pivots=pivots, video=video)),
        ]

    def test_answers_each_pivot_in_order_with_boxes_inside_the_image(self) -> None:
        """It returns the candidates of each pivot in order: boxes inside the image, best first, and optional masks.

        Return one ``Candidates`` per pivot; boxes are ``xyxy`` in pixels of the video, masks are bool (N, H, W).
        """
        video, truth = self.make_video()
        self.propose_candidates(video, self.make_pivots(truth))

    @expect_nothing
    def test_answers_nothing_for_no_pivot(self) -> None:
        """It returns an empty list for no pivots.

        Return early if there is nothing to do.
        """
        answer = self.propose_candidates(self.make_video()[0], [])
        assert answer == [], f"expected [] for no pivot, got {answer!r}"

    @expect_nothing
    def test_no_candidates_is_an_answer(self) -> None:
        """It answers each pivot on a blank image, if necessary without boxes.

        Return ``Candidates(pivot=pivot, xyxy=np.zeros((0, 4)), scores=np.zeros(0))`` if nothing was detected.
        """
        video = ArrayVideo(np.full((2, 64, 96, 3), 128, np.uint8))
        unknown = Phrase(reference="1", text="the stethoscope", category="stethoscope")
        self.propose_candidates(video, [PivotFrame(phrase=unknown, frame=frame) for frame in (0, 1)])

    def test_pivots_may_come_in_any_order(self) -> None:
        """The candidates of a pivot do not depend on the order of the pivots.

        Handle each pivot independently, or restore the order of the pivots at the end.
        """
        video, truth = self.make_video()
        pivots = self.make_pivots(truth)
        difference = find_difference(self.propose_candidates(video, pivots), self.propose_candidates(video, pivots[::-1])[::-1])
        assert not difference, f"expected the same candidates in another order of pivots, got {difference}"

    def test_phrases_are_looked_for_by_themselves(self) -> None:
        """The candidates of a phrase do not depend on the other phrases.

        Query the model with one phrase at a time; if one prompt holds several phrases, keep their boxes apart.
        """
        video, truth = self.make_video()
        pivots = self.make_pivots(truth)
        own = [position for position, pivot in enumerate(pivots) if pivot.phrase == self.phrase]
        together = self.propose_candidates(video, pivots)
        difference = find_difference(
            self.propose_candidates(video, [pivots[position] for position in own]), [together[position] for position in own]
        )
        assert not difference, f"expected the same candidates without the other phrase, got {difference}"

    def test_frames_are_looked_at_by_themselves(self) -> None:
        """The candidates on a frame do not depend on the other frames.

        Process each frame independently; a proposer that compares frames declares ``frames_together = True``.
        """
        if self.frames_together:
            raise SkipTest("frames_together = True: it processes all frames of a phrase together")
        video, truth = self.make_video()
        pivots = self.make_pivots(truth)
        together = self.propose_candidates(video, pivots)
        alone = [each for pivot in pivots for each in self.propose_candidates(video, [pivot])]
        difference = find_difference(alone, together)
        assert not difference, f"expected the same candidates as for each pivot alone, got {difference}"


def _check_candidates(output: Any, pivots: list[PivotFrame], video: Video) -> None:
    contracts.check_list_of(output, Candidates)
    contracts.check_candidates(output, pivots, video)
