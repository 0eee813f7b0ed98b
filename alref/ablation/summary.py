"""The summary of an ablation: scores with intervals, differences from the baseline, cost and failures of each row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple

from alref.ablation.agreement import compute_agreement
from alref.components.protocol import EvaluationProtocol
from alref.components.scores import NAN_CONFIG
from alref.evaluation.bootstrap import estimate_difference, estimate_interval
from alref.evaluation.folder import EvaluationFolder
from alref.evaluation.summary import EvaluationSummary, read_all_scores
from alref.llm.usage import sum_usage
from alref.records import Finding, Record

ScoreInterval = tuple[float, float, float]
"""A value with the bounds of its 95 % interval."""


class RowScore(Record):
    """Scores of a row under one protocol: the value of ``main_metric`` with its interval, all ``metrics``, 0..1.

    ``difference`` is the value minus that of the baseline, on the common ``paired_videos``.
    """

    model_config = NAN_CONFIG

    main_metric: str
    value: ScoreInterval
    videos: int
    difference: ScoreInterval | None = None
    paired_videos: int = 0
    metrics: dict[str, float]


class RowSummary(Record):
    """One row. ``seconds`` and ``dollars`` are per video, as if the row ran alone without a cache.

    ``agreement`` with the masks of the baseline, 0..1, is set if there is no ground truth. ``spent`` is the actual cost of the
    row in dollars, None if a price is unknown. ``failed`` maps videos to reasons; ``why`` is the reason if the row failed.
    """

    model_config = NAN_CONFIG

    name: str
    values: tuple[str, ...]
    folder: str
    requested: int
    done: int = 0
    scores: dict[str, RowScore] = {}
    agreement: float | None = None
    seconds: float | None = None
    dollars: float | None = None
    spent: float | None = None
    questions: float = 0.0
    verdicts: dict[Finding, int] = {}
    fallbacks: int = 0
    warning: str = ""
    failed: dict[str, str] = {}
    why: str = ""

    @property
    def problem(self) -> str:
        """Return a short description of the failures, empty if there are none."""
        if self.why or not self.failed:
            return self.why
        video, why = next(iter(self.failed.items()))
        return f"{len(self.failed)} of {self.requested} videos failed, for example {video}: {why}"


class AblationSummary(Record):
    """All rows, the base first. ``columns`` head their values; ``protocols`` has the default one first."""

    model_config = NAN_CONFIG

    dataset: str
    split: str
    columns: tuple[str, ...]
    protocols: tuple[str, ...]
    rows: tuple[RowSummary, ...]


def summarize_row(
    row: RowSummary,
    folder: EvaluationFolder,
    summary: EvaluationSummary,
    protocols: Sequence[EvaluationProtocol],
    base: EvaluationFolder | None,
) -> RowSummary:
    """Return the row with the results of its evaluation; ``base`` is that of the baseline, if available."""
    count = sum(line.row is not None for line in summary.lines)
    usage = sum_usage(summary.usage)
    videos = [line.video for line in summary.lines]
    return row.model_copy(
        update={
            "done": count,
            "scores": {each.name: score for each in protocols if (score := _score_row(folder, videos, each, base))},
            "agreement": compute_agreement(folder, base, videos) if base and not protocols else None,
            "seconds": sum(summary.seconds.values()) / count if count else None,
            "dollars": usage.uncached_cost / count if count and usage.uncached_cost is not None else None,
            "spent": usage.cost,
            "questions": usage.questions / count if count else 0.0,
            "verdicts": summary.verdicts,
            "fallbacks": summary.fallbacks,
            "warning": summary.warning,
            "failed": summary.failed,
        }
    )


def _score_row(
    folder: EvaluationFolder, videos: Sequence[str], protocol: EvaluationProtocol, base: EvaluationFolder | None
) -> RowScore | None:
    own = read_all_scores(folder, videos, protocol)
    if not own:
        return None
    table = protocol.summarize_scores(own)
    pairs = [(old, new) for new in own if base and (old := base.read_scores(new.video, protocol.name)) is not None]
    compared = bool(pairs) and base is not None and base.path != folder.path
    return RowScore(
        main_metric=table.main_metric,
        value=astuple(estimate_interval(protocol, own)),
        videos=len(own),
        difference=astuple(estimate_difference(protocol, *map(list, zip(*pairs, strict=True)))) if compared else None,
        paired_videos=len(pairs),
        metrics=table.metrics,
    )
