"""The contract of a propagator."""

from __future__ import annotations

from functools import partial
from typing import Any
from unittest import SkipTest

import numpy as np

from alref.components.base import Propagator
from alref.errors import ContractError
from alref.media.video import Video
from alref.pipeline import contracts
from alref.records import FrameMasks, PivotBox, list_object_phrases
from alref.testing.contract import Task, TrueMasks
from alref.testing.diff import find_difference
from alref.testing.endurance import EnduranceContract
from alref.testing.shapes import find_visible_frames, make_square_box
from alref.utils.masks import compute_box

MIN_IOU = 0.8
"""Least intersection over union of a given mask and the mask returned on its frame."""


class PropagatorContract(EnduranceContract):
    """The contract of a propagator. Override ``make_component``. The engine never calls it without a box."""

    def make_component(self) -> Propagator:
        """Return the propagator to test."""
        raise NotImplementedError("return the propagator to test")

    def make_box(self, truth: TrueMasks, frame: int, reference: str = "1") -> PivotBox:
        """Return the pivot box around the true object of a frame; another ``reference`` is another object."""
        return make_square_box(truth, frame, self.phrase.model_copy(update={"reference": reference}))

    def propagate_masks(self, video: Video, boxes: list[PivotBox]) -> dict[int, FrameMasks]:
        """Return the masks of every frame by frame index, checked against the contract."""
        with self.load_component() as component:
            output = list(component.propagate(video, boxes))
        _check_frame_masks(output, boxes, video)
        return {each.frame: each for each in output}

    def build_tasks(self, video: Video, truth: TrueMasks) -> list[Task]:
        """Return a task that propagates two objects, from the middle and the end of the frames that show the square."""
        frames = find_visible_frames(truth)
        boxes = [self.make_box(truth, frames[len(frames) // 2]), self.make_box(truth, frames[-1], "2")]
        return [
            *super().build_tasks(video, truth),
            Task("propagate", (boxes,), partial(_check_frame_masks, boxes=boxes, video=video)),
        ]

    def test_gives_every_frame_once_with_bool_masks_of_its_size(self) -> None:
        """It yields each frame exactly once, also those before the pivot, with masks bool (P, H, W) and scores from 0 to 1.

        Propagate from the pivot in both directions; yield ``FrameMasks`` with one mask of the video's size per object.
        """
        video, truth = self.make_video()
        frames = find_visible_frames(truth)
        self.propagate_masks(video, [self.make_box(truth, frames[len(frames) // 2])])

    def test_keeps_objects_apart(self) -> None:
        """It propagates several objects in one pass, each with its own mask.

        The first axis of the masks follows ``alref.records.list_object_phrases(boxes)``; propagate each object independently.
        """
        video, truth = self.make_video()
        frame = find_visible_frames(truth)[0]
        square = np.asarray(truth[frame])
        ground = np.roll(square, (-square.shape[0] // 4, square.shape[1] // 2), (0, 1)) & ~square
        boxes = [
            _set_mask(self.make_box(truth, frame), square),
            _set_mask(self.make_box(truth, frame, "2").model_copy(update={"xyxy": compute_box(ground)}), ground),
        ]
        for given, name in ((boxes, "first"), (boxes[::-1], "second")):
            masks = self.propagate_masks(video, given)[frame].masks
            for position, box in enumerate(given):
                overlaps = [_compute_iou(mask, np.asarray(box.mask)) for mask in masks]
                assert int(np.argmax(overlaps)) == position, (
                    f"expected object {position} at its own mask with the {name} order of boxes, got IoU {overlaps}"
                )

    def test_takes_several_pivots_of_one_object(self) -> None:
        """Several boxes of one phrase are prompts for one object with one mask.

        Group the boxes by ``box.pivot.phrase``.
        """
        video, truth = self.make_video()
        frames = find_visible_frames(truth)
        self.propagate_masks(video, [self.make_box(truth, frames[0]), self.make_box(truth, frames[-1])])

    def test_starts_from_a_mask(self) -> None:
        """A mask takes precedence over the box.

        If ``box.mask`` is not None, use it instead of the box, and return it on its own frame.
        """
        video, truth = self.make_video()
        frame = find_visible_frames(truth)[0]
        half = np.tri(video.height, video.width, dtype=np.bool_)
        start = np.asarray(truth[frame]) & np.roll(half, np.argwhere(truth[frame])[0], (0, 1))
        masks = self.propagate_masks(video, [_set_mask(self.make_box(truth, frame), start)])[frame].masks
        overlap = _compute_iou(masks[0], start)
        assert overlap > MIN_IOU, f"expected the given mask on its frame, got one with IoU {overlap:.2f}"

    def test_takes_the_points_that_it_declares(self) -> None:
        """With ``points`` in ``prompts``, it takes points without a box, beside a box, and beside a mask that they correct.

        ``box.point_labels`` says which points are on the object; the points are in pixels of the video. Without ``points`` in
        ``prompts`` it never gets any.
        """
        self._skip_unless_declared("points")
        video, truth = self.make_video()
        frame = find_visible_frames(truth)[0]
        box = self.make_box(truth, frame)
        assert box.xyxy is not None, "the square has a box"
        center, corner = (box.xyxy[:2] + box.xyxy[2:]) / 2, np.zeros(2, np.float32)
        points = {"points": np.stack([center, corner]).astype(np.float32), "point_labels": np.array([True, False])}
        for given in ({"xyxy": None}, {}, {"mask": np.asarray(truth[frame])}):
            self.propagate_masks(video, [box.model_copy(update={**given, **points})])

    def test_empties_a_frame_without_the_object(self) -> None:
        """With ``absent`` in ``prompts``, an object has no mask on the frame of a box whose finding is ``absent``.

        The other frames have masks as before; an object that is only absent has none. Without ``absent`` in ``prompts`` it
        never gets such a box.
        """
        self._skip_unless_declared("absent")
        video, truth = self.make_video()
        frames = find_visible_frames(truth)
        start = _set_mask(self.make_box(truth, frames[0]), np.asarray(truth[frames[0]]))
        gone = self.make_box(truth, frames[-1]).model_copy(update={"finding": "absent", "xyxy": None})
        found = self.propagate_masks(video, [start, gone])
        assert not found[frames[-1]].masks.any(), f"expected no mask on frame {frames[-1]}, where the object is absent"
        assert found[frames[0]].masks.any(), f"expected a mask on frame {frames[0]}, where it is given"
        alone = self.propagate_masks(video, [gone])
        assert not any(each.masks.any() for each in alone.values()), "expected no mask of an object that is only absent"

    def _skip_unless_declared(self, kind: str) -> None:
        if kind not in self.make_component().prompts:
            raise SkipTest(f"{kind!r} is not in prompts: it never gets {kind}")

    def test_boxes_may_come_in_any_order(self) -> None:
        """The masks of an object do not depend on the order of the boxes.

        Handle the objects independently, and choose among several pivots of one object by frame or score, never by position.
        """
        video, truth = self.make_video()
        frames = find_visible_frames(truth)
        boxes = [self.make_box(truth, frames[0]), self.make_box(truth, frames[1], "2"), self.make_box(truth, frames[-1])]
        for order in ([1, 0, 2], [2, 1, 0]):
            mixed = [boxes[position] for position in order]
            expected, got = self.propagate_masks(video, boxes), self.propagate_masks(video, mixed)
            for frame in range(len(video)):
                difference = find_difference(*(_group_by_object(*each, frame) for each in ((expected, boxes), (got, mixed))))
                assert not difference, (
                    f"frame {frame}: expected the same masks with boxes in the order {order}, got {difference}"
                )

    def test_may_be_called_between_two_frames(self) -> None:
        """It may be called again before it has yielded all frames, and continues as before.

        ``alref studio`` shows what a click gives while a propagation runs. Hold the state of a call in the call, not in the
        component.
        """
        video, truth = self.make_video()
        box = self.make_box(truth, find_visible_frames(truth)[0])
        with self.load_component() as component:
            alone = list(component.propagate(video, [box]))
            walk = component.propagate(video, [box])
            mixed = [next(walk)]
            other = self.make_box(truth, find_visible_frames(truth)[-1], "2")
            list(component.propagate(video, [other, box]))
            mixed += walk
        difference = find_difference(alone, mixed)
        assert not difference, f"expected the same masks with another call after the first frame, got {difference}"

    def test_takes_a_box_one_pixel_wide(self) -> None:
        """It works with a box that is one pixel wide or one pixel high.

        Check where a box is rounded to zero size, or is smaller than one cell of the feature grid.
        """
        video, truth = self.make_video()
        for side in (2, 3):
            box = self.make_box(truth, find_visible_frames(truth)[0])
            thin = np.array(box.xyxy)
            thin[side] = thin[side - 2] + 1
            self.propagate_masks(video, [box.model_copy(update={"xyxy": thin})])


def _check_frame_masks(output: list[Any], boxes: list[PivotBox], video: Video) -> None:
    seen: set[int] = set()
    for masks in output:
        contracts.check_frame_masks(masks, video, len(list_object_phrases(boxes)), seen)
        if masks.masks.dtype != np.bool_:
            raise ContractError(f"frame {masks.frame}: expected masks of dtype bool, got {masks.masks.dtype}")
        seen.add(masks.frame)
    contracts.check_all_frames(seen, video)


def _set_mask(box: PivotBox, mask: Any) -> PivotBox:
    return box.model_copy(update={"mask": mask})


def _compute_iou(one: Any, other: Any) -> float:
    return float((one & other).sum() / max(1, (one | other).sum()))


def _group_by_object(frames: dict[int, FrameMasks], boxes: list[PivotBox], frame: int) -> list[Any]:
    pairs = sorted(
        zip(list_object_phrases(boxes), range(len(list_object_phrases(boxes))), strict=True), key=lambda pair: pair[0].reference
    )
    return [[frames[frame].masks[position], frames[frame].scores[position]] for _, position in pairs]
