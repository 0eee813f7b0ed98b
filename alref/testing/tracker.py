"""The contract of a tracker."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from alref.components.base import Propagator, Proposer, Stage, StageOptions, Tracker
from alref.media.array_video import ArrayVideo
from alref.media.video import Frame, Video
from alref.pipeline import contracts
from alref.records import Candidates, FrameMasks, ObjectTrack, PivotBox, PivotFrame, list_object_phrases
from alref.testing.contract import Task, TrueMasks, expect_nothing
from alref.testing.diff import find_difference
from alref.testing.endurance import EnduranceContract
from alref.utils.masks import Mask, compute_box

BRIGHT = 150
"""Value of the brightest channel from which the stand-ins take a pixel for the object of the test video."""


class TrackerContract(EnduranceContract):
    """The contract of a tracker. Override ``make_component``.

    A tracker that uses components of other slots gets those of ``make_part``: by default a proposer and a propagator that see
    what is bright, which suits the test video.
    """

    def make_component(self) -> Tracker:
        """Return the tracker to test."""
        raise NotImplementedError("return the tracker to test")

    def make_part(self, slot: str) -> Stage:
        """Return a component for a slot that the tracker uses. Raises NotImplementedError for one without a stand-in."""
        stand_ins: dict[str, type[Stage]] = {"proposer": BrightProposer, "propagator": BrightPropagator}
        if slot not in stand_ins:
            raise NotImplementedError(f"return a component for the slot {slot}, which the tracker uses")
        return stand_ins[slot](StageOptions())

    def prepare_component(self) -> Stage:
        """Return a new instance with the components that it uses."""
        component = self.make_component()
        component.parts.update({slot: self.make_part(slot) for slot in component.uses})
        return component

    def track(self, nouns: list[str]) -> list[ObjectTrack]:
        """Return the tracks of the test video, checked against the contract."""
        video = self.make_video()[0]
        with self.load_component() as component:
            tracks: list[ObjectTrack] = component.track(video, nouns)
        _check_tracks(tracks, nouns, video)
        return tracks

    def build_tasks(self, video: Video, truth: TrueMasks) -> list[Task]:
        """Return a task that tracks one noun."""
        check = partial(_check_tracks, nouns=[self.category], video=video)
        return [*super().build_tasks(video, truth), Task("track", ([self.category],), check)]

    def test_gives_every_track_a_mask_for_each_frame_and_numbers_them_by_score(self) -> None:
        """Its tracks have one mask and one score for every frame, ids from 1, the best score first.

        Return an ``ObjectTrack`` per object, with the noun as given; a frame without the object has an empty mask. Leave out an
        object that is seen on no frame.
        """
        self.track([self.category, self.other_category])

    @expect_nothing
    def test_tracks_nothing_for_no_noun(self) -> None:
        """It returns an empty list for no nouns.

        Return early if there is nothing to do.
        """
        answer = self.track([])
        assert answer == [], f"expected [] for no noun, got {answer!r}"

    @expect_nothing
    def test_no_track_is_an_answer(self) -> None:
        """It works on a video in which nothing is to be seen, if necessary without a track.

        Return an empty list if no object was found.
        """
        video = ArrayVideo(np.full((2, 64, 96, 3), 128, np.uint8))
        with self.load_component() as component:
            _check_tracks(component.track(video, ["stethoscope"]), ["stethoscope"], video)

    def test_nouns_are_tracked_by_themselves_in_any_order(self) -> None:
        """The tracks of a noun depend neither on the other nouns nor on their order.

        Compare and suppress objects of one noun only: the engine caches the tracks of each noun.
        """
        nouns = [self.category, self.other_category]
        together, backwards = self.track(nouns), self.track(nouns[::-1])
        for noun in nouns:
            alone = self.track([noun])
            for tracks, when in ((together, "beside another noun"), (backwards, "in another order of nouns")):
                difference = find_difference(alone, [each for each in tracks if each.noun == noun])
                assert not difference, f"expected the same tracks of {noun!r} {when}, got {difference}"


class BrightProposer(Proposer):
    """Stand-in of the contract kit: proposes the box around what is bright."""

    name = "bright-proposer"

    def propose(self, video: Video, pivots: list[PivotFrame]) -> list[Candidates]:
        """Return one box for each pivot, or none."""
        return [self._propose_on_frame(pivot, find_bright_pixels(video.read_frame(pivot.frame or 0))) for pivot in pivots]

    def _propose_on_frame(self, pivot: PivotFrame, seen: Mask) -> Candidates:
        boxes = compute_box(seen)[None] if seen.any() else np.zeros((0, 4), np.float32)
        return Candidates(pivot=pivot, xyxy=boxes, scores=np.full(len(boxes), 0.9, np.float32))


class BrightPropagator(Propagator):
    """Stand-in of the contract kit: every object is what is bright."""

    name = "bright-propagator"

    def propagate(self, video: Video, boxes: list[PivotBox]) -> Iterator[FrameMasks]:
        """Yield the same mask for every object."""
        count = len(list_object_phrases(boxes))
        for frame, image in video.read_frames():
            masks = np.repeat(find_bright_pixels(image)[None], count, axis=0)
            yield FrameMasks(frame=frame, masks=masks, scores=np.full(count, 0.9, np.float32))


def find_bright_pixels(image: Frame) -> Mask:
    """Return the pixels, bool (H, W), whose brightest channel is at least BRIGHT."""
    return np.asarray(image.max(axis=2) >= BRIGHT)


def _check_tracks(output: Any, nouns: list[str], video: Video) -> None:
    contracts.check_list_of(output, ObjectTrack)
    contracts.check_object_tracks(output, nouns, video)
