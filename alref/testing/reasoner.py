"""What reasoners promise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from alref.components.base import Reasoner, SpatialReasoner, TemporalReasoner
from alref.media.video import Video
from alref.pipeline import contracts
from alref.records import Candidates, Phrase, PivotBox, PivotFrame
from alref.testing.contract import Task, Truth
from alref.testing.diff import difference
from alref.testing.endurance import LastingContract
from alref.testing.shapes import OTHER, SQUARE, SeeingContract, around, shown


class TemporalReasonerContract(LastingContract):
    """What a temporal reasoner promises. Override ``component``."""

    def component(self) -> TemporalReasoner:
        """Return the temporal reasoner to test."""
        raise NotImplementedError("return the temporal reasoner to test")

    def picked(self, phrases: list[Phrase]) -> list[PivotFrame]:
        """Return the pivots that it picks."""
        with self.at_work() as component:
            pivots: list[PivotFrame] = component.pick_frames(self.video()[0], phrases)
            return pivots

    def tasks(self, video: Video, truth: Truth) -> list[Task]:
        """Return the task to pick frames for two phrases."""
        check = _Pivots(video, ["1", "2"])
        return [*super().tasks(video, truth), Task("pick_frames", ([SQUARE, OTHER],), check)]

    def test_answers_for_each_phrase_in_the_video_and_says_why(self) -> None:
        """It answers each phrase with frames of the video, or says that it is absent, and says why.

        Return a ``PivotFrame`` for each phrase with ``why`` in words; where there is none, ``finding="absent"`` and no frame.
        """
        pivots = self.picked([SQUARE, OTHER])
        _Pivots(self.video()[0], ["1", "2"])(pivots)
        answered = {pivot.phrase.reference for pivot in pivots}
        assert answered == {"1", "2"}, f"expected pivots of references 1 and 2, got those of {sorted(answered)}"
        assert all(pivot.why for pivot in pivots), f"expected words in why, got {[pivot.why for pivot in pivots]}"

    def test_answers_nothing_for_no_phrase(self) -> None:
        """Without a phrase it returns an empty list.

        Return early where there is nothing to do.
        """
        said = self.picked([])
        assert said == [], f"expected [] for no phrase, got {said!r}"

    def test_phrases_may_come_in_any_order(self) -> None:
        """Its answers do not depend on the order of the phrases.

        Answer each phrase by itself, or sort them first.
        """
        forwards, backwards = self.picked([SQUARE, OTHER]), self.picked([OTHER, SQUARE])
        apart = difference(_by_phrase(forwards), _by_phrase(backwards))
        assert not apart, f"expected the same pivots in another order of phrases, got {apart}"


class SpatialReasonerContract(SeeingContract):
    """What a spatial reasoner promises. Override ``component``."""

    def component(self) -> SpatialReasoner:
        """Return the spatial reasoner to test."""
        raise NotImplementedError("return the spatial reasoner to test")

    def boxes(self, video: Video, asked: list[Candidates]) -> list[PivotBox]:
        """Return the boxes that it picks, checked against the contract."""
        with self.at_work() as component:
            boxes: list[PivotBox] = component.pick_boxes(video, asked)
        _Boxes(video, asked)(boxes)
        return boxes

    def tasks(self, video: Video, truth: Truth) -> list[Task]:
        """Return the task to pick boxes on two frames."""
        asked = _asked(truth)
        return [*super().tasks(video, truth), Task("pick_boxes", (asked,), _Boxes(video, asked))]

    def test_picks_one_candidate_for_each_pivot_and_says_why(self) -> None:
        """It answers each pivot, in their order, with one box inside the picture or absent, and says why.

        Return one ``PivotBox`` for each entry of ``candidates``, with that entry's pivot and ``why`` in words.
        """
        video, truth = self.video()
        asked = _asked(truth)
        boxes = self.boxes(video, asked)
        assert [box.pivot for box in boxes] == [each.pivot for each in asked], (
            f"expected one box for each of {len(asked)} pivots in their order, got {[box.pivot.frame for box in boxes]}"
        )
        assert all(box.why for box in boxes), f"expected words in why, got {[box.why for box in boxes]}"

    def test_answers_nothing_for_no_candidates(self) -> None:
        """Without candidates it returns an empty list.

        Return early where there is nothing to do.
        """
        said = self.boxes(self.video()[0], [])
        assert said == [], f"expected [] for no candidates, got {said!r}"

    def test_candidates_may_come_in_any_order(self) -> None:
        """The box of a pivot does not depend on the order of the pivots.

        Judge each entry by itself.
        """
        video, truth = self.video()
        asked = _asked(truth)
        apart = difference(self.boxes(video, asked), self.boxes(video, asked[::-1])[::-1])
        assert not apart, f"expected the same boxes in another order of pivots, got {apart}"

    def test_takes_candidates_one_pixel_wide(self) -> None:
        """It works on candidates that are one pixel wide or high.

        Look where a box is cut out, shrunk or rounded to nothing.
        """
        video, truth = self.video()
        left, top, right, bottom = around(truth[shown(truth)[0]])
        thin = np.array([[left, top, left + 1, bottom], [left, top, right, top + 1]], np.float32)
        self.boxes(video, [_candidates(shown(truth)[0], thin)])


class ReasonerContract(TemporalReasonerContract, SpatialReasonerContract):
    """What a reasoner promises that picks both frames and boxes. Override ``component``."""

    def component(self) -> Reasoner:
        """Return the reasoner to test."""
        raise NotImplementedError("return the reasoner to test")


class _Pivots:
    def __init__(self, video: Video, ids: list[str]) -> None:
        self._video, self._ids = video, ids

    def __call__(self, output: Any) -> None:
        contracts.each_is(output, PivotFrame)
        contracts.pivots(output, self._video, self._ids)


class _Boxes:
    def __init__(self, video: Video, asked: list[Candidates]) -> None:
        self._video, self._asked = video, asked

    def __call__(self, output: Any) -> None:
        contracts.each_is(output, PivotBox)
        contracts.boxes(output, self._asked, self._video)


def _asked(truth: Truth) -> list[Candidates]:
    """Return two candidates on the first and the last frame that shows the square: the square itself and a corner."""
    frames = dict.fromkeys((shown(truth)[0], shown(truth)[-1]))
    corner = np.array([0, 0, 8, 8], np.float32)
    return [_candidates(frame, np.stack([around(truth[frame]), corner])) for frame in frames]


def _candidates(frame: int, boxes: Any) -> Candidates:
    return Candidates(pivot=PivotFrame(phrase=SQUARE, frame=frame), xyxy=boxes, scores=np.array([0.9, 0.2]))


def _by_phrase(pivots: Sequence[PivotFrame]) -> list[PivotFrame]:
    return sorted(pivots, key=lambda pivot: (pivot.phrase.reference, pivot.phrase.text, pivot.frame or 0))
