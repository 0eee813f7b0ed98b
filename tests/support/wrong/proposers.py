"""Wrong proposers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from support.wrong.correct import Bright

if TYPE_CHECKING:
    from alref.media.video import Video
    from alref.records import Candidates, PivotFrame


class Sorting(Bright):
    """Answers in an order of its own."""

    def propose(self, video: Video, pivots: list[PivotFrame]) -> list[Candidates]:
        return sorted(super().propose(video, pivots), key=lambda each: (each.pivot.frame or 0, each.pivot.phrase.text))


class Foreign(Bright):
    """Answers with pivots that nobody gave it."""

    def propose(self, video: Video, pivots: list[PivotFrame]) -> list[Candidates]:
        renamed = [pivot.phrase.model_copy(update={"text": f"{pivot.phrase.text}s"}) for pivot in pivots]
        given = [pivot.model_copy(update={"phrase": phrase}) for pivot, phrase in zip(pivots, renamed, strict=True)]
        return super().propose(video, given)


class Doubled(Bright):
    """Gives boxes in pixels of another size."""

    def propose(self, video: Video, pivots: list[PivotFrame]) -> list[Candidates]:
        return [self.seen(video, pivot, scale=20) for pivot in pivots]


class SmallMasks(Bright):
    """Gives masks of half the size."""

    def seen(self, video: Video, pivot: PivotFrame, score: float = 0.5, scale: float = 1.0) -> Candidates:
        found = super().seen(video, pivot, score, scale)
        return found.model_copy(update={"masks": np.ones((len(found), video.height // 2, video.width // 2), bool)})


class NeedsPivots(Bright):
    """Breaks where there is no pivot."""

    def propose(self, video: Video, pivots: list[PivotFrame]) -> list[Candidates]:
        assert pivots[0]
        return super().propose(video, pivots)


class NeedsSights(Bright):
    """Breaks where nothing is seen."""

    def nothing(self, pivot: PivotFrame) -> Candidates:
        raise IndexError("index 0 is out of bounds")


class Passing(Bright):
    """Says nothing of a pivot on which it sees nothing."""

    def propose(self, video: Video, pivots: list[PivotFrame]) -> list[Candidates]:
        return [each for each in super().propose(video, pivots) if len(each)]


class Ranking(Bright):
    """Scores by the place among the pivots."""

    def propose(self, video: Video, pivots: list[PivotFrame]) -> list[Candidates]:
        return [self.seen(video, pivot, score=1 / (place + 1)) for place, pivot in enumerate(pivots)]


class Sharing(Bright):
    """Shares its scores among the phrases."""

    def propose(self, video: Video, pivots: list[PivotFrame]) -> list[Candidates]:
        share = 1 / len({pivot.phrase for pivot in pivots}) if pivots else 0
        return [self.seen(video, pivot, score=share) for pivot in pivots]


class Together(Bright):
    """Shares its scores among the frames of a phrase."""

    def propose(self, video: Video, pivots: list[PivotFrame]) -> list[Candidates]:
        alike = [sum(other.phrase == pivot.phrase for other in pivots) for pivot in pivots]
        return [self.seen(video, pivot, score=1 / count) for pivot, count in zip(pivots, alike, strict=True)]


class Colorful(Bright):
    """Divides by the spread of colors."""

    def propose(self, video: Video, pivots: list[PivotFrame]) -> list[Candidates]:
        for pivot in pivots:
            if not np.ptp(video.read_frame(pivot.frame or 0), axis=2).any():
                raise ZeroDivisionError("no color at all")
        return super().propose(video, pivots)
