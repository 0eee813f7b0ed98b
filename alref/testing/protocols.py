"""The contract of an evaluation protocol."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Sequence

import numpy as np

from alref.components.protocol import EvaluationProtocol
from alref.components.scores import Case, LabelMap, ScoreTable, VideoScores
from alref.errors import InputError
from alref.testing.errors import assert_raises
from alref.testing.videos import make_moving_square

TOLERANCE = 1e-6
"""Absolute tolerance for numbers that are summed in another order."""


class ProtocolContract:
    """The contract of a protocol. Override ``make_protocol``.

    Override ``make_truth`` if it scores anything other than one object.
    """

    def make_protocol(self) -> EvaluationProtocol:
        """Return a new instance of the protocol to test."""
        raise NotImplementedError("return the protocol to test")

    def make_truth(self) -> Sequence[LabelMap]:
        """Return the true maps of a video, (H, W) each. Default: bool masks of a square that moves right."""
        return list(make_moving_square(4, (48, 64), 16)[1])

    def make_wrong_results(self) -> list[Sequence[LabelMap]]:
        """Return results that are worse than the truth: masks of a square in other places, near and far."""
        square = make_moving_square(4, (48, 64), 16)[1]
        return [list(np.roll(square, (2, 4), axis=(1, 2))), list(np.roll(square, (24, 32), axis=(1, 2)))]

    def score_masks(self, predicted: Iterable[LabelMap | None] | None, video: str = "video", index: int = 0) -> VideoScores:
        """Return the scores of a video with the prediction ``predicted``."""
        return self.make_protocol().score_video(video, [Case("case", self.make_truth(), predicted, index)])

    def test_explains_itself(self) -> None:
        """It has a name and a docstring.

        Set ``name`` in lower case without spaces, and describe what is measured and who published it.
        """
        protocol = self.make_protocol()
        assert protocol.name == "".join(protocol.name.lower().split()), (
            f"expected one word in lower case, got name = {protocol.name!r}"
        )
        assert (type(protocol).__doc__ or "").strip(), f"expected a docstring, got none in {type(protocol).__name__}"

    def test_scores_the_truth_best(self) -> None:
        """The main number is better for the truth than for masks in other places.

        Check whether truth and prediction are swapped, or ``main_metric`` names the wrong metric.
        """
        best, *others = (
            _get_main_value(self.make_protocol().summarize_scores([self.score_masks(each)]))
            for each in (self.make_truth(), *self.make_wrong_results())
        )
        signs = {float(np.sign(best - other)) for other in others}
        assert signs in ({1.0}, {-1.0}), f"expected {best} of the truth to be better than the others, got {others}"

    def test_keeps_no_state_between_videos(self) -> None:
        """The scores of a video do not depend on what was scored before, nor on the process.

        Do not store sums in the instance: measure in ``score_case``, and combine in ``build_table``.
        """
        protocol, case = self.make_protocol(), Case("case", self.make_truth(), self.make_wrong_results()[0])
        first = protocol.score_video("video", [case])
        protocol.score_video("other", [Case("case", self.make_truth(), self.make_truth())])
        sent: EvaluationProtocol = pickle.loads(pickle.dumps(protocol))  # noqa: S301 - its own bytes
        for again, when in ((protocol, "after another video"), (sent, "after pickling")):
            assert again.score_video("video", [case]) == first, f"expected the same scores {when}, got others"

    def test_can_be_written_as_json(self) -> None:
        """The scores of a video and the table survive a round trip through JSON.

        Build ``Part`` and ``Table`` from plain Python numbers with their constructors, which validate them.
        """
        scores = self.score_masks(self.make_wrong_results()[0])
        back = VideoScores.model_validate_json(scores.model_dump_json())
        assert back == scores, "expected the same scores after a JSON round trip, got others"
        table = self.make_protocol().summarize_scores([back])
        text = table.model_dump_json()
        assert ScoreTable.model_validate_json(text).model_dump_json() == text, "expected the same table after JSON, got another"

    def test_videos_may_come_in_any_order(self) -> None:
        """The table does not depend on the order in which videos are scored.

        If the order matters, use ``position``, by which ``summarize_scores`` sorts the parts.
        """
        videos = [
            self.score_masks(each, f"video {index}", index)
            for index, each in enumerate((self.make_truth(), *self.make_wrong_results()))
        ]
        one, other = (_get_main_value(self.make_protocol().summarize_scores(each)) for each in (videos, videos[::-1]))
        assert abs(one - other) <= TOLERANCE, f"expected {one} in another order of videos, got {other}"

    def test_refuses_frames_of_another_size(self) -> None:
        """A result of another size than the truth raises InputError with the name of the video.

        Compare the sizes of each frame, and begin the message with ``where``.
        """
        with assert_raises(InputError, "a video"):
            self.score_masks([frame[1:] for frame in self.make_truth()], "a video")

    def test_detects_missing_results(self) -> None:
        """A missing result, or one with too few frames, raises InputError with the name of the video, or scores differently.

        Iterate over truth and prediction with ``itertools.zip_longest``; ``Case.predicted`` is None if there is no result.
        """
        complete = self.score_masks(self.make_truth(), "a video")
        for predicted in (None, self.make_truth()[1:]):
            try:
                scores = self.score_masks(predicted, "a video")
            except InputError as error:
                message = str(error)
                assert "a video" in message, f"expected the name of the video in the message, got: {message}"
            else:
                assert scores.objects != complete.objects, "expected other numbers than those of a whole result, got the same"

    def test_refuses_what_cannot_be_summarized(self) -> None:
        """Scores of no videos, or of another protocol, raise InputError.

        Do not override ``EvaluationProtocol.summarize_scores``; implement ``build_table``.
        """
        with assert_raises(InputError):
            self.make_protocol().summarize_scores([])
        with assert_raises(InputError):
            self.make_protocol().summarize_scores(
                [self.score_masks(self.make_truth()).model_copy(update={"protocol": "another"})]
            )

    def test_has_terms_that_make_up_the_number(self) -> None:
        """The terms for confidence intervals add up to the main number.

        Return from ``compute_terms`` sums and counts, float64 (K,) each, whose ratio is the main number, or do not override it.
        """
        scores = self.score_masks(self.make_wrong_results()[0])
        protocol = self.make_protocol()
        sums, counts = protocol.compute_terms(scores)
        fits = sums.shape == counts.shape and sums.ndim == 1
        assert fits, f"expected sums and counts of the same length, got {sums.shape} and {counts.shape}"
        ratios = np.divide(sums, counts, out=np.zeros_like(sums), where=counts > 0)
        ratio = float((ratios if protocol.counts_empty_terms else ratios[counts > 0]).mean())
        number = _get_main_value(protocol.summarize_scores([scores]))
        assert abs(ratio - number) <= TOLERANCE, f"expected terms with the ratio {number}, got {ratio}"


def _get_main_value(table: ScoreTable) -> float:
    assert table.main_metric in table.metrics, f"expected main among {', '.join(table.metrics)}, got {table.main_metric!r}"
    return table.main_value
