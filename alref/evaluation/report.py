"""Reports of an evaluation: ``report.html``, which needs no network access, ``summary.json`` and ``rows.csv``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from alref.components.dataset import Dataset
from alref.components.protocol import EvaluationProtocol
from alref.components.scores import Case, LabelMap
from alref.errors import AlrefError, InputError
from alref.evaluation.folder import EvaluationFolder
from alref.evaluation.rows import format_rows
from alref.evaluation.summary import EvaluationSummary, VideoSummary, format_verdicts, read_requested_count
from alref.llm.usage import format_usage, sum_usage
from alref.media.video import Frame
from alref.output.html import make_environment
from alref.output.thumbnails import draw_masks, encode_data_uri, resize_longest_side
from alref.utils import atomic

MAX_PREVIEWS = 4
PREVIEW_SIZE = 320
HISTOGRAM_BINS = 20


@dataclass(frozen=True)
class VideoPreview:
    """One video in the report: a frame with ground-truth masks and one with predicted masks, as data URIs.

    ``why`` is the reason if there are no images.
    """

    video: str
    value: float
    case: str = ""
    frame: int = 0
    truth: str = ""
    predicted: str = ""
    why: str = ""


@dataclass(frozen=True)
class HistogramBar:
    """One bar of the histogram, in a box of 100 by 100 units."""

    left: float
    height: float
    count: int
    low: float


def write_evaluation_report(
    folder: EvaluationFolder, dataset: Dataset, summary: EvaluationSummary, protocols: Sequence[EvaluationProtocol] = ()
) -> list[Path]:
    """Write ``report.html``, ``summary.json`` and ``rows.csv``, and return their paths. Raises OutputError.

    If these are of all videos and ``summary`` is of a part, the names are ``report-part.html`` and so on.
    """
    whole = len(dataset.list_videos())
    ending = "-part" if summary.requested < whole and read_requested_count(folder.path) >= whole else ""
    texts = {
        f"report{ending}.html": render_evaluation_report(folder, dataset, summary),
        f"summary{ending}.json": summary.model_dump_json(indent=1),
        f"rows{ending}.csv": format_rows(folder, dataset, [line.video for line in summary.lines], protocols),
    }
    for name, text in texts.items():
        atomic.write_text(folder.path / name, text)
    return [folder.path / name for name in texts]


def render_evaluation_report(folder: EvaluationFolder, dataset: Dataset, summary: EvaluationSummary) -> str:
    """Render the report of the finished videos."""
    usual = summary.tables[0].protocol if summary.tables else ""
    ordered = sorted((line for line in summary.lines if usual in line.scores), key=lambda line: line.scores[usual])
    worst, best = ordered[:MAX_PREVIEWS], ordered[MAX_PREVIEWS:][-MAX_PREVIEWS:][::-1]
    return (
        make_environment(score=format_score)
        .get_template("evaluation.html.j2")
        .render(
            done=summary,
            dataset=dataset,
            usual=usual,
            bars=build_histogram([line.scores[usual] for line in ordered]),
            worst=list(_build_previews(folder, dataset, worst, usual)),
            best=list(_build_previews(folder, dataset, best, usual)),
            lines=[_build_table_row(line) for line in summary.lines],
            longest=max(summary.seconds.values(), default=0.0) or 1.0,
            usage=format_usage(summary.usage),
            asked=folder.spec,
            config=yaml.safe_dump(folder.spec.config, sort_keys=False, allow_unicode=True),
        )
    )


def build_histogram(values: Sequence[float]) -> list[HistogramBar]:
    """Count values 0..1 in equal bins."""
    counts, edges = np.histogram(values, HISTOGRAM_BINS, (0, 1))
    highest = max(int(counts.max()), 1)
    return [
        HistogramBar(100 * edge, 100 * count / highest, count, edge)
        for count, edge in zip(counts.tolist(), edges.tolist(), strict=False)
    ]


def _build_previews(
    folder: EvaluationFolder, dataset: Dataset, lines: Iterable[VideoSummary], protocol: str
) -> Iterator[VideoPreview]:
    """Create a preview of each video; an unreadable video shows the reason."""
    for line in lines:
        value = line.scores[protocol]
        try:
            case = next(dataset.read_cases(line.video, folder.masks))
            yield _build_preview(dataset, line.video, value, case)
        except AlrefError as error:
            yield VideoPreview(line.video, value, why=str(error))


def _build_preview(dataset: Dataset, video: str, value: float, case: Case) -> VideoPreview:
    """Create a preview of the frame with the largest ground-truth mask."""
    truth = list(islice(case.truth, 64))
    if not truth:
        raise InputError(f"{video}, {case.id}: no true masks; see: alref data check")
    predicted = [] if case.predicted is None else list(islice(case.predicted, 64))
    frame = int(np.argmax([np.count_nonzero(each) for each in truth]))
    image = resize_longest_side(dataset.open_video(video).read_frame(frame), PREVIEW_SIZE)
    found = predicted[frame] if frame < len(predicted) else None
    return VideoPreview(
        video,
        value,
        case.id,
        frame,
        encode_data_uri(_draw_labels(image, truth[frame])),
        encode_data_uri(_draw_labels(image, found)),
    )


def _draw_labels(image: Frame, labels: LabelMap | None) -> Frame:
    """Draw a binary mask or a label map on an image; in colors or fractions, every pixel that is not black is foreground."""
    if labels is None:
        return image
    if labels.dtype.kind == "f" or labels.max(initial=0) > 255:
        labels = labels > 0
    numbers = [int(number) for number in np.unique(labels) if 0 < number < 255]
    return draw_masks(image, {number: np.asarray(labels == number, np.bool_) for number in numbers})


def _build_table_row(line: VideoSummary) -> dict[str, Any]:
    """Collect the table data of one video."""
    row = line.row
    usage = sum_usage(row.usage) if row and row.usage else None
    return {
        "video": line.video,
        "scores": line.scores,
        "frames": row.frames if row else None,
        "seconds": sum(row.seconds.values()) if row else None,
        "verdicts": format_verdicts(row.verdicts) if row else "",
        "fallbacks": row.fallbacks if row else None,
        "tokens": usage.prompt_tokens + usage.completion_tokens if usage else None,
        "cost": usage.cost if usage else None,
    }


def format_score(value: float) -> str:
    """Format a score as percent with one decimal."""
    return f"{100 * value:.1f}"
