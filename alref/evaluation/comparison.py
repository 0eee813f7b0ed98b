"""Compare evaluations on their common videos, with paired intervals, and the videos and references that differ most."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import astuple
from pathlib import Path
from statistics import fmean, stdev

from pydantic import ValidationError

from alref.components.protocol import EvaluationProtocol
from alref.components.scores import NAN_CONFIG, VideoScores
from alref.errors import InputError, RecordError
from alref.evaluation.bootstrap import estimate_difference, estimate_interval
from alref.evaluation.folder import SCORES_FOLDER, decode_video_name, load_evaluation, read_scores
from alref.evaluation.repeats import REPEATS_FOLDER
from alref.evaluation.summary import EvaluationSummary
from alref.records import Record


class VideoChange(Record):
    """The difference of a video's main metric from the baseline."""

    model_config = NAN_CONFIG

    video: str
    base: float
    other: float

    @property
    def difference(self) -> float:
        """The difference."""
        return self.other - self.base


class ReferenceChange(VideoChange):
    """The difference of a reference, scored alone, from the baseline, and its verdict in both."""

    id: str
    text: str
    base_verdict: str
    other_verdict: str


class RunComparison(Record):
    """One evaluation compared with the baseline under one protocol, on the common ``videos``.

    ``value`` and ``difference`` come with their 95 % bootstrap intervals. ``changes`` and ``references`` have the largest
    differences first; the latter are empty if the rows of one evaluation are missing or of another protocol. ``repeats`` are
    the values of all repeated runs that scored these videos, that of the evaluation itself first.
    """

    model_config = NAN_CONFIG

    run: str
    protocol: str
    main_metric: str
    videos: int
    value: tuple[float, float, float]
    difference: tuple[float, float, float]
    changes: tuple[VideoChange, ...]
    references: tuple[ReferenceChange, ...] = ()
    repeats: tuple[float, ...] = ()

    @property
    def spread(self) -> tuple[float, float] | None:
        """The mean over repeated runs and the sample standard deviation; None with one run."""
        return (fmean(self.repeats), stdev(self.repeats)) if len(self.repeats) > 1 else None


def compare_runs(runs: Sequence[Path], protocol: EvaluationProtocol) -> list[RunComparison]:
    """Compare each run of one dataset and split with the first. Raises InputError if no video is common to all."""
    specs = {run: load_evaluation(run) for run in runs}
    datasets = {f"{each.dataset}, {each.split}" for each in specs.values()}
    if len(datasets) > 1:
        raise InputError(f"expected runs of one dataset and split, got {' and '.join(sorted(datasets))}")
    scores = {run: _read_run_scores(run, protocol.name) for run in runs}
    summaries = {run: _read_summary(run) for run in runs}
    first = summaries[runs[0]]
    order = {line.video: index for index, line in enumerate(first.lines)} if first else {}
    common = sorted(set.intersection(*map(set, scores.values())), key=lambda video: (order.get(video, len(order)), video))
    if not common:
        counts = ", ".join(f"{run}: {len(videos)}" for run, videos in scores.items())
        raise InputError(f"no video is scored by {protocol.name} in all runs ({counts}); finish them: alref eval")
    shared = [[of_run[video] for video in common] for of_run in scores.values()]
    rows = {run: _read_rows(run, summary, protocol.name, common) for run, summary in summaries.items()}
    return [
        _compare_run(run, protocol, shared[0], of_run).model_copy(
            update={
                "references": _compare_references(rows[runs[0]], rows[run]),
                "repeats": _score_repeats(run, protocol, common, of_run),
            }
        )
        for run, of_run in zip(scores, shared, strict=True)
    ]


def _read_summary(run: Path) -> EvaluationSummary | None:
    """Read the summary, whose order of videos is that of the dataset; bootstrap draws depend on it. None without one."""
    try:
        return EvaluationSummary.model_validate_json((run / "summary.json").read_bytes())
    except (OSError, ValidationError, RecordError):
        return None


def _read_rows(
    run: Path, summary: EvaluationSummary | None, protocol: str, videos: Sequence[str]
) -> dict[tuple[str, str], dict[str, str]]:
    """Read the rows of the references of ``videos`` with a score, if their scores are those of the protocol."""
    path = run / "rows.csv"
    if summary is None or not summary.tables or summary.tables[0].protocol != protocol or not path.exists():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["score"] and row["video"] in set(videos)]
    return {(row["video"], row["id"]): row for row in rows}


def _compare_references(
    base: dict[tuple[str, str], dict[str, str]], other: dict[tuple[str, str], dict[str, str]]
) -> tuple[ReferenceChange, ...]:
    """Compare the references that both have, largest differences first."""
    changes = [
        ReferenceChange(
            video=old["video"],
            id=old["id"],
            text=old["text"],
            base=float(old["score"]),
            other=float(new["score"]),
            base_verdict=old["verdict"],
            other_verdict=new["verdict"],
        )
        for key, old in base.items()
        if (new := other.get(key))
    ]
    return tuple(sorted(changes, key=lambda change: -abs(change.difference)))


def _score_repeats(
    run: Path, protocol: EvaluationProtocol, videos: Sequence[str], first: Sequence[VideoScores]
) -> tuple[float, ...]:
    """Return the main metric of the run and of its repeats that scored all ``videos``."""
    folders = sorted((run / REPEATS_FOLDER).glob("*"), key=lambda folder: (len(folder.name), folder.name))
    found = [[scores.get(video) for video in videos] for scores in (_read_run_scores(each, protocol.name) for each in folders)]
    whole = [first, *([each for each in of_run if each is not None] for of_run in found if None not in of_run)]
    return tuple(protocol.summarize_scores(scores).main_value for scores in whole)


def _read_run_scores(run: Path, protocol: str) -> dict[str, VideoScores]:
    """Read all scores of a run by video."""
    files = sorted((run / SCORES_FOLDER / protocol).glob("*.json"))
    read = {decode_video_name(file): read_scores(run, decode_video_name(file), protocol) for file in files}
    return {video: scores for video, scores in read.items() if scores is not None and scores.objects}


def _compare_run(
    run: Path, protocol: EvaluationProtocol, base: Sequence[VideoScores], other: Sequence[VideoScores]
) -> RunComparison:
    table = protocol.summarize_scores(other)
    moves = [
        VideoChange(
            video=new.video,
            base=protocol.summarize_scores([old]).main_value,
            other=protocol.summarize_scores([new]).main_value,
        )
        for old, new in zip(base, other, strict=True)
    ]
    return RunComparison(
        run=str(run),
        protocol=protocol.name,
        main_metric=table.main_metric,
        videos=len(other),
        value=astuple(estimate_interval(protocol, other)),
        difference=astuple(estimate_difference(protocol, base, other)),
        changes=tuple(sorted(moves, key=lambda move: -abs(move.difference))),
    )
