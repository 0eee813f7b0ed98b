"""The helpers of propagators, and the progress that any component can report."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from alref import (
    Candidates,
    Frame,
    PackedMasks,
    PivotBox,
    PivotFrame,
    Reference,
    fit_mask,
    follow_objects,
    group_boxes,
    hookimpl,
    make_start_mask,
    split_frames,
)
from alref.components.propagation import Step
from alref.errors import ContractError
from alref.records import StageEvent
from alref.testing import GROUND, SQUARE, make_moving_square, make_square_box
from alref.utils.masks import Mask
from support.scripted import Script

VIDEO, TRUTH = make_moving_square()


def test_boxes_are_grouped_by_object_in_the_order_of_the_masks() -> None:
    boxes = [make_square_box(TRUTH, 3), make_square_box(TRUTH, 1, GROUND), make_square_box(TRUTH, 0)]
    assert [[box.pivot.frame for box in own] for own in group_boxes(boxes)] == [[3, 0], [1]]


def test_the_first_mask_is_the_given_one_or_the_box() -> None:
    box = make_square_box(TRUTH, 2)
    assert (make_start_mask(VIDEO, box) == TRUTH[2]).all()
    half = np.tri(VIDEO.height, VIDEO.width, dtype=bool)
    assert (make_start_mask(VIDEO, box.model_copy(update={"mask": half})) == half).all()
    outside = box.model_copy(update={"xyxy": np.array([-5.0, -5.0, 2.4, 3.0], np.float32)})
    assert make_start_mask(VIDEO, outside).sum() == 3 * 3
    absent = PivotBox(pivot=PivotFrame(phrase=SQUARE, frame=0), finding="absent")
    assert not make_start_mask(VIDEO, absent).any()


def test_every_frame_belongs_to_the_nearest_pivot_and_is_walked_to_in_order() -> None:
    first, last = split_frames([7, 2, 7], 10)
    assert (first.pivot, first.after, first.before) == (2, (2, 3, 4), (1, 0))
    assert (last.pivot, last.after, last.before) == (7, (7, 8, 9), (6, 5))


@pytest.mark.parametrize("count", [1, 2, 7, 30])
def test_ranges_hold_every_frame_once(count: int) -> None:
    for pivots in ({0}, {count - 1}, {0, count // 2, count - 1}):
        frames = [frame for each in split_frames(pivots, count) for frame in (*each.after, *each.before)]
        assert sorted(frames) == list(range(count))


def test_packed_masks_come_back_exactly() -> None:
    masks = np.random.default_rng(0).random((3, 5, 7)) < 0.5
    packed = PackedMasks(5, 7)
    for frame, mask in enumerate(masks):
        packed[frame, 0] = mask
    assert (packed[1, 0] == masks[1]).all()
    assert (packed.pop((2, 0)) == masks[2]).all()
    assert (2, 0) not in packed
    assert (0, 0) in packed
    with pytest.raises(ContractError, match=r"\(5, 7\).*\(5, 6\)"):
        packed[3, 0] = masks[0, :, :6]


def test_any_component_reports_its_progress() -> None:
    script, events = Script(), list[StageEvent]()

    class Observer:
        @hookimpl
        def stage_advanced(self, event: StageEvent) -> None:
            events.append(event)

    with script.pipeline() as pipeline:
        proposer = pipeline._stages["proposer"]

        def propose(video: Any, pivots: list[PivotFrame]) -> list[Candidates]:
            proposer.advance(1, 4)
            return [Candidates(pivot=pivot, xyxy=[[0, 0, 5, 5]], scores=[1.0]) for pivot in pivots]

        script.answers["propose"] = propose
        pipeline.plugins.add_observer(Observer())
        pipeline.run(VIDEO, [Reference(text="the red square")])
    found = [(event.stage, event.method, event.done, event.total) for event in events]
    assert ("proposer", "propose", 1, 4) in found
    assert ("propagator", "propagate", len(VIDEO), len(VIDEO)) in found


def test_objects_are_followed_in_both_directions_from_their_nearest_pivot() -> None:
    calls: list[tuple[int, int]] = []
    images = [VIDEO.read_frame(frame).tobytes() for frame in range(len(VIDEO))]

    def start(image: Frame, mask: Mask) -> Step:
        pivot = images.index(image.tobytes())
        assert (mask == TRUTH[pivot]).all()

        def step(image: Frame) -> tuple[Mask, float]:
            calls.append((pivot, images.index(image.tobytes())))
            return TRUTH[calls[-1][1]], 0.5

        return step

    boxes = [make_square_box(TRUTH, 1), make_square_box(TRUTH, 6), make_square_box(TRUTH, 3, GROUND)]
    found = {each.frame: each for each in follow_objects(VIDEO, boxes, start)}
    assert sorted(found) == list(range(len(VIDEO)))
    assert all((mask == TRUTH[frame]).all() for frame, each in found.items() for mask in each.masks)
    assert [(frame, each.scores.tolist()) for frame, each in sorted(found.items()) if 1.0 in each.scores] == [
        (1, [1.0, 0.5]),
        (3, [0.5, 1.0]),
        (6, [1.0, 0.5]),
    ]
    own = {pivot: [frame for used, frame in calls if used == pivot] for pivot in (1, 3, 6)}
    assert own == {1: [2, 3, 0], 6: [7, 5, 4], 3: [4, 5, 6, 7, 2, 1, 0]}


def test_frames_are_yielded_as_soon_as_they_are_known() -> None:
    reads: list[int] = []

    def start(image: Frame, mask: Mask) -> Step:
        def step(image: Frame) -> tuple[Mask, float]:
            reads.append(1)
            return mask, 1.0

        return step

    frames = [(each.frame, len(reads)) for each in follow_objects(VIDEO, [make_square_box(TRUTH, 0)], start)]
    assert frames == [(frame, frame) for frame in range(len(VIDEO))]


@pytest.mark.parametrize(
    ("xyxy", "rows", "columns"),
    [
        ((4, 4, 8, 6), (4, 6), (4, 8)),
        ((-2, -1, 2, 1), (0, 1), (0, 2)),
        ((8, 5, 12, 9), (5, 7), (8, 10)),
        ((30, 0, 40, 3), (0, 0), (0, 0)),
    ],
)
def test_a_mask_is_moved_to_a_box(xyxy: tuple[int, ...], rows: tuple[int, int], columns: tuple[int, int]) -> None:
    mask = np.zeros((7, 10), bool)
    mask[1:3, 1:3] = True
    expected = np.zeros_like(mask)
    expected[slice(*rows), slice(*columns)] = True
    assert (fit_mask(mask, np.array(xyxy, np.float32)) == expected).all()
    assert not fit_mask(np.zeros_like(mask), np.array(xyxy, np.float32)).any()


def test_candidates_of_masks_are_sorted_and_have_tight_boxes() -> None:
    pivot = PivotFrame(phrase=SQUARE, frame=2)
    masks = np.stack([TRUTH[2], np.zeros_like(TRUTH[2]), ~TRUTH[2]])
    found = Candidates.from_masks(pivot, masks, [0.3, 0.9, 0.5], labels=["square", "nothing", "ground"])
    height, width = TRUTH[2].shape
    assert (found.labels, found.scores.tolist()) == (("ground", "square"), pytest.approx([0.5, 0.3]))
    assert (found.xyxy[0] == [0, 0, width, height]).all()
    assert (found.xyxy[1] == make_square_box(TRUTH, 2).xyxy).all()
    assert found.masks is not None
    assert (found.masks[1] == TRUTH[2]).all()
    assert len(Candidates.from_masks(pivot, masks[1:2], [0.9])) == len(Candidates.from_masks(pivot, [], [])) == 0
