"""Base of evaluation protocols: score the cases of each video, then combine all videos into a table."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from alref.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np
    import numpy.typing as npt

    from alref.components.scores import Case, ObjectScores, ScoreTable, VideoScores

    FloatArray = npt.NDArray[np.float64]


class EvaluationProtocol(ABC):
    """A published evaluation protocol. It is stateless, so that any process may score any video.

    ``needs`` are import names of required libraries, ``extra`` is the extra of its distribution that installs
    them, if any. ``frame_side`` is the side of the square that masks are resized to before they are scored, 0 for none.
    ``paper_columns`` are the metrics that papers print, in their order; empty for the main one.
    ``counts_empty_terms`` is True if a ratio of ``compute_terms`` that counts nothing is 0, False if it is left out.
    """

    name: ClassVar[str]
    frame_side: ClassVar[int] = 0
    paper_columns: ClassVar[tuple[str, ...]] = ()
    counts_empty_terms: ClassVar[bool] = True
    extra: ClassVar[str] = ""
    needs: ClassVar[tuple[str, ...]] = ()

    def score_video(self, video: str, cases: Iterable[Case]) -> VideoScores:
        """Score all cases of one video. Raises InputError if frames are missing or do not fit."""
        from alref.components.scores import VideoScores

        parts = [part for case in cases for part in self.score_case(f"{video}, {case.id}" if case.id else video, case)]
        return VideoScores(protocol=self.name, video=video, objects=tuple(parts))

    def summarize_scores(self, scores: Sequence[VideoScores]) -> ScoreTable:
        """Combine videos, in the order of the dataset. Raises InputError if there are none or one is of another protocol."""
        for other in (score for score in scores if score.protocol != self.name):
            raise InputError(f"{other.video}: expected numbers of protocol {self.name}, got {other.protocol}; score it again")
        parts = sorted((part for score in scores for part in score.objects), key=lambda part: part.position)
        if not parts:
            raise InputError(f"{self.name}: expected the numbers of at least one object, got none; score a video first")
        return self.build_table(parts)

    def compute_terms(self, scores: VideoScores) -> tuple[FloatArray, FloatArray]:
        """Return sums and counts of one video, float64 (K,) each: the score is the mean of K ratios of totals over videos.

        They serve to compute confidence intervals. Default: K = 1, the main value of the video, counted once for each part.
        """
        import numpy as np

        table, count = self.summarize_scores([scores]), len(scores.objects)
        return np.array([table.main_value * count]), np.array([float(count)])

    def compute_metric_terms(self, scores: VideoScores) -> dict[str, tuple[float, float]]:
        """Return the sum and the count of one video for each metric that is a mean over videos, for its interval.

        Default: each metric of the video, counted once for each part. A metric that is not such a mean has no interval.
        """
        table, count = self.summarize_scores([scores]), float(len(scores.objects))
        means = {name: value for name, value in table.metrics.items() if name not in table.counts}
        return {name: (value * count, count) if value == value else (0.0, 0.0) for name, value in means.items()}

    def format_official_files(self, scores: Sequence[VideoScores], split: str) -> dict[str, str]:
        """Return the files that the official program would write, by relative path. Default: none."""
        return {}

    @abstractmethod
    def score_case(self, where: str, case: Case) -> list[ObjectScores]:
        """Score one case; ``where`` names it in errors."""

    @abstractmethod
    def build_table(self, parts: Sequence[ObjectScores]) -> ScoreTable:
        """Combine the parts of all videos; there is at least one."""
