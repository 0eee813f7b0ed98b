"""The contracts of reasoners."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from alref.components.base import Reasoner, SpatialReasoner, TemporalReasoner
from alref.media.video import Video
from alref.pipeline import contracts
from alref.records import Candidates, Phrase, PivotBox, PivotFrame
from alref.testing.contract import Task, TrueMasks, expect_nothing
from alref.testing.diff import find_difference
from alref.testing.endurance import EnduranceContract
from alref.testing.shapes import FrameContract, find_visible_frames
from alref.utils.masks import compute_box


class TemporalReasonerContract(EnduranceContract):
    """The contract of a temporal reasoner. Override ``make_component``."""

    def make_component(self) -> TemporalReasoner:
        """Return the temporal reasoner to test."""
        raise NotImplementedError("return the temporal reasoner to test")

    def pick_frames(self, phrases: list[Phrase]) -> list[PivotFrame]:
        """Return the pivot frames."""
        with self.load_component() as component:
            pivots: list[PivotFrame] = component.pick_frames(self.make_video()[0], phrases)
            return pivots

    def build_tasks(self, video: Video, truth: TrueMasks) -> list[Task]:
        """Return a task that picks frames for two phrases."""
        check = _PivotCheck(video, ["1", "2"])
        return [*super().build_tasks(video, truth), Task("pick_frames", ([self.phrase, self.other_phrase],), check)]

    def test_answers_for_each_phrase_in_the_video_and_says_why(self) -> None:
        """It answers each phrase with frames of the video or with absent, and gives a reason.

        Return a ``PivotFrame`` for each phrase with a text in ``why``; for an absent phrase, ``finding="absent"`` and no frame.
        """
        pivots = self.pick_frames([self.phrase, self.other_phrase])
        _PivotCheck(self.make_video()[0], ["1", "2"])(pivots)
        answered = {pivot.phrase.reference for pivot in pivots}
        assert answered == {"1", "2"}, f"expected pivots of references 1 and 2, got those of {sorted(answered)}"
        assert all(pivot.why for pivot in pivots), f"expected a text in why, got {[pivot.why for pivot in pivots]}"

    @expect_nothing
    def test_answers_nothing_for_no_phrase(self) -> None:
        """It returns an empty list for no phrases.

        Return early if there is nothing to do.
        """
        answer = self.pick_frames([])
        assert answer == [], f"expected [] for no phrase, got {answer!r}"

    def test_phrases_may_come_in_any_order(self) -> None:
        """The answers do not depend on the order of the phrases.

        Handle each phrase independently, or sort the phrases first.
        """
        phrases = [self.phrase, self.other_phrase]
        forwards, backwards = self.pick_frames(phrases), self.pick_frames(phrases[::-1])
        difference = find_difference(_sort_by_phrase(forwards), _sort_by_phrase(backwards))
        assert not difference, f"expected the same pivots in another order of phrases, got {difference}"


class SpatialReasonerContract(FrameContract):
    """The contract of a spatial reasoner. Override ``make_component``."""

    def make_component(self) -> SpatialReasoner:
        """Return the spatial reasoner to test."""
        raise NotImplementedError("return the spatial reasoner to test")

    def make_candidates(self, truth: TrueMasks) -> list[Candidates]:
        """Return two candidates, the object and a corner, on the first and the last frame that show the object."""
        frames = dict.fromkeys((find_visible_frames(truth)[0], find_visible_frames(truth)[-1]))
        corner = np.array([0, 0, 8, 8], np.float32)
        return [self.make_frame_candidates(frame, np.stack([compute_box(truth[frame]), corner])) for frame in frames]

    def make_frame_candidates(self, frame: int, boxes: npt.NDArray[np.float32]) -> Candidates:
        """Return two boxes, float32 (2, 4), as candidates for the object."""
        return Candidates(pivot=PivotFrame(phrase=self.phrase, frame=frame), xyxy=boxes, scores=np.array([0.9, 0.2]))

    def pick_boxes(self, video: Video, candidates: list[Candidates]) -> list[PivotBox]:
        """Return the pivot boxes, checked against the contract."""
        with self.load_component() as component:
            boxes: list[PivotBox] = component.pick_boxes(video, candidates)
        _BoxCheck(video, candidates)(boxes)
        return boxes

    def build_tasks(self, video: Video, truth: TrueMasks) -> list[Task]:
        """Return a task that picks boxes on two frames."""
        candidates = self.make_candidates(truth)
        return [*super().build_tasks(video, truth), Task("pick_boxes", (candidates,), _BoxCheck(video, candidates))]

    def test_picks_one_candidate_for_each_pivot_and_says_why(self) -> None:
        """It answers each pivot in order with one box inside the image or with absent, and gives a reason.

        Return one ``PivotBox`` per entry of ``candidates``, with the pivot of the entry and a text in ``why``.
        """
        video, truth = self.make_video()
        candidates = self.make_candidates(truth)
        boxes = self.pick_boxes(video, candidates)
        assert [box.pivot for box in boxes] == [each.pivot for each in candidates], (
            f"expected one box for each of {len(candidates)} pivots in their order, got {[box.pivot.frame for box in boxes]}"
        )
        assert all(box.why for box in boxes), f"expected a text in why, got {[box.why for box in boxes]}"

    @expect_nothing
    def test_answers_nothing_for_no_candidates(self) -> None:
        """It returns an empty list for no candidates.

        Return early if there is nothing to do.
        """
        answer = self.pick_boxes(self.make_video()[0], [])
        assert answer == [], f"expected [] for no candidates, got {answer!r}"

    def test_candidates_may_come_in_any_order(self) -> None:
        """The box of a pivot does not depend on the order of the pivots.

        Handle each entry independently.
        """
        video, truth = self.make_video()
        candidates = self.make_candidates(truth)
        difference = find_difference(self.pick_boxes(video, candidates), self.pick_boxes(video, candidates[::-1])[::-1])
        assert not difference, f"expected the same boxes in another order of pivots, got {difference}"

    def test_takes_candidates_one_pixel_wide(self) -> None:
        """It works on candidates that are one pixel wide or high.

        Check where a box is cropped, shrunk or rounded to zero size.
        """
        video, truth = self.make_video()
        left, top, right, bottom = compute_box(truth[find_visible_frames(truth)[0]])
        thin = np.array([[left, top, left + 1, bottom], [left, top, right, top + 1]], np.float32)
        self.pick_boxes(video, [self.make_frame_candidates(find_visible_frames(truth)[0], thin)])


class ReasonerContract(TemporalReasonerContract, SpatialReasonerContract):
    """The contract of a reasoner that picks both frames and boxes. Override ``make_component``."""

    def make_component(self) -> Reasoner:
        """Return the reasoner to test."""
        raise NotImplementedError("return the reasoner to test")


class _PivotCheck:
    def __init__(self, video: Video, ids: list[str]) -> None:
        self._video, self._ids = video, ids

    def __call__(self, output: Any) -> None:
        contracts.check_list_of(output, PivotFrame)
        contracts.check_pivots(output, self._video, self._ids)


class _BoxCheck:
    def __init__(self, video: Video, candidates: list[Candidates]) -> None:
        self._video, self._candidates = video, candidates

    def __call__(self, output: Any) -> None:
        contracts.check_list_of(output, PivotBox)
        contracts.check_boxes(output, self._candidates, self._video)


def _sort_by_phrase(pivots: Sequence[PivotFrame]) -> list[PivotFrame]:
    return sorted(pivots, key=lambda pivot: (pivot.phrase.reference, pivot.phrase.text, pivot.frame or 0))
