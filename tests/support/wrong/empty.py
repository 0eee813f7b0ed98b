"""Components that meet requirements only because they find nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from alref.components.base import (
    Locator,
    Propagator,
    Proposer,
    Reasoner,
    Reviewer,
    Tagger,
    Tracker,
    TrackReasoner,
    Transcriber,
    Unifier,
)
from support.wrong.correct import Bright

if TYPE_CHECKING:
    from alref.media.video import Video
    from alref.records import (
        Candidates,
        Concept,
        FrameMasks,
        MaskReview,
        ObjectTrack,
        Phrase,
        PivotBox,
        PivotFrame,
        Reference,
        Track,
        TrackCandidates,
        TrackChoice,
        Transcript,
    )


class Nothing(Unifier, Tagger, Transcriber, Locator, Reasoner, TrackReasoner, Proposer, Propagator, Tracker, Reviewer):
    """Fills every slot with well-formed outputs, and finds nothing."""

    name = "nothing"

    def unify(self, video: Video, reference: Reference) -> list[Phrase]:
        return []

    def tag(self, video: Video, reference: Reference) -> list[Phrase]:
        return []

    def transcribe(self, video: Video, reference: Reference) -> list[Transcript]:
        return []

    def locate(self, video: Video, reference: Reference, phrases: list[Phrase]) -> list[Phrase]:
        return [phrase.model_copy(update={"heard": ()}) for phrase in phrases]

    def pick_frames(self, video: Video, phrases: list[Phrase]) -> list[PivotFrame]:
        from alref.records import PivotFrame

        return [PivotFrame(phrase=phrase, finding="absent", why="never") for phrase in phrases]

    def pick_boxes(self, video: Video, candidates: list[Candidates]) -> list[PivotBox]:
        from alref.records import PivotBox

        return [PivotBox(pivot=each.pivot, finding="absent", why="never") for each in candidates]

    def propose(self, video: Video, pivots: list[PivotFrame]) -> list[Candidates]:
        import numpy as np

        from alref.records import Candidates

        return [Candidates(pivot=pivot, xyxy=np.zeros((0, 4)), scores=np.zeros(0)) for pivot in pivots]

    def track(self, video: Video, nouns: list[str]) -> list[ObjectTrack]:
        return []

    def name_concepts(self, video: Video, phrases: list[Phrase], failed: list[Concept]) -> list[Concept]:
        return []

    def pick_tracks(self, video: Video, candidates: list[TrackCandidates]) -> list[TrackChoice]:
        from alref.records import TrackChoice

        return [
            TrackChoice(phrase=each.phrase, track=track.id, choice="uncertain", why="never")
            for each in candidates
            for track in each.tracks
        ]

    def review_masks(self, video: Video, tracks: list[Track], frames: list[list[int]]) -> list[MaskReview]:
        from alref.records import MaskReview

        return [
            MaskReview(phrase=track.phrase, frames=tuple(own), answers=("unclear",) * len(own), reasons=("never",) * len(own))
            for track, own in zip(tracks, frames, strict=True)
        ]

    def propagate(self, video: Video, boxes: list[PivotBox]) -> Iterator[FrameMasks]:
        import numpy as np

        from alref.records import FrameMasks, list_object_phrases

        shape = (len(list_object_phrases(boxes)), video.height, video.width)
        for frame in range(len(video)):
            yield FrameMasks(frame=frame, masks=np.zeros(shape, np.bool_), scores=np.zeros(shape[0]))


class Cars(Bright):
    """Knows nothing but cars, and gives boxes that are a thousand times too large."""

    name = "cars"

    def propose(self, video: Video, pivots: list[PivotFrame]) -> list[Candidates]:
        return [self.seen(video, pivot, scale=1000) if "car" in pivot.phrase.text else self.nothing(pivot) for pivot in pivots]
