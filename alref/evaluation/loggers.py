"""Record a finished evaluation with loggers. One that fails is reported, and the evaluation is complete."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isnan
from pathlib import Path

from alref.components.dataset import Dataset
from alref.components.logger import EvaluationLogger, FinishedEvaluation
from alref.components.protocol import EvaluationProtocol
from alref.errors import AlrefError, PluginErrorContext
from alref.evaluation.folder import EvaluationFolder
from alref.evaluation.rows import COLUMNS, collect_lines
from alref.evaluation.summary import EvaluationSummary
from alref.llm.usage import sum_known
from alref.pipeline.stage_cache import compute_key


def build_finished_evaluation(
    folder: EvaluationFolder,
    dataset: Dataset,
    summary: EvaluationSummary,
    protocols: Sequence[EvaluationProtocol],
    files: Sequence[Path],
) -> FinishedEvaluation:
    """Collect what loggers record of an evaluation, whose ``files`` are written."""
    path, spec = folder.path.resolve(), folder.spec
    metrics, intervals, spreads = {}, {}, {}
    for table in summary.tables:
        for name, value in table.metrics.items():
            if not isnan(value):
                metrics[f"{table.protocol}/{name}"] = value
                if interval := summary.get_interval(table, name):
                    intervals[f"{table.protocol}/{name}"] = interval
                if summary.repeats and (spread := summary.repeats.get_spread(table.protocol, name)):
                    spreads[f"{table.protocol}/{name}"] = spread
    lines = collect_lines(folder, dataset, [line.video for line in summary.lines], protocols)
    return FinishedEvaluation(
        name=path.name,
        key=compute_key(str(path), spec.dataset, spec.split, spec.config)[:16],
        folder=path,
        dataset=spec.dataset,
        split=spec.split,
        homepage=dataset.homepage,
        config=spec.config,
        versions=spec.versions,
        tables=summary.tables,
        metrics=metrics,
        intervals=intervals,
        columns=COLUMNS,
        rows=[line.build_cells() for line in lines],
        files=[file.resolve() for file in files],
        videos=summary.scored_count,
        requested=summary.requested,
        seconds=sum(summary.seconds.values()),
        dollars=sum_known([usage.cost for usage in summary.usage]) if summary.usage else None,
        spreads=spreads,
    )


def log_evaluation(
    loggers: Sequence[EvaluationLogger], evaluation: FinishedEvaluation
) -> Iterator[tuple[str, str | AlrefError]]:
    """Yield the name of each logger, and where it recorded the evaluation, or the error."""
    for logger in loggers:
        try:
            with PluginErrorContext(f"logger {logger.name!r}"):
                yield logger.name, logger.log_evaluation(evaluation)
        except AlrefError as error:
            yield logger.name, error
