"""What an evaluation leaves for people and programs: ``report.html``, which needs no network, and ``summary.json``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import yaml

from alref.components.dataset import Dataset
from alref.components.scores import Case, Map
from alref.errors import AlrefError
from alref.evaluation.folder import EvaluationFolder
from alref.evaluation.summary import Line, Summary
from alref.llm.usage import said, total
from alref.media.video import Frame
from alref.output.html import environment
from alref.output.thumbnails import data_uri, fit, tint
from alref.utils import atomic

SHOWN = 4
THUMB = 320
BINS = 20


@dataclass(frozen=True)
class Look:
    """One video as the report shows it: a frame with the true masks and with the predicted ones, as data addresses.

    ``why`` says why there are none.
    """

    video: str
    value: float
    case: str = ""
    frame: int = 0
    truth: str = ""
    predicted: str = ""
    why: str = ""


@dataclass(frozen=True)
class Bar:
    """How many videos have a number in a range, in a box of 100 by 100 units."""

    left: float
    height: float
    count: int
    low: float


def write(folder: EvaluationFolder, dataset: Dataset, done: Summary) -> None:
    """Write both files. Raises OutputError."""
    atomic.write_text(folder.path / "summary.json", done.model_dump_json(indent=1))
    atomic.write_text(folder.path / "report.html", page(folder, dataset, done))


def page(folder: EvaluationFolder, dataset: Dataset, done: Summary) -> str:
    """Make the report of what is done."""
    usual = done.tables[0].protocol if done.tables else ""
    ordered = sorted((line for line in done.lines if usual in line.numbers), key=lambda line: line.numbers[usual])
    worst, best = ordered[:SHOWN], ordered[SHOWN:][-SHOWN:][::-1]
    return (
        environment(score=score)
        .get_template("evaluation.html.j2")
        .render(
            done=done,
            dataset=dataset,
            usual=usual,
            bars=bars([line.numbers[usual] for line in ordered]),
            worst=list(_looks(folder, dataset, worst, usual)),
            best=list(_looks(folder, dataset, best, usual)),
            lines=[_cells(line) for line in done.lines],
            longest=max(done.seconds.values(), default=0.0) or 1.0,
            usage=said(done.usage),
            asked=folder.asked,
            config=yaml.safe_dump(folder.asked.config, sort_keys=False, allow_unicode=True),
        )
    )


def bars(values: Sequence[float]) -> list[Bar]:
    """Count numbers 0..1 in equal ranges."""
    counts, edges = np.histogram(values, BINS, (0, 1))
    highest = max(int(counts.max()), 1)
    return [
        Bar(100 * edge, 100 * count / highest, count, edge)
        for count, edge in zip(counts.tolist(), edges.tolist(), strict=False)
    ]


def _looks(folder: EvaluationFolder, dataset: Dataset, lines: Iterable[Line], protocol: str) -> Iterator[Look]:
    """Show one frame of each video; one that cannot be read any more says so."""
    for line in lines:
        value = line.numbers[protocol]
        try:
            case = next(dataset.cases(line.video, folder.masks))
            yield _look(dataset, line.video, value, case)
        except AlrefError as error:
            yield Look(line.video, value, why=str(error))


def _look(dataset: Dataset, video: str, value: float, case: Case) -> Look:
    """Show the frame of the first ones with the largest true mask."""
    truth = list(islice(case.truth, 64))
    predicted = [] if case.predicted is None else list(islice(case.predicted, 64))
    frame = int(np.argmax([np.count_nonzero(each) for each in truth]))
    picture = fit(dataset.open(video).frame(frame), THUMB)
    found = predicted[frame] if frame < len(predicted) else None
    return Look(video, value, case.id, frame, data_uri(_drawn(picture, truth[frame])), data_uri(_drawn(picture, found)))


def _drawn(picture: Frame, labels: Map | None) -> Frame:
    """Draw a binary map, or a map of object numbers, on a picture."""
    if labels is None:
        return picture
    numbers = [int(number) for number in np.unique(labels) if 0 < number < 255]
    return tint(picture, {number: np.asarray(labels == number, np.bool_) for number in numbers})


def _cells(line: Line) -> dict[str, Any]:
    """Gather what the table of videos shows of one."""
    row = line.row
    usage = total(row.usage) if row and row.usage else None
    return {
        "video": line.video,
        "numbers": line.numbers,
        "frames": row.frames if row else None,
        "seconds": sum(row.seconds.values()) if row else None,
        "verdicts": ", ".join(f"{count} {finding}" for finding, count in row.verdicts.items()) if row else "",
        "fallbacks": row.fallbacks if row else None,
        "tokens": usage.prompt_tokens + usage.completion_tokens if usage else None,
        "cost": usage.cost if usage else None,
    }


def score(value: float) -> str:
    """Write a score in per cent with one decimal."""
    return f"{100 * value:.1f}"
