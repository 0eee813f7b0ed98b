"""Evaluations side by side: on the videos that all of them scored, with paired intervals and the videos that moved most."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from alref.components.protocol import Protocol
from alref.components.scores import NUMBERS, VideoScores
from alref.errors import InputError, RecordError
from alref.evaluation.bootstrap import Interval, interval, paired
from alref.evaluation.folder import SCORES, load_evaluation, read_scores, video_name
from alref.evaluation.summary import Summary
from alref.records import Record


class Move(Record):
    """By how much a video's main number is above the base's."""

    model_config = NUMBERS

    video: str
    base: float
    other: float

    @property
    def by(self) -> float:
        """The difference."""
        return self.other - self.base


class Comparison(Record):
    """One evaluation against the base, under one protocol, on the ``videos`` that both have.

    ``value`` and ``difference`` come with their 95 % bootstrap intervals; ``moves`` are videos, those that moved most first.
    """

    model_config = NUMBERS

    run: str
    protocol: str
    number: str
    videos: int
    value: tuple[float, float, float]
    difference: tuple[float, float, float]
    moves: tuple[Move, ...]


def compare(runs: Sequence[Path], protocol: Protocol) -> list[Comparison]:
    """Compare runs of one data set and split, each once, with the first. Raises InputError for no video in common."""
    asked = {run: load_evaluation(run) for run in runs}
    what = {f"{each.dataset}, {each.split}" for each in asked.values()}
    if len(what) > 1:
        raise InputError(f"expected runs of one data set and split, got {' and '.join(sorted(what))}")
    scores = {run: _scores(run, protocol.name) for run in runs}
    order = _order(runs[0])
    common = sorted(set.intersection(*map(set, scores.values())), key=lambda video: (order.get(video, len(order)), video))
    if not common:
        counts = ", ".join(f"{run}: {len(videos)}" for run, videos in scores.items())
        raise InputError(f"no video is scored by {protocol.name} in all runs ({counts}); finish them: alref eval")
    shared = [[of_run[video] for video in common] for of_run in scores.values()]
    return [_one(run, protocol, shared[0], of_run) for run, of_run in zip(scores, shared, strict=True)]


def _order(run: Path) -> dict[str, int]:
    """Read the places of videos in the summary, which is in the data set's order: scores may depend on it, and draws do."""
    try:
        done = Summary.model_validate_json((run / "summary.json").read_bytes())
    except (OSError, ValidationError, RecordError):
        return {}
    return {line.video: place for place, line in enumerate(done.lines)}


def _scores(run: Path, protocol: str) -> dict[str, VideoScores]:
    """Read all scores of a run by video."""
    files = sorted((run / SCORES / protocol).glob("*.json"))
    read = {video_name(file): read_scores(run, video_name(file), protocol) for file in files}
    return {video: scores for video, scores in read.items() if scores is not None and scores.parts}


def _one(run: Path, protocol: Protocol, base: Sequence[VideoScores], other: Sequence[VideoScores]) -> Comparison:
    table = protocol.summarise(other)
    moves = [
        Move(video=new.video, base=_main(protocol, old), other=_main(protocol, new))
        for old, new in zip(base, other, strict=True)
    ]
    return Comparison(
        run=str(run),
        protocol=protocol.name,
        number=table.main,
        videos=len(other),
        value=_ends(interval(protocol, other)),
        difference=_ends(paired(protocol, base, other)),
        moves=tuple(sorted(moves, key=lambda move: -abs(move.by))),
    )


def _main(protocol: Protocol, scores: VideoScores) -> float:
    table = protocol.summarise([scores])
    return table.numbers[table.main]


def _ends(found: Interval) -> tuple[float, float, float]:
    return found.value, found.low, found.high
