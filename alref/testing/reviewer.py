"""The contract of a reviewer."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from alref.components.base import Reviewer
from alref.media.video import Video
from alref.pipeline import contracts
from alref.records import BehaviorReview, MaskReview, Phrase, Track
from alref.testing.contract import Task, TrueMasks, expect_nothing
from alref.testing.diff import find_difference
from alref.testing.shapes import FrameContract, find_visible_frames
from alref.utils.masks import Mask, encode_mask


class ReviewerContract(FrameContract):
    """The contract of a reviewer. Override ``make_component``."""

    def make_component(self) -> Reviewer:
        """Return the reviewer to test."""
        raise NotImplementedError("return the reviewer to test")

    def make_track(self, phrase: Phrase, masks: list[Mask]) -> Track:
        """Return the track of a phrase, given its mask bool (H, W) on every frame."""
        return Track(phrase=phrase, rles=tuple(map(encode_mask, masks)), scores=tuple(float(mask.any()) for mask in masks))

    def make_tracks(self, truth: TrueMasks) -> list[Track]:
        """Return two tracks: the object under its own phrase, and a corner under another one."""
        masks = [np.asarray(truth[frame]) for frame in range(len(truth))]
        corner = np.zeros_like(masks[0])
        corner[:8, :8] = True
        return [self.make_track(self.phrase, masks), self.make_track(self.other_phrase, [corner] * len(masks))]

    def build_tasks(self, video: Video, truth: TrueMasks) -> list[Task]:
        """Return tasks that review the masks of two tracks, and their behavior if the component does."""
        tracks = self.make_tracks(truth)
        frames = [[0], sorted({0, len(truth) - 1})]
        tasks = [Task("review_masks", (tracks, frames), partial(_check_masks, tracks=tracks, frames=frames))]
        if type(self.make_component()).review_behavior is not Reviewer.review_behavior:
            tasks.append(Task("review_behavior", (tracks,), partial(_check_behaviors, tracks=tracks)))
        return [*super().build_tasks(video, truth), *tasks]

    def review_masks(self, tracks: list[Track], frames: list[list[int]]) -> list[MaskReview]:
        """Return the reviews of tracks of the test video, checked against the contract."""
        with self.load_component() as component:
            reviews: list[MaskReview] = component.review_masks(self.make_video()[0], tracks, frames)
        _check_masks(reviews, tracks, frames)
        return reviews

    def test_answers_for_each_frame_and_says_why_not(self) -> None:
        """It answers yes, no or unclear for each frame of each track, in their order; a no has a reason.

        Return one ``MaskReview`` per track, with the frames as given, and what the mask is on instead in ``reasons``.
        """
        truth = self.make_video()[1]
        frames = find_visible_frames(truth)
        for review in self.review_masks(self.make_tracks(truth), [frames, frames[:1]]):
            wrong = [why for answer, why in zip(review.answers, review.reasons, strict=True) if answer == "no"]
            assert all(wrong), f"expected a reason for each no, got {wrong}"

    @expect_nothing
    def test_answers_nothing_for_no_track(self) -> None:
        """It returns an empty list for no tracks.

        Return early if there is nothing to do.
        """
        answer = self.review_masks([], [])
        assert answer == [], f"expected [] for no tracks, got {answer!r}"

    def test_tracks_may_come_in_any_order(self) -> None:
        """The review of a track does not depend on the order of the tracks.

        Handle each track independently.
        """
        tracks, frames = self.make_tracks(self.make_video()[1]), [[0], [1]]
        backwards = self.review_masks(tracks[::-1], frames[::-1])[::-1]
        difference = find_difference(self.review_masks(tracks, frames), backwards)
        assert not difference, f"expected the same reviews in another order of tracks, got {difference}"

    def test_takes_empty_masks_and_masks_of_one_pixel(self) -> None:
        """It works on frames without a mask, and on masks of a single pixel.

        Check where a mask is cropped, shrunk or rounded to zero size.
        """
        masks = [np.zeros(np.asarray(self.make_video()[1][0]).shape, np.bool_) for _ in range(len(self.make_video()[1]))]
        masks[0][5, 5] = True
        self.review_masks([self.make_track(self.phrase, masks)], [[0, 1]])


def _check_masks(output: Any, tracks: list[Track], frames: list[list[int]]) -> None:
    contracts.check_list_of(output, MaskReview)
    contracts.check_mask_reviews(output, tracks, frames)


def _check_behaviors(output: Any, tracks: list[Track]) -> None:
    contracts.check_list_of(output, BehaviorReview)
    contracts.check_behavior_reviews(output, tracks)
