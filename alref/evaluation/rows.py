"""One line for each reference of an evaluation: its scores, its verdict, and what it took, for ``rows.csv`` and the report."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any

from alref.components.dataset import Dataset
from alref.components.protocol import EvaluationProtocol
from alref.components.scores import ObjectScores
from alref.evaluation.folder import VIDEOS_FOLDER, EvaluationFolder, EvaluationRow, encode_file_name
from alref.records import Finding

COLUMNS = (
    *("video", "id", "text", "score", "J", "F", "J&F", "verdict", "pivot_frame", "frames_found"),
    *("seconds", "dollars", "path"),
)


@dataclass(frozen=True)
class ReferenceLine:
    """One reference: its scores 0..1 under the first protocol by name, empty without truth, and its share of the cost.

    ``part`` are its scores by frame; ``pixels`` is the size of a frame, 0 if it is not known. ``path`` is the result of the
    video, in the folder.
    """

    video: str
    id: str
    text: str
    metrics: dict[str, float]
    part: ObjectScores | None
    verdict: Finding
    why: str
    pivot_frames: tuple[int, ...]
    frames_found: int
    frames: int
    pixels: int
    seconds: float
    dollars: float | None
    path: str

    @property
    def score(self) -> float | None:
        """The main metric; None if there is none."""
        return _get_number(self.metrics, "score")

    def build_cells(self) -> list[Any]:
        """Return the cells of ``COLUMNS``; None without a value."""
        region, contour = (_get_number(self.metrics, name, f"M_{name}") for name in ("J", "F"))
        mean = (region + contour) / 2 if region is not None and contour is not None else None
        return [
            *(self.video, self.id, self.text, self.score, region, contour, mean, self.verdict),
            *(" ".join(map(str, self.pivot_frames)), self.frames_found, self.seconds, self.dollars, self.path),
        ]


def collect_lines(
    folder: EvaluationFolder, dataset: Dataset, videos: Sequence[str], protocols: Sequence[EvaluationProtocol]
) -> list[ReferenceLine]:
    """Collect the lines of the finished ``videos``, with scores of the first protocol."""
    rows = [row for video in videos if (row := folder.read_row(video)) is not None]
    return [line for row in rows for line in _iterate_lines(row, _read_parts(folder, dataset, row.video, protocols), protocols)]


def format_rows(lines: Sequence[ReferenceLine]) -> str:
    """Return ``rows.csv``. A cell without a value is empty."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(["" if cell is None else cell for cell in line.build_cells()] for line in lines)
    return text.getvalue()


def encode_parquet(lines: Sequence[ReferenceLine]) -> bytes:
    """Return ``rows.parquet``, which needs pyarrow."""
    import pyarrow as arrow
    from pyarrow import parquet

    kinds = [*[arrow.string()] * 3, *[arrow.float64()] * 4, *[arrow.string()] * 2, arrow.int64(), *[arrow.float64()] * 2]
    schema = arrow.schema(list(zip(COLUMNS, [*kinds, arrow.string()], strict=True)))
    rows = [dict(zip(COLUMNS, line.build_cells(), strict=True)) for line in lines]
    file = arrow.BufferOutputStream()
    parquet.write_table(arrow.Table.from_pylist(rows, schema), file)
    return bytes(file.getvalue())


def _read_parts(
    folder: EvaluationFolder, dataset: Dataset, video: str, protocols: Sequence[EvaluationProtocol]
) -> dict[str, ObjectScores]:
    """Return the scores of each reference of a video under the first protocol."""
    scores = folder.read_scores(video, protocols[0].name) if protocols else None
    parts = scores.objects if scores else ()
    return {dataset.find_reference(video, part.case, part.object): part for part in parts}


def _iterate_lines(
    row: EvaluationRow, parts: dict[str, ObjectScores], protocols: Sequence[EvaluationProtocol]
) -> Iterator[ReferenceLine]:
    """Yield the lines of a video; its seconds and dollars are divided equally."""
    count = len(row.references)
    costs = [usage.cost for usage in row.usage]
    dollars = sum(cost for cost in costs if cost is not None) / count if count and costs and None not in costs else None
    for each in row.references:
        part, metrics = parts.get(each.id), {}
        if part is not None:
            table = protocols[0].build_table([part])
            metrics = {"score": table.main_value, **table.metrics}
        yield ReferenceLine(
            **each.model_dump(),
            video=row.video,
            metrics=metrics,
            part=part,
            frames=row.frames,
            pixels=protocols[0].frame_side ** 2 or row.pixels if protocols else row.pixels,
            seconds=sum(row.seconds.values()) / count,
            dollars=dollars,
            path=f"{VIDEOS_FOLDER}/{encode_file_name(row.video)}",
        )


def _get_number(metrics: dict[str, float], *names: str) -> float | None:
    """Return the first of the named metrics that there is; None without one or for NaN."""
    number = next((metrics[name] for name in names if name in metrics), None)
    return None if number is None or isnan(number) else number
