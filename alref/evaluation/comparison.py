"""Compare evaluations on their common videos, with paired intervals and the videos that differ most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple
from pathlib import Path

from pydantic import ValidationError

from alref.components.protocol import EvaluationProtocol
from alref.components.scores import NAN_CONFIG, VideoScores
from alref.errors import InputError, RecordError
from alref.evaluation.bootstrap import estimate_difference, estimate_interval
from alref.evaluation.folder import SCORES_FOLDER, decode_video_name, load_evaluation, read_scores
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


class RunComparison(Record):
    """One evaluation compared with the baseline under one protocol, on the common ``videos``.

    ``value`` and ``difference`` come with their 95 % bootstrap intervals; ``moves`` are videos, largest differences first.
    """

    model_config = NAN_CONFIG

    run: str
    protocol: str
    main_metric: str
    videos: int
    value: tuple[float, float, float]
    difference: tuple[float, float, float]
    changes: tuple[VideoChange, ...]


def compare_runs(runs: Sequence[Path], protocol: EvaluationProtocol) -> list[RunComparison]:
    """Compare each run of one dataset and split with the first. Raises InputError if no video is common to all."""
    specs = {run: load_evaluation(run) for run in runs}
    datasets = {f"{each.dataset}, {each.split}" for each in specs.values()}
    if len(datasets) > 1:
        raise InputError(f"expected runs of one dataset and split, got {' and '.join(sorted(datasets))}")
    scores = {run: _read_run_scores(run, protocol.name) for run in runs}
    order = _read_video_order(runs[0])
    common = sorted(set.intersection(*map(set, scores.values())), key=lambda video: (order.get(video, len(order)), video))
    if not common:
        counts = ", ".join(f"{run}: {len(videos)}" for run, videos in scores.items())
        raise InputError(f"no video is scored by {protocol.name} in all runs ({counts}); finish them: alref eval")
    shared = [[of_run[video] for video in common] for of_run in scores.values()]
    return [_compare_run(run, protocol, shared[0], of_run) for run, of_run in zip(scores, shared, strict=True)]


def _read_video_order(run: Path) -> dict[str, int]:
    """Read the order of videos from the summary, which is that of the dataset; bootstrap draws depend on it."""
    try:
        done = EvaluationSummary.model_validate_json((run / "summary.json").read_bytes())
    except (OSError, ValidationError, RecordError):
        return {}
    return {line.video: index for index, line in enumerate(done.lines)}


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
