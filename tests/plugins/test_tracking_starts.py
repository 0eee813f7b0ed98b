"""The tracker detect-and-follow with a proposer that gives masks: where a single object starts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from alref.audio.vocabulary import UNKNOWN_SOUND
from alref.components.base import Propagator, PropagatorOptions, Proposer, StageOptions
from alref.media.video import Video
from alref.records import Candidates, FrameMasks, ObjectTrack, Phrase, PivotBox, PivotFrame
from alref.testing import ArrayVideo
from alref.utils.masks import encode_mask
from alref_tracking import DetectAndFollow
from alref_tracking._detection import Detection
from alref_tracking._following import Followed

SIZE = 64, 96
FRAMES = 8
Box = tuple[int, int, int, int]
LOOSE, TIGHT, OTHER, SPECK = (10, 10, 40, 40), (14, 14, 40, 40), (60, 10, 90, 40), (70, 50, 73, 53)


class Masks(Proposer):
    """Proposes boxes, filled, with their scores: of all objects of a noun, or of the one object."""

    name = "masks"

    def __init__(self, several: Mapping[Box, float], alone: Mapping[Box, float], best: int) -> None:
        super().__init__(StageOptions())
        self.several, self.alone, self.best = several, alone, best
        self.asked: list[Phrase] = []

    def propose(self, video: Video, pivots: list[PivotFrame]) -> list[Candidates]:
        self.asked.append(pivots[0].phrase)
        return [self.look(pivot) for pivot in pivots]

    def look(self, pivot: PivotFrame) -> Candidates:
        is_alone = not pivot.phrase.text.startswith("every")
        found = self.alone if is_alone else self.several
        weight = 0.9 if is_alone and pivot.frame != self.best else 1.0
        boxes = np.array(list(found), np.float32).reshape(-1, 4)
        scores = weight * np.array(list(found.values()), np.float32)
        masks = np.stack([fill(box) for box in found]) if found else None
        return Candidates(pivot=pivot, xyxy=boxes, scores=scores, masks=masks)


class Stay(Propagator):
    """Gives the mask that it starts from on all frames."""

    name = "stay"
    Options = PropagatorOptions

    def __init__(self) -> None:
        super().__init__(PropagatorOptions(proposal_masks=True))
        self.starts: list[tuple[int | None, ...]] = []

    def propagate(self, video: Video, boxes: list[PivotBox]) -> Iterator[FrameMasks]:
        self.starts.append(tuple(box.pivot.frame for box in boxes))
        masks = np.stack([box.mask for box in boxes if box.mask is not None])
        for frame in range(len(video)):
            yield FrameMasks(frame=frame, masks=masks, scores=np.ones(len(boxes)))


def fill(box: Box) -> np.ndarray:
    mask = np.zeros(SIZE, bool)
    mask[box[1] : box[3], box[0] : box[2]] = True
    return mask


def track(proposer: Masks, noun: str = "cup") -> tuple[list[ObjectTrack], Stay]:
    tracker, propagator = DetectAndFollow(DetectAndFollow.Options()), Stay()
    tracker.parts = {"proposer": proposer, "propagator": propagator}
    return tracker.track(ArrayVideo(np.zeros((FRAMES, *SIZE, 3), np.uint8)), [noun]), propagator


def test_a_single_object_starts_where_it_is_best_seen_alone() -> None:
    proposer = Masks({LOOSE: 0.9, SPECK: 0.8}, {TIGHT: 0.9}, best=5)
    (first, *_), propagator = track(proposer)
    assert propagator.starts[0][0] == 5
    assert all(np.array_equal(first.decode_mask(frame), fill(TIGHT)) for frame in range(FRAMES))


def test_one_of_several_objects_is_refined_on_the_frame_of_all() -> None:
    found, propagator = track(Masks({OTHER: 0.9, LOOSE: 0.8}, {TIGHT: 0.9}, best=5))
    (starts,) = propagator.starts
    assert len(set(starts)) == 1
    assert [each.decode_mask(0).sum() for each in found] == [fill(OTHER).sum(), fill(TIGHT).sum()]


def test_an_object_of_an_unknown_kind_is_sought_by_its_sound() -> None:
    proposer = Masks({}, {LOOSE: 0.9}, best=5)
    (found,), _ = track(proposer, UNKNOWN_SOUND)
    assert found.noun == UNKNOWN_SOUND
    assert {(each.text, each.category, each.sound) for each in proposer.asked} == {(UNKNOWN_SOUND, "", True)}
    known = Masks({LOOSE: 0.9}, {LOOSE: 0.9}, best=5)
    track(known)
    assert not any(each.sound for each in known.asked)


def test_another_place_is_no_start() -> None:
    (first,), _ = track(Masks({LOOSE: 0.9}, {OTHER: 0.9, TIGHT: 0.5}, best=5))
    assert np.array_equal(first.decode_mask(0), fill(TIGHT))
    (kept,), _ = track(Masks({LOOSE: 0.9}, {OTHER: 0.9}, best=5))
    assert np.array_equal(kept.decode_mask(0), fill(LOOSE))


def make_followed(box: Box, seen: range, confirmed: Mapping[int, float]) -> Followed:
    rles = [encode_mask(fill(box) & (frame in seen)) for frame in range(FRAMES)]
    known = {frame: Detection(frame, np.array(box, np.float32), score) for frame, score in confirmed.items()}
    return Followed([], rles, [1.0] * FRAMES, known)


def test_an_object_that_leaves_is_not_behind_a_weaker_one_that_stays() -> None:
    searched = list(range(FRAMES))
    leaves = make_followed(LOOSE, range(5), {0: 0.6, 2: 0.9, 4: 0.5})
    stays = make_followed(OTHER, range(FRAMES), dict.fromkeys(searched, 0.35))
    assert leaves.measure_score(searched) > stays.measure_score(searched)
    glimpse = make_followed(LOOSE, range(1), {0: 0.9})
    assert glimpse.measure_score(searched) < stays.measure_score(searched)
