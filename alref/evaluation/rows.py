"""One row for each reference of an evaluation: its scores, its verdict, and what it took, for ``rows.csv``."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from math import isnan

from alref.components.dataset import Dataset
from alref.components.protocol import EvaluationProtocol
from alref.evaluation.folder import VIDEOS_FOLDER, EvaluationFolder, EvaluationRow, encode_file_name

COLUMNS = (
    *("video", "id", "text", "score", "J", "F", "J&F", "verdict", "pivot_frame", "frames_found"),
    *("seconds", "dollars", "path"),
)
ReferenceScores = dict[str, dict[str, float]]


def format_rows(
    folder: EvaluationFolder, dataset: Dataset, videos: Sequence[str], protocols: Sequence[EvaluationProtocol]
) -> str:
    """Return ``rows.csv`` of the finished ``videos``, with scores of the first protocol, 0..1.

    Seconds and dollars of a video are divided equally among its references. A cell without a value is empty.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for video in videos:
        row = folder.read_row(video)
        if row is not None:
            writer.writerows(_iterate_cells(row, _score_references(folder, dataset, video, protocols)))
    return text.getvalue()


def _score_references(
    folder: EvaluationFolder, dataset: Dataset, video: str, protocols: Sequence[EvaluationProtocol]
) -> ReferenceScores:
    """Return the metrics of each reference of a video under the first protocol."""
    scores = folder.read_scores(video, protocols[0].name) if protocols else None
    if scores is None:
        return {}
    found: ReferenceScores = {}
    for part in scores.objects:
        table = protocols[0].summarize_scores([scores.model_copy(update={"objects": (part,)})])
        metrics = {"score": table.main_value, **table.metrics}
        found[dataset.find_reference(video, part.case, part.object)] = metrics
    return found


def _iterate_cells(row: EvaluationRow, scores: ReferenceScores) -> Iterator[list[object]]:
    count = len(row.references)
    costs = [usage.cost for usage in row.usage]
    dollars = sum(cost for cost in costs if cost is not None) / count if count and None not in costs else None
    seconds = sum(row.seconds.values()) / count if count else 0.0
    for each in row.references:
        metrics = scores.get(each.id, {})
        region, contour = metrics.get("J", metrics.get("M_J")), metrics.get("F", metrics.get("M_F"))
        mean = (region + contour) / 2 if region is not None and contour is not None else None
        numbers = [metrics.get("score"), region, contour, mean]
        yield [
            *(row.video, each.id, each.text),
            *("" if number is None or isnan(number) else number for number in numbers),
            *(each.verdict, " ".join(map(str, each.pivot_frames)), each.frames_found),
            *(f"{seconds:.3f}", "" if dollars is None else f"{dollars:.6f}"),
            f"{VIDEOS_FOLDER}/{encode_file_name(row.video)}",
        ]
