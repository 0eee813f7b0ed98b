"""What ways to score promise."""

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
"""Difference between two numbers that are the same, up to the order in which they were added."""


class ProtocolContract:
    """What a protocol promises. Override ``make_protocol``.

    Override ``make_truth`` where it scores anything else than one object.
    """

    def make_protocol(self) -> EvaluationProtocol:
        """Return the way to score that is tested, made anew."""
        raise NotImplementedError("return the way to score that is tested")

    def make_truth(self) -> Sequence[LabelMap]:
        """Return the true maps of a video, (H, W) each. Default: masks bool of a square that moves right."""
        return list(make_moving_square(4, (48, 64), 16)[1])

    def make_wrong_results(self) -> list[Sequence[LabelMap]]:
        """Return results that are worse than the truth: the masks of a square elsewhere, near and far."""
        square = make_moving_square(4, (48, 64), 16)[1]
        return [list(np.roll(square, (2, 4), axis=(1, 2))), list(np.roll(square, (24, 32), axis=(1, 2)))]

    def score_masks(self, predicted: Iterable[LabelMap | None] | None, video: str = "video", index: int = 0) -> VideoScores:
        """Return the numbers of a video of which ``predicted`` was handed in."""
        return self.make_protocol().score_video(video, [Case("case", self.make_truth(), predicted, index)])

    def test_explains_itself(self) -> None:
        """It has a name that people can type, and a docstring that says what it measures.

        Set ``name`` in lower case without spaces, and write what is measured and who published it.
        """
        made = self.make_protocol()
        assert made.name == "".join(made.name.lower().split()), f"expected one word in lower case, got name = {made.name!r}"
        assert (type(made).__doc__ or "").strip(), f"expected a docstring, got none in {type(made).__name__}"

    def test_scores_the_truth_best(self) -> None:
        """The main number of the truth itself is better than that of masks elsewhere, whichever way is up.

        Look whether truth and prediction are mixed up, or ``main_metric`` names another number than that of the masks.
        """
        best, *others = (
            _get_main_value(self.make_protocol().summarize_scores([self.score_masks(each)]))
            for each in (self.make_truth(), *self.make_wrong_results())
        )
        apart = {float(np.sign(best - other)) for other in others}
        assert apart in ({1.0}, {-1.0}), f"expected {best} of the truth to be better than other masks, which got {others}"

    def test_keeps_no_state_between_videos(self) -> None:
        """A video has the same numbers whatever was scored before, and in another process.

        Keep no sums in the instance: measure in ``score_case``, and combine in ``build_table``.
        """
        made, case = self.make_protocol(), Case("case", self.make_truth(), self.make_wrong_results()[0])
        first = made.score_video("video", [case])
        made.score_video("other", [Case("case", self.make_truth(), self.make_truth())])
        sent: EvaluationProtocol = pickle.loads(pickle.dumps(made))  # noqa: S301 - its own bytes
        for again, when in ((made, "after another video"), (sent, "after pickling")):
            assert again.score_video("video", [case]) == first, f"expected the same numbers {when}, got others"

    def test_can_be_written_as_json(self) -> None:
        """The numbers of a video, and the table, are the same after they were written as JSON and read back.

        Make ``Part`` and ``Table`` of plain Python numbers, by their constructors, which check them.
        """
        scores = self.score_masks(self.make_wrong_results()[0])
        back = VideoScores.model_validate_json(scores.model_dump_json())
        assert back == scores, "expected the same numbers after JSON, got others"
        table = self.make_protocol().summarize_scores([back])
        text = table.model_dump_json()
        assert ScoreTable.model_validate_json(text).model_dump_json() == text, "expected the same table after JSON, got another"

    def test_videos_may_come_in_any_order(self) -> None:
        """The table does not depend on the order in which videos were scored.

        Where the order counts, go by ``position``, which ``summarize_scores`` has sorted the parts by.
        """
        videos = [
            self.score_masks(each, f"video {place}", place)
            for place, each in enumerate((self.make_truth(), *self.make_wrong_results()))
        ]
        one, other = (_get_main_value(self.make_protocol().summarize_scores(each)) for each in (videos, videos[::-1]))
        assert abs(one - other) <= TOLERANCE, f"expected {one} in another order of videos, got {other}"

    def test_refuses_frames_of_another_size(self) -> None:
        """A result of another size than the truth is an InputError that names the video.

        Compare the sizes of each frame, and begin the message with ``where``.
        """
        with assert_raises(InputError, "a video"):
            self.score_masks([frame[1:] for frame in self.make_truth()], "a video")

    def test_detects_missing_results(self) -> None:
        """A result of nothing, or of too few frames, is an InputError that names the video, or is told from a whole one.

        Go through truth and prediction with ``itertools.zip_longest``; ``Case.predicted`` is None where there is nothing.
        """
        whole = self.score_masks(self.make_truth(), "a video")
        for predicted in (None, self.make_truth()[1:]):
            try:
                scores = self.score_masks(predicted, "a video")
            except InputError as error:
                said = str(error)
                assert "a video" in said, f"expected the name of the video in the message, got: {said}"
            else:
                assert scores.objects != whole.objects, "expected other numbers than those of a whole result, got the same"

    def test_refuses_what_cannot_be_summarized(self) -> None:
        """No video at all, and the numbers of another protocol, are an InputError.

        Leave ``summarize_scores`` as it is in ``EvaluationProtocol``, and write ``build_table``.
        """
        with assert_raises(InputError):
            self.make_protocol().summarize_scores([])
        with assert_raises(InputError):
            self.make_protocol().summarize_scores(
                [self.score_masks(self.make_truth()).model_copy(update={"protocol": "another"})]
            )

    def test_has_terms_that_make_up_the_number(self) -> None:
        """The terms that intervals are drawn from make up the main number.

        Return from ``compute_terms`` sums and counts, float64 (K,) each, whose mean ratio is the main number; or leave it as it
        is.
        """
        scores = self.score_masks(self.make_wrong_results()[0])
        sums, counts = self.make_protocol().compute_terms(scores)
        fits = sums.shape == counts.shape and sums.ndim == 1
        assert fits, f"expected sums and counts of one length, got {sums.shape} and {counts.shape}"
        ratio = float(np.divide(sums, counts, out=np.zeros_like(sums), where=counts > 0).mean())
        number = _get_main_value(self.make_protocol().summarize_scores([scores]))
        assert abs(ratio - number) <= TOLERANCE, f"expected terms that make up {number}, got {ratio}"


def _get_main_value(table: ScoreTable) -> float:
    assert table.main_metric in table.metrics, f"expected main among {', '.join(table.metrics)}, got {table.main_metric!r}"
    return table.main_value
