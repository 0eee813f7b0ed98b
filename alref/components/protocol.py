"""What every published way to score shares: cases in, numbers of one video out, a table of all videos at the end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from alref.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np
    import numpy.typing as npt

    from alref.components.scores import Case, Part, Table, VideoScores

    Numbers = npt.NDArray[np.float64]


class Protocol(ABC):
    """A published way to score. It keeps nothing between videos, so that any process may score any video."""

    name: ClassVar[str]

    def score_video(self, video: str, cases: Iterable[Case]) -> VideoScores:
        """Measure all cases of one video. Raises InputError if frames are missing or do not fit."""
        from alref.components.scores import VideoScores

        parts = [part for case in cases for part in self.parts(f"{video}, {case.id}", case)]
        return VideoScores(protocol=self.name, video=video, parts=tuple(parts))

    def summarise(self, scores: Sequence[VideoScores]) -> Table:
        """Combine videos, in the order of the data set. Raises InputError for none, or for another protocol's."""
        for other in (each for each in scores if each.protocol != self.name):
            raise InputError(f"{other.video}: expected numbers of protocol {self.name}, got {other.protocol}; score it again")
        parts = sorted((part for each in scores for part in each.parts), key=lambda part: part.place)
        if not parts:
            raise InputError(f"{self.name}: expected the numbers of at least one object, got none; score a video first")
        return self.table(parts)

    def terms(self, scores: VideoScores) -> tuple[Numbers, Numbers]:
        """Return sums and counts of one video, float64 (K,) each: added over videos, the mean of their K ratios is the score.

        Intervals are drawn from them. Default: K = 1, the main number of the video, counted once for each part.
        """
        import numpy as np

        table, count = self.summarise([scores]), len(scores.parts)
        return np.array([table.numbers[table.main] * count]), np.array([float(count)])

    @abstractmethod
    def parts(self, where: str, case: Case) -> list[Part]:
        """Measure one case; ``where`` names it in errors."""

    @abstractmethod
    def table(self, parts: Sequence[Part]) -> Table:
        """Combine the parts of all videos; there is at least one."""
