"""What an evaluation gave: a table for each protocol with its interval, a line for each video, what it took."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from alref.components.dataset import Dataset
from alref.components.protocol import Protocol
from alref.components.scores import NUMBERS, Table, VideoScores
from alref.evaluation.bootstrap import interval
from alref.evaluation.folder import EvaluationFolder, Row
from alref.llm.usage import by_model
from alref.records import Finding, Record
from alref.result import Usage


class Line(Record):
    """One video: its main number under each protocol, and in short what became of it."""

    model_config = NUMBERS

    video: str
    numbers: dict[str, float]
    row: Row | None = None


class Summary(Record):
    """The numbers of an evaluation. ``intervals`` are the ends of the 95 % bootstrap interval of each protocol's main number.

    ``asked`` videos were to be done; ``failed`` says why some could not; what is in neither ``lines`` nor ``failed`` is still
    to do. ``seconds`` adds up each stage over videos.
    """

    model_config = NUMBERS

    dataset: str
    split: str
    asked: int
    tables: tuple[Table, ...]
    intervals: dict[str, tuple[float, float]]
    lines: tuple[Line, ...]
    failed: dict[str, str]
    seconds: dict[str, float] = {}
    usage: tuple[Usage, ...] = ()
    verdicts: dict[Finding, int] = {}
    fallbacks: int = 0

    @property
    def counted(self) -> int:
        """How many videos are in the numbers; where nothing is scored, how many are done."""
        done = [line for line in self.lines if line.video not in self.failed]
        return sum(bool(line.numbers) for line in done) if self.tables else len(done)


def summary(folder: EvaluationFolder, videos: Sequence[str], protocols: Sequence[Protocol]) -> Summary:
    """Sum up what is done of ``videos``, in their order."""
    rows = [row for video in videos if (row := folder.row(video)) is not None]
    scores = {protocol: scored(folder, videos, protocol) for protocol in protocols}
    usages = [usage for row in rows for usage in row.usage]
    return Summary(
        dataset=folder.asked.dataset,
        split=folder.asked.split,
        asked=len(videos),
        **_numbers(scores),
        lines=lines(scores, rows),
        failed={video: why for video, why in folder.faults().items() if video in set(videos)},
        seconds=dict(sum((Counter(row.seconds) for row in rows), Counter())),
        usage=by_model(usages),
        verdicts=dict(sum((Counter(row.verdicts) for row in rows), Counter())),
        fallbacks=sum(row.fallbacks for row in rows),
    )


def of_scores(
    dataset: Dataset, videos: Sequence[str], scores: dict[Protocol, list[VideoScores]], failed: dict[str, str]
) -> Summary:
    """Sum up scores of masks that were made elsewhere, in the order of ``videos``."""
    place = {video: number for number, video in enumerate(videos)}
    some = {protocol: [each for each in found if each.parts] for protocol, found in scores.items()}
    ordered = {protocol: sorted(found, key=lambda each: place[each.video]) for protocol, found in some.items()}
    return Summary(
        dataset=dataset.name,
        split=dataset.split,
        asked=len(videos),
        failed=failed,
        **_numbers(ordered),
        lines=lines(ordered, ()),
    )


def _numbers(scores: dict[Protocol, list[VideoScores]]) -> dict[str, Any]:
    return {
        "tables": tuple(protocol.summarise(found) for protocol, found in scores.items() if found),
        "intervals": {protocol.name: _ends(protocol, found) for protocol, found in scores.items() if found},
    }


def scored(folder: EvaluationFolder, videos: Sequence[str], protocol: Protocol) -> list[VideoScores]:
    """Read the scores of the videos that have some, in their order; one with no object to score has none."""
    return [scores for video in videos if (scores := folder.scores(video, protocol.name)) is not None and scores.parts]


def lines(scores: dict[Protocol, list[VideoScores]], rows: Sequence[Row]) -> tuple[Line, ...]:
    """Make a line for each video that was scored or predicted."""
    numbers: dict[str, dict[str, float]] = {row.video: {} for row in rows}
    for protocol, found in scores.items():
        for each in found:
            table = protocol.summarise([each])
            numbers.setdefault(each.video, {})[protocol.name] = table.numbers[table.main]
    known = {row.video: row for row in rows}
    return tuple(Line(video=video, numbers=of_video, row=known.get(video)) for video, of_video in numbers.items())


def _ends(protocol: Protocol, scores: Sequence[VideoScores]) -> tuple[float, float]:
    found = interval(protocol, scores)
    return found.low, found.high
