"""The published protocols by name. The metrics are imported when the first video is scored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alref import EvaluationProtocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt

    from alref import Case, ObjectScores, ScoreTable, VideoScores

    Numbers = npt.NDArray[np.float64]


class _LazyProtocol(EvaluationProtocol):
    def score_case(self, where: str, case: Case) -> list[ObjectScores]:
        """Score one case; ``where`` names it in errors."""
        return self._get_metric().score_case(where, case)

    def build_table(self, parts: Sequence[ObjectScores]) -> ScoreTable:
        """Combine the parts of all videos; there is at least one part."""
        return self._get_metric().build_table(parts)

    def compute_terms(self, scores: VideoScores) -> tuple[Numbers, Numbers]:
        """Return sums and counts of one video."""
        return self._get_metric().compute_terms(scores)

    def compute_metric_terms(self, scores: VideoScores) -> dict[str, tuple[float, float]]:
        """Return the sum and the count of one video for each metric."""
        return self._get_metric().compute_metric_terms(scores)

    def format_official_files(self, scores: Sequence[VideoScores], split: str) -> dict[str, str]:
        """Return the files that the official program would write."""
        return self._get_metric().format_official_files(scores, split)

    def _get_metric(self) -> EvaluationProtocol:
        from alref_benchmarks.metrics import METRICS_BY_PROTOCOL

        return METRICS_BY_PROTOCOL[self.name]


class Davis17SemiSupervisedProtocol(_LazyProtocol):
    """DAVIS 2017 semi-supervised: objects keep their labels; the first and last frame are ignored."""

    name = "davis17-semi-supervised"
    paper_columns = ("J&F", "J", "F")


class Davis17UnsupervisedProtocol(_LazyProtocol):
    """DAVIS 2017 unsupervised: objects are matched on all frames. Used by Ref-DAVIS17, averaged over four annotators."""

    name = "davis17-unsupervised"
    paper_columns = ("J&F", "J", "F")
    extra = "eval"
    needs = ("scipy",)


class RefYouTubeVosProtocol(_LazyProtocol):
    """J and F of each expression."""

    name = "ref-youtube-vos"
    paper_columns = ("J&F", "J", "F")


class MeViSProtocol(_LazyProtocol):
    """J and F of each expression, and the accuracy on expressions without a target."""

    name = "mevis"
    paper_columns = ("J&F", "J", "F", "N-acc", "T-acc")


class MeViSv2Protocol(_LazyProtocol):
    """Final: the mean of J&F, and of the accuracies on expressions with and without a target."""

    name = "mevis-v2"
    counts_empty_terms = False
    paper_columns = ("J&F", "N-acc", "T-acc", "Final")


class LongRvosProtocol(_LazyProtocol):
    """J and F of each expression, tIoU and vIoU of the frames with the object."""

    name = "long-rvos"
    paper_columns = ("J&F", "J", "F", "tIoU", "vIoU")


class ReasonVosProtocol(_LazyProtocol):
    """J and F of the expressions that have a result."""

    name = "reasonvos"
    paper_columns = ("J&F", "J", "F")


class ReVosProtocol(_LazyProtocol):
    """J, F, pixel accuracy A and robustness R: the mean of referring and reasoning expressions."""

    name = "revos"
    counts_empty_terms = False
    paper_columns = ("J&F", "J", "F", "R")


class RefSavProtocol(_LazyProtocol):
    """J, F and pixel accuracy A: the mean of long and short expressions that have a result."""

    name = "ref-sav"
    counts_empty_terms = False
    paper_columns = ("J&F", "J", "F")


class AvsBenchProtocol(_LazyProtocol):
    """M_J and M_F of AVSBench as in its official test, video by video."""

    name = "avs-avsbench"
    paper_columns = ("M_J", "M_F")


class AvsPerFrameProtocol(_LazyProtocol):
    """M_J and M_F as computed by AL-Ref-SAM 2, frame by frame."""

    name = "avs-alref"
    paper_columns = ("M_J", "M_F")


class AvssPaddedProtocol(_LazyProtocol):
    """Per-class scores of AVSBench-semantic as in its official test: every clip is padded to ten frames."""

    name = "avss-avsbench"
    paper_columns = ("mIoU", "F")


class AvssUnpaddedProtocol(_LazyProtocol):
    """Per-class scores of AVSBench-semantic as computed by AL-Ref-SAM 2: only the frames of the clip count."""

    name = "avss-alref"
    paper_columns = ("mIoU", "F")


class RefAvsProtocol(_LazyProtocol):
    """J and F of Ref-AVS, in batches of four expressions."""

    name = "ref-avs"
    paper_columns = ("J&F", "J", "F")
    frame_side = 256


class RefAvsNullProtocol(_LazyProtocol):
    """S of the null split of Ref-AVS; lower is better."""

    name = "ref-avs-null"
    paper_columns = ("S",)


PROTOCOLS: list[type[EvaluationProtocol]] = [
    Davis17SemiSupervisedProtocol,
    Davis17UnsupervisedProtocol,
    RefYouTubeVosProtocol,
    MeViSProtocol,
    MeViSv2Protocol,
    LongRvosProtocol,
    ReasonVosProtocol,
    ReVosProtocol,
    RefSavProtocol,
    AvsBenchProtocol,
    AvsPerFrameProtocol,
    AvssPaddedProtocol,
    AvssUnpaddedProtocol,
    RefAvsProtocol,
    RefAvsNullProtocol,
]
