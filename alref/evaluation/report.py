"""Reports of an evaluation: ``report.html``, which needs no network access, ``summary.json`` and ``rows.csv``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import yaml

from alref.components.dataset import Dataset
from alref.components.protocol import EvaluationProtocol
from alref.components.scores import ScoreTable
from alref.evaluation.breakdown import Attributes, BreakdownRow, build_breakdown, format_breakdown
from alref.evaluation.folder import OFFICIAL_FOLDER, EvaluationFolder
from alref.evaluation.previews import draw_previews
from alref.evaluation.rows import ReferenceLine, collect_lines, encode_parquet, format_rows
from alref.evaluation.summary import EvaluationSummary, VideoSummary, format_verdicts, read_all_scores, read_requested_count
from alref.evaluation.tables import build_paper_table, format_latex, format_markdown
from alref.llm.usage import format_usage, sum_usage
from alref.output.html import make_environment
from alref.utils import atomic

MAX_PREVIEWS, MAX_LISTED = 12, 2000
HISTOGRAM_BINS = 20


@dataclass(frozen=True)
class HistogramBar:
    """One bar of the histogram, in a box of 100 by 100 units."""

    left: float
    height: float
    count: int
    low: float


def write_evaluation_report(
    folder: EvaluationFolder,
    dataset: Dataset,
    summary: EvaluationSummary,
    protocols: Sequence[EvaluationProtocol] = (),
    attributes: Attributes | None = None,
) -> list[Path]:
    """Write the report, the summary, the rows, the breakdown and official files; return their paths. Raises OutputError.

    If these are of all videos and ``summary`` is of a part, the names are ``report-part.html`` and so on.
    """
    whole = len(dataset.list_videos())
    ending = "-part" if summary.requested < whole and read_requested_count(folder.path) >= whole else ""
    lines = collect_lines(folder, dataset, [line.video for line in summary.lines], protocols)
    breakdown = build_breakdown(dataset, lines, attributes or {})
    texts = {
        f"report{ending}.html": render_evaluation_report(folder, dataset, summary, lines, breakdown, ending),
        f"summary{ending}.json": summary.model_dump_json(indent=1),
        f"rows{ending}.csv": format_rows(lines),
    }
    if breakdown:
        texts[f"breakdown{ending}.csv"] = format_breakdown(breakdown)
    if summary.tables and protocols:
        columns = protocols[0].paper_columns or (summary.tables[0].main_metric,)
        table = build_paper_table({folder.path.resolve().name: summary}, columns)
        texts |= {f"table{ending}.md": format_markdown(table), f"table{ending}.tex": format_latex(table)}
    for protocol in protocols:
        scores = read_all_scores(folder, [line.video for line in summary.lines], protocol)
        official = protocol.format_official_files(scores, dataset.split) if scores else {}
        texts |= {f"{OFFICIAL_FOLDER}{ending}/{protocol.name}/{name}": text for name, text in official.items()}
    for name, text in texts.items():
        atomic.make_folder((folder.path / name).parent)
        atomic.write_text(folder.path / name, text)
    if find_spec("pyarrow"):
        atomic.write_bytes(folder.path / f"rows{ending}.parquet", encode_parquet(lines))
    return [folder.path / name for name in texts if not name.startswith(OFFICIAL_FOLDER)]


def render_evaluation_report(
    folder: EvaluationFolder,
    dataset: Dataset,
    summary: EvaluationSummary,
    lines: Sequence[ReferenceLine] = (),
    breakdown: Sequence[BreakdownRow] = (),
    ending: str = "",
) -> str:
    """Render the report of the finished videos and their references; ``ending`` is that of the names of its files."""
    usual = summary.tables[0] if summary.tables else None
    ordered = sort_from_worst(lines, usual)
    best = 0.0 if usual is not None and usual.main_metric in usual.lower_is_better else 1.0
    return (
        _get_environment()
        .get_template("evaluation.html.j2")
        .render(
            done=summary,
            ending=ending,
            dataset=dataset,
            usual=usual,
            histogram_count=len(ordered),
            bars=build_histogram([line.score for line in ordered if line.score is not None]),
            worst=list(draw_previews(folder, dataset, [line for line in ordered if line.score != best][:MAX_PREVIEWS])),
            breakdown=breakdown,
            references=[*ordered, *(line for line in lines if line.score is None)][:MAX_LISTED],
            reference_count=len(lines),
            warnings={line.video: line.row.warning for line in summary.lines if line.row},
            lines=[_build_table_row(line) for line in summary.lines],
            longest=max(summary.seconds.values(), default=0.0) or 1.0,
            verdicts=format_verdicts(summary.verdicts, summary.warning),
            usage=format_usage(summary.usage),
            asked=folder.spec,
            config=yaml.safe_dump(folder.spec.config, sort_keys=False, allow_unicode=True),
        )
    )


@lru_cache(maxsize=1)
def _get_environment() -> jinja2.Environment:
    """Return the environment with this module's filters; it compiles each template once."""
    return make_environment(score=format_score)


def sort_from_worst(lines: Sequence[ReferenceLine], table: ScoreTable | None) -> list[ReferenceLine]:
    """Return the references with a score, the worst first: the highest if lower is better."""
    sign = -1 if table is not None and table.main_metric in table.lower_is_better else 1
    scored = [(line.score, line) for line in lines if line.score is not None]
    return [line for _, line in sorted(scored, key=lambda pair: sign * pair[0])]


def build_histogram(values: Sequence[float]) -> list[HistogramBar]:
    """Count values 0..1 in equal bins."""
    counts, edges = np.histogram(values, HISTOGRAM_BINS, (0, 1))
    highest = max(int(counts.max()), 1)
    return [
        HistogramBar(100 * edge, 100 * count / highest, count, edge)
        for count, edge in zip(counts.tolist(), edges.tolist(), strict=False)
    ]


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
