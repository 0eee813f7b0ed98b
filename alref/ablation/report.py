"""Reports of an ablation: tables in four formats, and ``report.html``, which needs no network access."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from alref.ablation import tables
from alref.ablation.folder import SUMMARY_FILE
from alref.ablation.summary import AblationSummary, RowSummary
from alref.evaluation.report import format_score
from alref.output.html import make_environment
from alref.utils import atomic

REPORT_FILES = ("report.html", "table.csv", "table.md", "table.tex", SUMMARY_FILE)
MAX_TICKS = 5


@dataclass(frozen=True)
class PlotPoint:
    """A row in the plot: position and interval bounds, in a box of 100 by 100 units from the upper left."""

    row: RowSummary
    number: int
    x: float
    y: float
    top: float
    bottom: float


@dataclass(frozen=True)
class CostPlot:
    """Plot of score against cost: points and tick values of both axes; ``up`` starts at the top."""

    cost: str
    points: tuple[PlotPoint, ...]
    along: tuple[float, ...]
    up: tuple[float, ...]


def write_ablation_report(folder: Path, summary: AblationSummary, grid: Path) -> None:
    """Write all files. Raises OutputError."""
    texts = {
        "report.html": render_ablation_report(summary, grid.read_text(encoding="utf-8")),
        "table.csv": tables.format_csv(summary),
        "table.md": tables.format_markdown(summary),
        "table.tex": tables.format_latex(summary),
        SUMMARY_FILE: summary.model_dump_json(indent=1),
    }
    for name in REPORT_FILES:
        atomic.write_text(folder / name, texts[name])


def render_ablation_report(summary: AblationSummary, grid: str) -> str:
    """Render the report; ``grid`` is the text of the grid file."""
    return (
        make_environment(score=format_score)
        .get_template("ablation.html.j2")
        .render(
            done=summary,
            head=tables.build_header(summary),
            rows=list(zip(summary.rows, tables.format_cells(summary), strict=True)),
            plot=build_plot(summary),
            files=REPORT_FILES[1:],
            grid=grid,
            link=lambda row: quote(f"{row.folder}/report.html"),
        )
    )


def build_plot(summary: AblationSummary) -> CostPlot | None:
    """Build the plot by cost per video, in dollars if any row costs money, else in seconds; None without scores."""
    usual = summary.protocols[0] if summary.protocols else ""
    paid = any(row.dollars for row in summary.rows)
    placed = [
        (row, number, cost, row.scores[usual].value)
        for number, row in enumerate(summary.rows, 1)
        if usual in row.scores and (cost := row.dollars if paid else row.seconds) is not None
    ]
    if not placed:
        return None
    along = compute_ticks(0.0, max(cost for _, _, cost, _ in placed))
    up = compute_ticks(min(low for *_, (_, low, _) in placed), max(high for *_, (_, _, high) in placed))[::-1]
    points = (
        PlotPoint(row, number, _scale_to_axis(cost, along), *(_scale_to_axis(each, up) for each in (value, top, bottom)))
        for row, number, cost, (value, bottom, top) in placed
    )
    return CostPlot("dollars per video" if paid else "seconds per video", tuple(points), tuple(along), tuple(up))


def compute_ticks(low: float, high: float) -> list[float]:
    """Return about six round tick values, the first at or below ``low``, the last at or above ``high``."""
    span = high - low or 1.0
    unit = 10.0 ** math.floor(math.log10(span / MAX_TICKS))
    step = next(unit * factor for factor in (1, 2, 5, 10) if span <= MAX_TICKS * unit * factor)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [step * place for place in range(first, max(last, first + 1) + 1)]


def _scale_to_axis(value: float, axis: Sequence[float]) -> float:
    """Return the position of a value on an axis, 0 to 100."""
    return 100 * (value - axis[0]) / (axis[-1] - axis[0])
