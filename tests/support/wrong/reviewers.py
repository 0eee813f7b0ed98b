"""A right reviewer, and wrong ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alref.components.base import Reviewer

if TYPE_CHECKING:
    from alref.media.video import Video
    from alref.records import MaskReview, Track


class Reddish(Reviewer):
    """Confirms masks of red pixels."""

    name = "reddish"

    def review_masks(self, video: Video, tracks: list[Track], frames: list[list[int]]) -> list[MaskReview]:
        """Return yes where most pixels of the mask are red."""
        return [self.review(video, track, shown) for track, shown in zip(tracks, frames, strict=True)]

    def review(self, video: Video, track: Track, frames: list[int]) -> MaskReview:
        from alref.records import MaskReview

        answers = []
        for frame in frames:
            inside = video.read_frame(frame)[track.decode_mask(frame)].astype(int)
            red = len(inside) and (inside[:, 0] - inside[:, 1] > 50).mean() > 0.5
            answers.append("yes" if red else "no" if len(inside) else "unclear")
        reasons = tuple("the mask is on something that is not red" if each == "no" else "" for each in answers)
        return MaskReview(phrase=track.phrase, frames=tuple(frames), answers=tuple(answers), reasons=reasons, why="red or not")


class Unfounded(Reddish):
    """Says no without a reason."""

    def review(self, video: Video, track: Track, frames: list[int]) -> MaskReview:
        found = super().review(video, track, frames)
        return found.model_copy(update={"reasons": ("",) * len(frames)})


class Shortened(Reddish):
    """Answers about the first frame only."""

    def review(self, video: Video, track: Track, frames: list[int]) -> MaskReview:
        return super().review(video, track, frames[:1])


class Agreeing(Reddish):
    """Says of all tracks what it says of the first."""

    def review_masks(self, video: Video, tracks: list[Track], frames: list[list[int]]) -> list[MaskReview]:
        found = super().review_masks(video, tracks, frames)
        first = found[0].answers[:1] if found else ()
        return [
            each.model_copy(update={"answers": first * len(each.frames), "reasons": ("",) * len(each.frames)}) for each in found
        ]


class NeedsTracks(Reddish):
    """Fails without a track."""

    def review_masks(self, video: Video, tracks: list[Track], frames: list[list[int]]) -> list[MaskReview]:
        return super().review_masks(video, [tracks[0], *tracks[1:]], frames)


class NeedsPixels(Reddish):
    """Fails on an empty mask."""

    def review(self, video: Video, track: Track, frames: list[int]) -> MaskReview:
        for frame in frames:
            if not track.decode_mask(frame).any():
                raise ValueError("nothing to look at")
        return super().review(video, track, frames)
