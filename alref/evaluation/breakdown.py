"""Scores by attribute: category, targets, size, length, and the columns of any CSV file, for ``breakdown.csv``."""

from __future__ import annotations

import csv
import io
from bisect import bisect
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from alref.components.dataset import Dataset
from alref.errors import InputError
from alref.evaluation.bootstrap import estimate_mean_interval
from alref.evaluation.rows import ReferenceLine
from alref.records import Record

SIZES, SIZE_NAMES = (0.01, 0.05, 0.2), ("under 1 %", "1 to 5 %", "5 to 20 %", "over 20 %")
WORDS, WORDS_NAMES = (4, 7, 11), ("1 to 3 words", "4 to 6 words", "7 to 10 words", "over 10 words")
FRAMES, FRAMES_NAMES = (51, 101, 201), ("up to 50 frames", "51 to 100 frames", "101 to 200 frames", "over 200 frames")
Attributes = Mapping[tuple[str, str], Mapping[str, str]]
"""Values by attribute for a video and a reference; an empty reference stands for all of the video."""


class BreakdownRow(Record):
    """The references with one value of an attribute: how many, of how many videos, and their mean score with its interval."""

    attribute: str
    value: str
    references: int
    videos: int
    score: float
    low: float
    high: float


def read_attributes(path: Path) -> Attributes:
    """Read a CSV file with a column ``video``, optionally ``id``, and any others. Raises InputError."""
    try:
        table = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline=""), restval="")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({error}); expected a CSV file with a column 'video'") from None
    names = table.fieldnames or ()
    if "video" not in names:
        raise InputError(f"{path}: expected a column 'video', got {', '.join(names) or 'no columns'}")
    wanted = [name for name in names if name not in ("video", "id")]
    return {(row["video"], row.get("id") or ""): {name: row[name] for name in wanted if row[name]} for row in table}


def build_breakdown(dataset: Dataset, lines: Sequence[ReferenceLine], attributes: Attributes) -> list[BreakdownRow]:
    """Group the references with a score by each attribute; one that is the same for all is left out."""
    groups: dict[str, dict[str, list[ReferenceLine]]] = defaultdict(lambda: defaultdict(list))
    for line in lines:
        if line.score is not None:
            for name, value in iterate_attributes(dataset, line, attributes):
                groups[name][value].append(line)
    return [
        _build_row(name, value, values[value])
        for name, values in groups.items()
        if len(values) > 1
        for value in sorted(values, key=lambda value: (_find_place(value), value))
    ]


def iterate_attributes(dataset: Dataset, line: ReferenceLine, attributes: Attributes) -> Iterator[tuple[str, str]]:
    """Yield the attributes of a reference with their values, each once."""
    found = dataset.describe_reference(line.video, line.id)
    columns = line.part.columns if line.part else {}
    areas = [area for area in columns.get("truth", ()) if area and "label" not in columns]  # not those of each class
    if areas and line.pixels:
        found = {**found, "object size": SIZE_NAMES[bisect(SIZES, sum(areas) / len(areas) / line.pixels)]}
    if line.text:
        found = {**found, "length of the expression": WORDS_NAMES[bisect(WORDS, len(line.text.split()))]}
    found = {**found, "length of the video": FRAMES_NAMES[bisect(FRAMES, line.frames)]}
    yield from {**found, **attributes.get((line.video, ""), {}), **attributes.get((line.video, line.id), {})}.items()


def format_breakdown(rows: Sequence[BreakdownRow]) -> str:
    """Return ``breakdown.csv``."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(BreakdownRow.model_fields)
    writer.writerows(row.model_dump().values() for row in rows)
    return text.getvalue()


def _build_row(name: str, value: str, lines: Sequence[ReferenceLine]) -> BreakdownRow:
    by_video: dict[str, list[float]] = defaultdict(list)
    for line in lines:
        by_video[line.video].append(line.score or 0.0)
    low, high = estimate_mean_interval(
        np.array([sum(each) for each in by_video.values()]), np.array([float(len(each)) for each in by_video.values()])
    )
    score = sum(map(sum, by_video.values())) / len(lines)
    return BreakdownRow(
        attribute=name, value=value, references=len(lines), videos=len(by_video), score=score, low=low, high=high
    )


def _find_place(value: str) -> int:
    """Return the place of a range among its ranges, which are not in alphabetical order."""
    return next((names.index(value) for names in (SIZE_NAMES, WORDS_NAMES, FRAMES_NAMES) if value in names), 0)
