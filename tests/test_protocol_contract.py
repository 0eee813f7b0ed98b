"""What ways to score promise: those that come with alref keep it, and each wrong one breaks the promise that it should."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pytest

from alref.components.protocol import EvaluationProtocol
from alref.components.scores import Case, LabelMap, ObjectScores, ScoreTable, VideoScores
from alref.errors import InputError
from alref.testing import ProtocolContract
from alref.testing.runner import run_checks
from alref_benchmarks.protocols import PROTOCOLS, RefAvsNullProtocol


class TestShipped(ProtocolContract):
    """All ways to score that come with alref; the truth of expressions of nothing is empty."""

    cls: type[EvaluationProtocol]

    @pytest.fixture(autouse=True, params=PROTOCOLS, ids=lambda cls: cls.name)
    def _chosen(self, request: pytest.FixtureRequest) -> None:
        self.cls = request.param

    def make_protocol(self) -> EvaluationProtocol:
        return self.cls()

    def make_truth(self) -> Sequence[LabelMap]:
        true = super().make_truth()
        return [np.zeros_like(frame) for frame in true] if self.cls is RefAvsNullProtocol else true


class Overlap(EvaluationProtocol):
    """The mean overlap of masks: a right one, which the wrong ones change."""

    name = "overlap"

    def score_case(self, where: str, case: Case) -> list[ObjectScores]:
        if case.predicted is None:
            return [ObjectScores(case=case.id, position=case.position, columns={"J": (0.0,)})]
        pairs = list(zip(case.truth, case.predicted, strict=False))
        return [
            ObjectScores(
                case=case.id, position=case.position, columns={"J": tuple(self.overlap(where, *pair) for pair in pairs)}
            )
        ]

    def overlap(self, where: str, truth: Any, predicted: Any) -> float:
        if truth.shape != predicted.shape:
            raise InputError(f"{where}: expected {truth.shape}, got {predicted.shape}")
        return float((truth & predicted).sum() / (truth | predicted).sum())

    def build_table(self, parts: Sequence[ObjectScores]) -> ScoreTable:
        return ScoreTable(
            protocol=self.name, main_metric="J", metrics={"J": float(np.mean([np.mean(each.columns["J"]) for each in parts]))}
        )


class SaysNothing(Overlap):
    __doc__ = ""


class MeasuresThePicture(Overlap):
    """Measures the size of the picture."""

    def overlap(self, where: str, truth: Any, predicted: Any) -> float:
        return super().overlap(where, truth, predicted) * 0 + truth.size


class AddsUp(Overlap):
    """Adds up all that it has seen."""

    seen = 0.0

    def overlap(self, where: str, truth: Any, predicted: Any) -> float:
        self.seen += super().overlap(where, truth, predicted)
        return self.seen


class TakesTheLast(Overlap):
    """Takes the number of the video that came last."""

    def summarize_scores(self, scores: Sequence[VideoScores]) -> ScoreTable:
        return super().summarize_scores(scores[-1:])


class TakesAnySize(Overlap):
    """Compares what two pictures have in common."""

    def overlap(self, where: str, truth: Any, predicted: Any) -> float:
        rows = min(len(truth), len(predicted))
        return super().overlap(where, truth[:rows], predicted[:rows])


class ForgivesWhatIsMissing(Overlap):
    """Takes frames that are missing for right."""

    def score_case(self, where: str, case: Case) -> list[ObjectScores]:
        truth = list(case.truth)
        found = [*(case.predicted or ())]
        whole = [*truth[: len(truth) - len(found)], *found]
        return super().score_case(where, Case(case.id, truth, whole, case.position))


class NamesNoNumber(Overlap):
    """Names a main number that there is not."""

    def build_table(self, parts: Sequence[ObjectScores]) -> ScoreTable:
        return super().build_table(parts).model_copy(update={"main_metric": "F"})


class ChecksNothing(Overlap):
    """Gives a list where a tuple is expected."""

    def score_video(self, video: str, cases: Iterable[Case]) -> VideoScores:
        scores = super().score_video(video, cases)
        return scores.model_copy(update={"objects": list(scores.objects)})


class TakesAnyNumbers(Overlap):
    """Sums up what another protocol measured."""

    def summarize_scores(self, scores: Sequence[VideoScores]) -> ScoreTable:
        return super().summarize_scores([each.model_copy(update={"protocol": self.name}) for each in scores])


class HasOtherTerms(Overlap):
    """Draws intervals from other numbers."""

    def compute_terms(self, scores: VideoScores) -> Any:
        sums, counts = super().compute_terms(scores)
        return sums + 1, counts


WRONG = {
    SaysNothing: ["explains_itself"],
    MeasuresThePicture: ["scores_the_truth_best"],
    AddsUp: ["keeps_no_state_between_videos"],
    TakesTheLast: ["videos_may_come_in_any_order"],
    TakesAnySize: ["refuses_frames_of_another_size"],
    ForgivesWhatIsMissing: ["detects_missing_results"],
    NamesNoNumber: ["scores_the_truth_best", "videos_may_come_in_any_order", "has_terms_that_make_up_the_number"],
    ChecksNothing: ["can_be_written_as_json"],
    TakesAnyNumbers: ["refuses_what_cannot_be_summarized"],
    HasOtherTerms: ["has_terms_that_make_up_the_number"],
}


def broken(cls: type[EvaluationProtocol]) -> list[str]:
    """Return the tests that a way to score fails."""

    class Contract(ProtocolContract):
        def make_protocol(self) -> EvaluationProtocol:
            return cls()

    found = [each for each in run_checks(Contract, cls, {}) if each.state != "passed"]
    print(*found, sep="\n")
    return [each.test.removeprefix("test_") for each in found]


def test_a_right_way_to_score_breaks_no_promise() -> None:
    assert broken(Overlap) == []


@pytest.mark.parametrize(("cls", "tests"), WRONG.items(), ids=lambda value: getattr(value, "__name__", ""))
def test_a_wrong_way_to_score_breaks_the_promise_that_it_should(cls: type[EvaluationProtocol], tests: list[str]) -> None:
    assert broken(cls) == tests
