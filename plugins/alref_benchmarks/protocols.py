"""The published ways to score by name. What measures is imported when the first video is scored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alref.components.protocol import EvaluationProtocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt

    from alref.components.scores import Case, ObjectScores, ScoreTable, VideoScores

    Numbers = npt.NDArray[np.float64]


class _LazyProtocol(EvaluationProtocol):
    def score_case(self, where: str, case: Case) -> list[ObjectScores]:
        """Measure one case; ``where`` names it in errors."""
        return self._get_metric().score_case(where, case)

    def build_table(self, parts: Sequence[ObjectScores]) -> ScoreTable:
        """Combine the parts of all videos; there is at least one."""
        return self._get_metric().build_table(parts)

    def compute_terms(self, scores: VideoScores) -> tuple[Numbers, Numbers]:
        """Return sums and counts of one video."""
        return self._get_metric().compute_terms(scores)

    def _get_metric(self) -> EvaluationProtocol:
        from alref_benchmarks.metrics import METRICS_BY_PROTOCOL

        return METRICS_BY_PROTOCOL[self.name]


class Davis17SemiSupervisedProtocol(_LazyProtocol):
    """DAVIS 2017, objects by their numbers, without the first and the last frame."""

    name = "davis17-semi-supervised"


class Davis17UnsupervisedProtocol(_LazyProtocol):
    """DAVIS 2017, objects matched, all frames: that of Ref-DAVIS17, where the four annotators are averaged."""

    name = "davis17-unsupervised"
    extra = "eval"
    needs = ("scipy",)


class RefYouTubeVosProtocol(_LazyProtocol):
    """J and F of each expression."""

    name = "ref-youtube-vos"


class MeViSProtocol(_LazyProtocol):
    """J and F of each expression, with the accuracy on expressions without a target."""

    name = "mevis"


class AvsBenchProtocol(_LazyProtocol):
    """M_J and M_F of AVSBench as its own test takes them, video by video."""

    name = "avs-avsbench"


class AvsPerFrameProtocol(_LazyProtocol):
    """M_J and M_F as AL-Ref-SAM 2 takes them, frame by frame."""

    name = "avs-alref"


class AvssPaddedProtocol(_LazyProtocol):
    """Classes of AVSBench-semantic as its own test takes them: every clip has ten frames."""

    name = "avss-avsbench"


class AvssUnpaddedProtocol(_LazyProtocol):
    """Classes of AVSBench-semantic as AL-Ref-SAM 2 takes them: the frames that there are."""

    name = "avss-alref"


class RefAvsProtocol(_LazyProtocol):
    """J and F of Ref-AVS, in batches of four expressions."""

    name = "ref-avs"


class RefAvsNullProtocol(_LazyProtocol):
    """S of the null split of Ref-AVS: lower is better."""

    name = "ref-avs-null"


PROTOCOLS: list[type[EvaluationProtocol]] = [
    Davis17SemiSupervisedProtocol,
    Davis17UnsupervisedProtocol,
    RefYouTubeVosProtocol,
    MeViSProtocol,
    AvsBenchProtocol,
    AvsPerFrameProtocol,
    AvssPaddedProtocol,
    AvssUnpaddedProtocol,
    RefAvsProtocol,
    RefAvsNullProtocol,
]
