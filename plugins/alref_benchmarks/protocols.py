"""The published ways to score by name. What measures is imported when the first video is scored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alref.components.protocol import Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt

    from alref.components.scores import Case, Part, Table, VideoScores

    Numbers = npt.NDArray[np.float64]


class _Published(Protocol):
    def parts(self, where: str, case: Case) -> list[Part]:
        """Measure one case; ``where`` names it in errors."""
        return self._measure().parts(where, case)

    def table(self, parts: Sequence[Part]) -> Table:
        """Combine the parts of all videos; there is at least one."""
        return self._measure().table(parts)

    def terms(self, scores: VideoScores) -> tuple[Numbers, Numbers]:
        """Return sums and counts of one video."""
        return self._measure().terms(scores)

    def _measure(self) -> Protocol:
        from alref_benchmarks.metrics import PROTOCOLS

        return PROTOCOLS[self.name]


class SemiSupervised(_Published):
    """DAVIS 2017, objects by their numbers, without the first and the last frame."""

    name = "davis17-semi-supervised"


class Unsupervised(_Published):
    """DAVIS 2017, objects matched, all frames: that of Ref-DAVIS17, where the four annotators are averaged."""

    name = "davis17-unsupervised"


class RefYouTubeVos(_Published):
    """J and F of each expression."""

    name = "ref-youtube-vos"


class MeViS(_Published):
    """J and F of each expression, with the accuracy on expressions without a target."""

    name = "mevis"


class AvsBench(_Published):
    """M_J and M_F of AVSBench as its own test takes them, video by video."""

    name = "avs-avsbench"


class PerFrame(_Published):
    """M_J and M_F as AL-Ref-SAM 2 takes them, frame by frame."""

    name = "avs-alref"


class Padded(_Published):
    """Classes of AVSBench-semantic as its own test takes them: every clip has ten frames."""

    name = "avss-avsbench"


class RealFrames(_Published):
    """Classes of AVSBench-semantic as AL-Ref-SAM 2 takes them: the frames that there are."""

    name = "avss-alref"


class RefAvs(_Published):
    """J and F of Ref-AVS, in batches of four expressions."""

    name = "ref-avs"


class RefAvsNull(_Published):
    """S of the null split of Ref-AVS: lower is better."""

    name = "ref-avs-null"


PROTOCOLS: list[type[Protocol]] = [
    SemiSupervised,
    Unsupervised,
    RefYouTubeVos,
    MeViS,
    AvsBench,
    PerFrame,
    Padded,
    RealFrames,
    RefAvs,
    RefAvsNull,
]
