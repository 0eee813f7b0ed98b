"""Components that meet requirements only because they find nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
from alref.components.dataset import Dataset, DatasetProblem, NameMatcher
from alref.components.protocol import EvaluationProtocol
from support.wrong.correct import Bright

if TYPE_CHECKING:
    from pathlib import Path

    from alref.components.scores import Case, ObjectScores, ScoreTable
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
    from alref.result import Result


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


class Bare(Dataset):
    """Has no video."""

    name, homepage, license = "bare", "https://example.org", "CC0-1.0"
    splits, protocols = ("all",), ("mevis",)

    def list_videos(self) -> list[str]:
        return []

    def read_references(self, video: str) -> list[Reference]:
        return []

    def open_video(self, video: str) -> Video:
        raise NotImplementedError

    def find_problems(self) -> Iterator[DatasetProblem]:
        yield from ()

    def write_masks(self, result: Result, video: str, folder: Path, match_names: NameMatcher) -> None:
        pass

    def read_cases(self, video: str, folder: Path) -> Iterator[Case]:
        yield from ()


class Hollow(Bare):
    """Has one video, of which nothing is known."""

    name = "hollow"

    def list_videos(self) -> list[str]:
        return ["video"]

    def open_video(self, video: str) -> Video:
        from alref.testing import make_moving_square

        return make_moving_square(2)[0]


class Indifferent(EvaluationProtocol):
    """Gives every result the best score."""

    name = "indifferent"

    def score_case(self, where: str, case: Case) -> list[ObjectScores]:
        from alref.components.scores import ObjectScores

        return [ObjectScores(case=case.id, position=case.position, columns={"score": (1.0,)})]

    def build_table(self, parts: Sequence[ObjectScores]) -> ScoreTable:
        from alref.components.scores import ScoreTable

        return ScoreTable(protocol=self.name, main_metric="score", metrics={"score": 1.0})
