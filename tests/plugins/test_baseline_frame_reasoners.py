"""Reasoners that pick fixed frames or the best score, and the contract of ``rules``."""

from __future__ import annotations

import numpy as np
import pytest

from alref.components.base import SpatialReasoner, TemporalReasoner
from alref.records import Candidates, Phrase, PivotFrame
from alref.testing import ReasonerContract, SpatialReasonerContract, TemporalReasonerContract, make_moving_square
from alref_baseline import rules
from alref_baseline.reasoners import (
    FirstFrameReasoner,
    MiddleFrameReasoner,
    RulesReasoner,
    TopScoreReasoner,
    UniformReasoner,
    UniformReasonerOptions,
)
from support.disc_films import PIVOT, ROW, film


class PlainFrames(TemporalReasonerContract):
    FRAMES: tuple[int, ...]

    def test_picks_its_frames(self) -> None:
        phrase = Phrase(reference="1", text="the dog")
        pivots = self.make_component().pick_frames(make_moving_square(frames=10)[0], [phrase])
        assert tuple(pivot.frame for pivot in pivots) == self.FRAMES

    def test_picks_the_only_frame(self) -> None:
        phrase = Phrase(reference="1", text="the dog")
        (pivot,) = self.make_component().pick_frames(make_moving_square(frames=1)[0], [phrase])
        assert pivot.frame == 0


class TestFirstFrame(PlainFrames):
    FRAMES = (0,)

    def make_component(self) -> TemporalReasoner:
        return FirstFrameReasoner(FirstFrameReasoner.Options())


class TestMiddleFrame(PlainFrames):
    FRAMES = (4,)

    def make_component(self) -> TemporalReasoner:
        return MiddleFrameReasoner(MiddleFrameReasoner.Options())


class TestUniform(PlainFrames):
    FRAMES = (1, 5, 8)

    def make_component(self) -> TemporalReasoner:
        return UniformReasoner(UniformReasonerOptions())

    def test_takes_as_many_frames_as_asked(self) -> None:
        phrase = Phrase(reference="1", text="the dog")
        for count, expected in ((1, [5]), (2, [2, 7]), (20, list(range(10)))):
            pivots = UniformReasoner(UniformReasonerOptions(count=count)).pick_frames(
                make_moving_square(frames=10)[0], [phrase]
            )
            assert [pivot.frame for pivot in pivots] == expected


class TestTopScore(SpatialReasonerContract):
    def make_component(self) -> SpatialReasoner:
        return TopScoreReasoner(TopScoreReasoner.Options())

    def test_takes_the_first_whatever_the_words(self) -> None:
        pivot = PivotFrame(phrase=Phrase(reference="1", text="the green disc on the right"), frame=PIVOT)
        boxes = np.array([disc.box(PIVOT) for disc in ROW])
        candidates = Candidates(pivot=pivot, xyxy=boxes, scores=np.array([0.9, 0.8, 0.7, 0.6]))
        (box,) = self.make_component().pick_boxes(film(ROW), [candidates])
        assert box.score == pytest.approx(0.9)
        assert "0.90" in box.why


class TestRules(ReasonerContract):
    @pytest.fixture(autouse=True)
    def _quick(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Look at small pictures."""
        monkeypatch.setattr("alref_baseline.features.LONG_SIDE", 96)

    def make_component(self) -> RulesReasoner:
        return RulesReasoner(RulesReasoner.Options())

    def test_takes_the_best_ranked_frame_with_its_reason(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(rules, "rank_frames", lambda video, text: [(5, 0.8, "seen best"), (2, 0.7, "seen")])
        (pivot,) = self.pick_frames([Phrase(reference="1", text="the dog")])
        assert (pivot.frame, pivot.why, pivot.source) == (5, "seen best", "rule")

    def test_says_absent_and_why_when_nothing_looks_like_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(rules, "rank_frames", lambda video, text: [])
        (pivot,) = self.pick_frames([Phrase(reference="1", text="the big dog", category="dog")])
        assert (pivot.finding, pivot.frame) == ("absent", None)
        assert "'dog'" in pivot.why
