"""What ways to score promise."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Sequence

import numpy as np

from alref.components.protocol import Protocol
from alref.components.scores import Case, Map, Table, VideoScores
from alref.errors import InputError
from alref.testing.errors import refused
from alref.testing.videos import moving_square

NEAR = 1e-6
"""Difference between two numbers that are the same, up to the order in which they were added."""


class ProtocolContract:
    """What a way to score promises. Override ``protocol``; override ``truth`` where it scores anything else than one object."""

    def protocol(self) -> Protocol:
        """Return the way to score that is tested, made anew."""
        raise NotImplementedError("return the way to score that is tested")

    def truth(self) -> Sequence[Map]:
        """Return the true maps of a video, (H, W) each. Default: masks bool of a square that moves right."""
        return list(moving_square(4, (48, 64), 16)[1])

    def wrong(self) -> list[Sequence[Map]]:
        """Return results that are worse than the truth: the masks of a square elsewhere, near and far."""
        square = moving_square(4, (48, 64), 16)[1]
        return [list(np.roll(square, (2, 4), axis=(1, 2))), list(np.roll(square, (24, 32), axis=(1, 2)))]

    def scores(self, predicted: Iterable[Map | None] | None, video: str = "video", place: int = 0) -> VideoScores:
        """Return the numbers of a video of which ``predicted`` was handed in."""
        return self.protocol().score_video(video, [Case("case", self.truth(), predicted, place)])

    def test_explains_itself(self) -> None:
        """It has a name that people can type, and a docstring that says what it measures.

        Set ``name`` in lower case without spaces, and write what is measured and who published it.
        """
        made = self.protocol()
        assert made.name == "".join(made.name.lower().split()), f"expected one word in lower case, got name = {made.name!r}"
        assert (type(made).__doc__ or "").strip(), f"expected a docstring, got none in {type(made).__name__}"

    def test_scores_the_truth_best(self) -> None:
        """The main number of the truth itself is better than that of masks elsewhere, whichever way is up.

        Look whether truth and prediction are mixed up, or ``main`` names another number than that of the masks.
        """
        best, *others = (_main(self.protocol().summarise([self.scores(each)])) for each in (self.truth(), *self.wrong()))
        apart = {float(np.sign(best - other)) for other in others}
        assert apart in ({1.0}, {-1.0}), f"expected {best} of the truth to be better than other masks, which got {others}"

    def test_keeps_nothing_between_videos(self) -> None:
        """A video has the same numbers whatever was scored before, and in another process.

        Keep no sums in the instance: measure in ``parts``, and combine in ``table``.
        """
        made, case = self.protocol(), Case("case", self.truth(), self.wrong()[0])
        first = made.score_video("video", [case])
        made.score_video("other", [Case("case", self.truth(), self.truth())])
        sent: Protocol = pickle.loads(pickle.dumps(made))  # noqa: S301 - its own bytes
        for again, when in ((made, "after another video"), (sent, "after pickling")):
            assert again.score_video("video", [case]) == first, f"expected the same numbers {when}, got others"

    def test_can_be_written_as_json(self) -> None:
        """The numbers of a video, and the table, are the same after they were written as JSON and read back.

        Make ``Part`` and ``Table`` of plain Python numbers, by their constructors, which check them.
        """
        scores = self.scores(self.wrong()[0])
        back = VideoScores.model_validate_json(scores.model_dump_json())
        assert back == scores, "expected the same numbers after JSON, got others"
        table = self.protocol().summarise([back])
        text = table.model_dump_json()
        assert Table.model_validate_json(text).model_dump_json() == text, "expected the same table after JSON, got another"

    def test_videos_may_come_in_any_order(self) -> None:
        """The table does not depend on the order in which videos were scored.

        Where the order counts, go by ``place``, which ``summarise`` has sorted the parts by.
        """
        videos = [self.scores(each, f"video {place}", place) for place, each in enumerate((self.truth(), *self.wrong()))]
        one, other = (_main(self.protocol().summarise(each)) for each in (videos, videos[::-1]))
        assert abs(one - other) <= NEAR, f"expected {one} in another order of videos, got {other}"

    def test_refuses_frames_of_another_size(self) -> None:
        """A result of another size than the truth is an InputError that names the video.

        Compare the sizes of each frame, and begin the message with ``where``.
        """
        with refused(InputError, "a video"):
            self.scores([frame[1:] for frame in self.truth()], "a video")

    def test_tells_what_was_not_handed_in(self) -> None:
        """A result of nothing, or of too few frames, is an InputError that names the video, or is told from a whole one.

        Go through truth and prediction with ``itertools.zip_longest``; ``Case.predicted`` is None where there is nothing.
        """
        whole = self.scores(self.truth(), "a video")
        for predicted in (None, self.truth()[1:]):
            try:
                scores = self.scores(predicted, "a video")
            except InputError as error:
                said = str(error)
                assert "a video" in said, f"expected the name of the video in the message, got: {said}"
            else:
                assert scores.parts != whole.parts, "expected other numbers than those of a whole result, got the same"

    def test_says_what_cannot_be_summed_up(self) -> None:
        """No video at all, and the numbers of another protocol, are an InputError.

        Leave ``summarise`` as it is in ``Protocol``, and write ``table``.
        """
        with refused(InputError):
            self.protocol().summarise([])
        with refused(InputError):
            self.protocol().summarise([self.scores(self.truth()).model_copy(update={"protocol": "another"})])

    def test_has_terms_that_make_up_the_number(self) -> None:
        """The terms that intervals are drawn from make up the main number.

        Return from ``terms`` sums and counts, float64 (K,) each, whose mean ratio is the main number; or leave it as it is.
        """
        scores = self.scores(self.wrong()[0])
        sums, counts = self.protocol().terms(scores)
        fits = sums.shape == counts.shape and sums.ndim == 1
        assert fits, f"expected sums and counts of one length, got {sums.shape} and {counts.shape}"
        ratio = float(np.divide(sums, counts, out=np.zeros_like(sums), where=counts > 0).mean())
        number = _main(self.protocol().summarise([scores]))
        assert abs(ratio - number) <= NEAR, f"expected terms that make up {number}, got {ratio}"


def _main(table: Table) -> float:
    assert table.main in table.numbers, f"expected main among {', '.join(table.numbers)}, got {table.main!r}"
    return table.numbers[table.main]
