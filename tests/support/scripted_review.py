"""A scripted reviewer that knows where the object is, and a propagator that loses it on some frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from alref.components.base import Reviewer
from alref.media.video import Video
from alref.plugins.manager import PluginManager
from alref.records import BehaviorReview, FrameMasks, MaskReview, PivotBox, Track
from alref.result import Result
from alref.testing import ArrayVideo
from alref.utils.masks import Mask
from support.scripted import DOG, Script, announcing

TOTAL = 24
VIDEO = ArrayVideo([np.full((32, 48, 3), 90 + frame, np.uint8) for frame in range(TOTAL)])
LOST = range(12, 24)
Judge = Callable[[int, Mask], str]


def draw_object(frame: int) -> Mask:
    """Draw the object where it is."""
    mask = np.zeros((32, 48), np.bool_)
    mask[4:12, frame : frame + 8] = True
    return mask


def draw_wall() -> Mask:
    """Draw what a lost track is on."""
    mask = np.zeros((32, 48), np.bool_)
    mask[20:30, 2:12] = True
    return mask


def judge_truly(frame: int, mask: Mask) -> str:
    return "yes" if np.array_equal(mask, draw_object(frame)) else "no"


def propagate_with(is_lost: Callable[[int, Sequence[int]], bool]) -> Callable[..., Iterator[FrameMasks]]:
    """Return a propagator that follows the object, but the wall where ``is_lost(frame, start frames)``.

    Frames are those of the whole video, also if a part of it is propagated.
    """

    def propagate(video: Video, boxes: list[PivotBox]) -> Iterator[FrameMasks]:
        first = find_first_frame(video)
        starts = [first + box.pivot.frame for box in boxes if box.pivot.frame is not None]
        for frame in range(len(video)):
            mask = draw_wall() if is_lost(first + frame, starts) else draw_object(first + frame)
            yield FrameMasks(frame=frame, masks=mask[None], scores=np.ones(1))

    return propagate


def find_first_frame(video: Video) -> int:
    """Return the frame of VIDEO with which a part of it begins."""
    return round(float(video.times[0]) * video.fps)


def review_with(judge: Judge) -> Callable[..., list[MaskReview]]:
    def review_masks(video: Video, tracks: list[Track], frames: list[list[int]]) -> list[MaskReview]:
        return [
            make_review(track, shown, [judge(frame, track.decode_mask(frame)) for frame in shown])
            for track, shown in zip(tracks, frames, strict=True)
        ]

    return review_masks


def make_review(track: Track, frames: Sequence[int], answers: Sequence[Any]) -> MaskReview:
    reasons = tuple("the line is on the wall" if answer == "no" else "" for answer in answers)
    return MaskReview(phrase=track.phrase, frames=tuple(frames), answers=tuple(answers), reasons=reasons, why="a dog walks")


class ReviewScript(Script):
    """A script with a reviewer beside the other components."""

    def __init__(self, judge: Judge = judge_truly, **answers: Callable[..., Any]) -> None:
        super().__init__(**{"review_masks": review_with(judge), **answers})
        script = self

        class ScriptedReviewer(Reviewer):
            """Says what the script says."""

            name = "scripted-reviewer"

            def review_masks(self, video: Video, tracks: list[Track], frames: list[list[int]]) -> list[MaskReview]:
                return script.answer("review_masks", review_with(judge), video, tracks, frames)

            def review_behavior(self, video: Video, tracks: list[Track]) -> list[BehaviorReview]:
                return script.answer("review_behavior", lambda video, tracks: [], video, tracks)

        self.entries.append(announcing("reviewing", reasoners=[ScriptedReviewer]))
        self.plugins = PluginManager(self.entries)
        assert not self.plugins.broken, self.plugins.broken

    def review(self, rounds: int = 1, **settings: Any) -> Result:
        with self.pipeline(reviewer="scripted-reviewer", review=rounds, **settings) as pipeline:
            return pipeline.run(VIDEO, [DOG])
