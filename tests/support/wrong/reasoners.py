"""Wrong reasoners."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from support.wrong.correct import First

if TYPE_CHECKING:
    from alref.media.video import Video
    from alref.records import Candidates, Phrase, PivotBox, PivotFrame


class Beyond(First):
    """Picks a frame after the end."""

    def pivot(self, phrase: Phrase, **facts: Any) -> PivotFrame:
        return super().pivot(phrase, frame=5000)


class Ignoring(First):
    """Leaves the second phrase out."""

    def pick_frames(self, video: Video, phrases: list[Phrase]) -> list[PivotFrame]:
        return [pivot for pivot in super().pick_frames(video, phrases) if pivot.phrase.reference == "1"]


class Silent(First):
    """Does not say why a frame was picked."""

    def pivot(self, phrase: Phrase, **facts: Any) -> PivotFrame:
        return super().pivot(phrase, why="")


class InTurn(First):
    """Takes another frame for each place among the phrases."""

    def pick_frames(self, video: Video, phrases: list[Phrase]) -> list[PivotFrame]:
        return [self.pivot(phrase, frame=min(place, len(video) - 1)) for place, phrase in enumerate(phrases)]


class NeedsPhrases(First):
    """Breaks where there is no phrase."""

    def pick_frames(self, video: Video, phrases: list[Phrase]) -> list[PivotFrame]:
        assert phrases[0]
        return super().pick_frames(video, phrases)


class Hoarding(First):
    """Reads the whole video into memory."""

    def pick_frames(self, video: Video, phrases: list[Phrase]) -> list[PivotFrame]:
        frames = [frame for _, frame in video.read_frames()]
        return super().pick_frames(video, phrases) if frames else []


class Skipping(First):
    """Leaves the second pivot out."""

    def pick_boxes(self, video: Video, candidates: list[Candidates]) -> list[PivotBox]:
        return super().pick_boxes(video, candidates[:1])


class Outside(First):
    """Picks a box outside the picture."""

    def box(self, video: Video, candidates: Candidates, **facts: Any) -> PivotBox:
        return super().box(video, candidates, xyxy=np.array([0, 0, 9000, 9000]))


class Mute(First):
    """Does not say why a box was picked."""

    def box(self, video: Video, candidates: Candidates, **facts: Any) -> PivotBox:
        return super().box(video, candidates, why="")


class Alternating(First):
    """Takes another candidate for each place among the pivots."""

    def pick_boxes(self, video: Video, candidates: list[Candidates]) -> list[PivotBox]:
        return [self.box(video, each, xyxy=each.xyxy[place % len(each)]) for place, each in enumerate(candidates)]


class NeedsCandidates(First):
    """Breaks where there are no candidates."""

    def pick_boxes(self, video: Video, candidates: list[Candidates]) -> list[PivotBox]:
        assert candidates[0]
        return super().pick_boxes(video, candidates)


class Coarse(First):
    """Cannot cut out a box of one pixel."""

    def box(self, video: Video, candidates: Candidates, **facts: Any) -> PivotBox:
        left, top, right, bottom = (candidates.xyxy[0] // 2).astype(int)
        if not video.read_frame(candidates.pivot.frame or 0)[top:bottom, left:right].size:
            raise ValueError("nothing to look at")
        return super().box(video, candidates)
