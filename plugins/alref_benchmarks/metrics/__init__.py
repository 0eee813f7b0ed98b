"""Published protocols with one interface: score the cases of a video, then summarize all videos in a table.

An ``EvaluationProtocol`` scores one video at a time and has no state, so videos can be scored in any order and process, and
their ``VideoScores`` stored as JSON until ``summarize_scores`` combines them. The table is the same to the last bit::

    from alref_benchmarks.metrics import Case, VideoScores, get_metric

    protocol = get_metric("davis17-unsupervised")
    cases = [Case(id="0", truth=true_labels, predicted=labels)]        # (T, H, W), or any iterable of (H, W) frames
    scores = protocol.score_video("blackswan", cases)
    path.write_text(scores.model_dump_json())

    stored = [VideoScores.model_validate_json(path.read_text()) for path in paths]     # in the order of the dataset
    table = protocol.summarize_scores(stored)
    table.main_metric, table.metrics["J&F"], table.groups["0"]["J&F"]

``protocol.summarize_scores([scores])`` is the table of a single video. Cases and frames of each protocol:

=========================  ==================================  =================================================
protocol                   a case is                           a frame is
=========================  ==================================  =================================================
davis17-semi-supervised    a result, one for each annotator    object numbers; 255 in the truth is void
davis17-unsupervised       a result, one for each annotator    object numbers; 255 in the truth is void
ref-youtube-vos            an expression                       a mask
mevis, mevis-v2            an expression                       a mask
long-rvos, reasonvos       an expression                       a mask
revos, ref-sav             an expression                       a mask
avs-avsbench, avs-alref    a clip                              a mask; predicted may be logits
avss-avsbench, avss-alref  a clip                              class numbers 0..70, of any size
ref-avs, ref-avs-null      an expression                       a mask of any size; predicted may be logits
=========================  ==================================  =================================================

A mask is bool or integer, and nonzero pixels are foreground; logits are floats. Predictions have the size of the truth,
or the size to which the official test resizes both: 224x224 for ``avss``, 256x256 for ``ref-avs``. Scores are 0..1.
"""

from __future__ import annotations

from alref import Case, ConfigError, EvaluationProtocol, ObjectScores, ScoreTable, VideoScores
from alref.errors import suggest_names
from alref_benchmarks.metrics.avs import AvsBenchMetric, AvsPerFrameMetric
from alref_benchmarks.metrics.avss import AvssPaddedMetric, AvssUnpaddedMetric
from alref_benchmarks.metrics.davis import Davis17SemiSupervisedMetric, Davis17UnsupervisedMetric
from alref_benchmarks.metrics.expressions import MeViSMetric, RefYouTubeVosMetric
from alref_benchmarks.metrics.expressions_v2 import LongRvosMetric, MeViSv2Metric, ReasonVosMetric
from alref_benchmarks.metrics.refavs import RefAvsMetric, RefAvsNullMetric
from alref_benchmarks.metrics.revos import RefSavMetric, ReVosMetric

__all__ = ["METRICS_BY_PROTOCOL", "Case", "EvaluationProtocol", "ObjectScores", "ScoreTable", "VideoScores", "get_metric"]

_METRICS: tuple[EvaluationProtocol, ...] = (
    Davis17SemiSupervisedMetric(),
    Davis17UnsupervisedMetric(),
    RefYouTubeVosMetric(),
    MeViSMetric(),
    MeViSv2Metric(),
    LongRvosMetric(),
    ReasonVosMetric(),
    ReVosMetric(),
    RefSavMetric(),
    AvsBenchMetric(),
    AvsPerFrameMetric(),
    AvssPaddedMetric(),
    AvssUnpaddedMetric(),
    RefAvsMetric(),
    RefAvsNullMetric(),
)
METRICS_BY_PROTOCOL: dict[str, EvaluationProtocol] = {each.name: each for each in _METRICS}


def get_metric(name: str) -> EvaluationProtocol:
    """Return a protocol by name. Raises ConfigError if it is unknown."""
    if name not in METRICS_BY_PROTOCOL:
        raise ConfigError(
            f"no protocol {name!r}{suggest_names(name, METRICS_BY_PROTOCOL)}; protocols: {', '.join(METRICS_BY_PROTOCOL)}"
        )
    return METRICS_BY_PROTOCOL[name]
