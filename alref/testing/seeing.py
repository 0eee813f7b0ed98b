"""What components promise that read texts, look at frames and make masks."""

from __future__ import annotations

import numpy as np

from alref import checks
from alref.arrays import Mask
from alref.records import Candidates, FrameMasks, Phrase, PivotBox, PivotFrame, Reference, objects
from alref.stages import Propagator, Proposer, SpatialReasoner, TemporalReasoner, Unifier
from alref.testing.stage import SQUARE, StageContract, around, square_box
from alref.testing.videos import ArrayVideo
from alref.video import Video


class UnifierContract(StageContract):
    """What a unifier promises: that it reads text."""

    def component(self) -> Unifier:
        """Return the unifier to test."""
        raise NotImplementedError("return the unifier to test")

    def reference(self) -> Reference:
        """Return a reference that it understands."""
        return Reference(id="1", text="the red square")

    def phrases(self) -> list[Phrase]:
        """Return what the unifier makes of the reference."""
        with self.at_work() as component:
            found: list[Phrase] = component.unify(self.video()[0], self.reference())
            return found

    def test_finds_phrases_of_the_reference(self) -> None:
        phrases = self.phrases()
        checks.each_is(phrases, Phrase)
        checks.phrases(phrases, [self.reference().id])
        assert phrases

    def test_gives_distinct_phrases(self) -> None:
        assert len(set(self.phrases())) == len(self.phrases())


class TemporalReasonerContract(StageContract):
    """What a temporal reasoner promises."""

    def component(self) -> TemporalReasoner:
        """Return the temporal reasoner to test."""
        raise NotImplementedError("return the temporal reasoner to test")

    def picked(self, phrases: list[Phrase]) -> list[PivotFrame]:
        """Return the pivots that it picks."""
        with self.at_work() as component:
            pivots: list[PivotFrame] = component.pick_frames(self.video()[0], phrases)
            return pivots

    def test_answers_for_each_phrase_in_the_video_and_says_why(self) -> None:
        other = SQUARE.model_copy(update={"reference": "2"})
        pivots = self.picked([SQUARE, other])
        checks.each_is(pivots, PivotFrame)
        checks.pivots(pivots, self.video()[0], ["1", "2"])
        assert {pivot.phrase.reference for pivot in pivots} == {"1", "2"}
        assert all(pivot.why for pivot in pivots)

    def test_answers_nothing_for_nothing(self) -> None:
        assert self.picked([]) == []


class SpatialReasonerContract(StageContract):
    """What a spatial reasoner promises."""

    def component(self) -> SpatialReasoner:
        """Return the spatial reasoner to test."""
        raise NotImplementedError("return the spatial reasoner to test")

    def test_picks_one_candidate_for_each_pivot_and_says_why(self) -> None:
        video, truth = self.video()
        asked = [_two_candidates(truth, frame) for frame in (0, len(truth) - 1)]
        with self.at_work() as component:
            boxes = component.pick_boxes(video, asked)
        checks.each_is(boxes, PivotBox)
        checks.boxes(boxes, asked, video)
        assert [box.pivot for box in boxes] == [each.pivot for each in asked]
        assert all(box.why for box in boxes)

    def test_answers_nothing_for_nothing(self) -> None:
        with self.at_work() as component:
            assert component.pick_boxes(self.video()[0], []) == []


def _two_candidates(truth: Mask, frame: int) -> Candidates:
    boxes = np.stack([around(truth[frame]), np.array([0, 0, 8, 8], np.float32)])
    return Candidates(pivot=PivotFrame(phrase=SQUARE, frame=frame), xyxy=boxes, scores=np.array([0.9, 0.2]))


class ProposerContract(StageContract):
    """What a proposer promises."""

    def component(self) -> Proposer:
        """Return the proposer to test."""
        raise NotImplementedError("return the proposer to test")

    def test_answers_each_pivot_in_order_with_boxes_inside_the_picture(self) -> None:
        video = self.video()[0]
        pivots = [PivotFrame(phrase=SQUARE, frame=frame) for frame in (len(video) - 1, 0)]
        with self.at_work() as component:
            candidates = component.propose(video, pivots)
        checks.each_is(candidates, Candidates)
        checks.candidates(candidates, pivots, video)

    def test_answers_nothing_for_nothing(self) -> None:
        with self.at_work() as component:
            assert component.propose(self.video()[0], []) == []


class PropagatorContract(StageContract):
    """What a propagator promises."""

    def component(self) -> Propagator:
        """Return the propagator to test."""
        raise NotImplementedError("return the propagator to test")

    def propagated(self, video: Video, boxes: list[PivotBox]) -> dict[int, FrameMasks]:
        """Return the masks of every frame, checked against the contract."""
        seen: dict[int, FrameMasks] = {}
        with self.at_work() as component:
            for masks in component.propagate(video, boxes):
                checks.frame_masks(masks, video, len(objects(boxes)), seen)
                seen[masks.frame] = masks
        checks.complete(seen, video)
        return seen

    def test_gives_every_frame_once_from_a_pivot_in_the_middle(self) -> None:
        video, truth = self.video()
        assert len(self.propagated(video, [square_box(truth, len(truth) // 2)])) == len(video)

    def test_keeps_objects_apart_and_in_order(self) -> None:
        video, truth = self.video()
        other = SQUARE.model_copy(update={"reference": "2"})
        boxes = [square_box(truth, 0), square_box(truth, len(truth) - 1, other)]
        assert all(len(each.masks) == 2 for each in self.propagated(video, boxes).values())

    def test_takes_several_pivots_of_one_object(self) -> None:
        video, truth = self.video()
        boxes = [square_box(truth, 0), square_box(truth, len(truth) - 1)]
        assert all(len(each.masks) == 1 for each in self.propagated(video, boxes).values())

    def test_starts_from_a_mask(self) -> None:
        video, truth = self.video()
        box = square_box(truth, 0).model_copy(update={"mask": truth[0]})
        first = self.propagated(video, [box])[0].masks[0]
        assert (first & truth[0]).sum() / (first | truth[0]).sum() > 0.8

    def test_takes_a_video_of_one_frame(self) -> None:
        _, truth = self.video()
        video = ArrayVideo(self.video()[0].frame(0)[None])
        assert len(self.propagated(video, [square_box(truth, 0)])) == 1
