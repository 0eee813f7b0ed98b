"""The summary of an evaluation: metrics by protocol with intervals, a line for each video, and cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from alref.components.dataset import Dataset
from alref.components.protocol import EvaluationProtocol
from alref.components.scores import NAN_CONFIG, ScoreTable, VideoScores
from alref.errors import InputError, RecordError
from alref.evaluation.bootstrap import estimate_interval, estimate_intervals
from alref.evaluation.folder import EvaluationFolder, EvaluationRow
from alref.evaluation.repeats import RepeatSummary
from alref.llm.usage import group_by_model
from alref.records import Finding, Record
from alref.result import Usage


class VideoSummary(Record):
    """One video: its main metric under each protocol, and its summary."""

    model_config = NAN_CONFIG

    video: str
    scores: dict[str, float]
    row: EvaluationRow | None = None


class EvaluationSummary(Record):
    """Metrics of an evaluation, 0..1, with the bounds of the 95 % bootstrap interval of each protocol's main metric.

    A single scored video has no interval. ``metric_intervals`` has the bounds of all metrics that are means over videos.
    ``requested`` is the number of videos to evaluate; ``failed`` maps a video to the reason of its failure. A video in neither
    ``lines`` nor ``failed`` is not processed yet. ``seconds`` sums each stage over videos. ``verdicts`` counts references;
    ``warning`` is the first warning, with its video. ``held`` says of how many videos, references and masks the scores of masks
    of another program are, and how many there should be. ``repeats`` has the metrics of all runs, if there are several;
    everything else is of the first.
    """

    model_config = NAN_CONFIG

    dataset: str
    split: str
    requested: int
    tables: tuple[ScoreTable, ...]
    intervals: dict[str, tuple[float, float]]
    metric_intervals: dict[str, dict[str, tuple[float, float]]] = {}
    lines: tuple[VideoSummary, ...]
    failed: dict[str, str]
    seconds: dict[str, float] = {}
    usage: tuple[Usage, ...] = ()
    verdicts: dict[Finding, int] = {}
    fallbacks: int = 0
    warning: str = ""
    held: dict[str, tuple[int, int]] = {}
    repeats: RepeatSummary | None = None

    def get_interval(self, table: ScoreTable, name: str) -> tuple[float, float] | None:
        """Return the bounds of the interval of a metric; None if it has none."""
        if name == table.main_metric:
            return self.intervals.get(table.protocol)
        return self.metric_intervals.get(table.protocol, {}).get(name)

    @property
    def is_partial(self) -> bool:
        """Return True if something that should be scored is not."""
        return any(count < total for count, total in self.held.values())

    @property
    def scored_count(self) -> int:
        """Return the number of scored videos, or of finished videos if none is scored."""
        done = [line for line in self.lines if line.video not in self.failed]
        return sum(bool(line.scores) for line in done) if self.tables else len(done)


def summarize_evaluation(
    folder: EvaluationFolder, videos: Sequence[str], protocols: Sequence[EvaluationProtocol]
) -> EvaluationSummary:
    """Summarize the finished ``videos``, in their order."""
    rows = [row for video in videos if (row := folder.read_row(video)) is not None]
    scores = {protocol: read_all_scores(folder, videos, protocol) for protocol in protocols}
    usages = [usage for row in rows for usage in row.usage]
    return EvaluationSummary(
        dataset=folder.spec.dataset,
        split=folder.spec.split,
        requested=len(videos),
        **_build_tables(scores),
        lines=build_lines(scores, rows),
        failed={video: why for video, why in folder.read_errors().items() if video in set(videos)},
        seconds=dict(sum((Counter(row.seconds) for row in rows), Counter())),
        usage=group_by_model(usages),
        verdicts=dict(sum((Counter(row.verdicts) for row in rows), Counter())),
        fallbacks=sum(row.fallbacks for row in rows),
        warning=next((f"{row.video}: {row.warning}" for row in rows if row.warning), ""),
    )


def format_verdicts(verdicts: Mapping[Finding, int], warning: str = "") -> str:
    """Format how many references had each verdict, and the first warning: ``8 found, 2 absent; first warning: ...``."""
    counts = ", ".join(f"{count} {finding}" for finding, count in verdicts.items())
    return "; ".join(filter(None, [counts, warning and f"first warning: {warning}"]))


def summarize_external_scores(
    dataset: Dataset, videos: Sequence[str], scores: dict[EvaluationProtocol, list[VideoScores]], failed: dict[str, str]
) -> EvaluationSummary:
    """Summarize scores of masks of any program, in the order of ``videos``."""
    positions = {video: number for number, video in enumerate(videos)}
    some = {protocol: [each for each in found if each.objects] for protocol, found in scores.items()}
    ordered = {protocol: sorted(found, key=lambda each: positions[each.video]) for protocol, found in some.items()}
    return EvaluationSummary(
        dataset=dataset.name,
        split=dataset.split,
        requested=len(videos),
        failed=failed,
        **_build_tables(ordered),
        lines=build_lines(ordered, ()),
    )


def _build_tables(scores: dict[EvaluationProtocol, list[VideoScores]]) -> dict[str, Any]:
    scored = {protocol: found for protocol, found in scores.items() if found}
    several = {protocol: found for protocol, found in scored.items() if len(found) > 1}
    intervals = {protocol.name: estimate_interval(protocol, found) for protocol, found in several.items()}
    tables = {protocol: protocol.summarize_scores(found) for protocol, found in scored.items()}
    return {
        "tables": tuple(tables.values()),
        "metric_intervals": {
            protocol.name: estimate_intervals(protocol, found, tables[protocol].metrics) for protocol, found in several.items()
        },
        "intervals": {name: (interval.low, interval.high) for name, interval in intervals.items()},
    }


def read_all_scores(folder: EvaluationFolder, videos: Sequence[str], protocol: EvaluationProtocol) -> list[VideoScores]:
    """Read the available scores of videos, in their order; a video without objects has none."""
    return [scores for video in videos if (scores := folder.read_scores(video, protocol.name)) is not None and scores.objects]


def build_lines(scores: dict[EvaluationProtocol, list[VideoScores]], rows: Sequence[EvaluationRow]) -> tuple[VideoSummary, ...]:
    """Create a line for each video that was scored or predicted."""
    numbers: dict[str, dict[str, float]] = {row.video: {} for row in rows}
    for protocol, found in scores.items():
        for each in found:
            table = protocol.summarize_scores([each])
            numbers.setdefault(each.video, {})[protocol.name] = table.main_value
    known = {row.video: row for row in rows}
    return tuple(VideoSummary(video=video, scores=of_video, row=known.get(video)) for video, of_video in numbers.items())


def read_summaries(folders: Sequence[Path], protocol: str) -> dict[str, EvaluationSummary]:
    """Read the summaries of evaluations by name, the last parts of their paths that differ, with the table of one protocol.

    Raises InputError if a summary is missing.
    """
    names = [folder.resolve().name for folder in folders]
    found = {}
    for name, folder in zip(names, folders, strict=True):
        try:
            summary = EvaluationSummary.model_validate_json((folder / "summary.json").read_bytes())
        except (OSError, ValidationError, RecordError):
            raise InputError(f"{folder}: expected a file summary.json; finish the evaluation: alref eval") from None
        tables = tuple(table for table in summary.tables if table.protocol == protocol)
        found[name if names.count(name) == 1 else str(folder)] = summary.model_copy(update={"tables": tables})
    return found


def read_requested_count(folder: Path) -> int:
    """Return how many videos the summary in a folder is of; 0 if there is none."""
    try:
        return EvaluationSummary.model_validate_json((folder / "summary.json").read_bytes()).requested
    except (OSError, ValidationError, RecordError):
        return 0
