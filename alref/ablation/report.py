"""What an ablation leaves for people and programs: tables in four formats, and ``report.html``, which needs no network."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from alref.ablation import tables
from alref.ablation.folder import SUMMARY
from alref.ablation.summary import AblationSummary, RowSummary
from alref.evaluation.report import score
from alref.output.html import environment
from alref.utils import atomic

FILES = ("report.html", "table.csv", "table.md", "table.tex", SUMMARY)
TICKS = 5


@dataclass(frozen=True)
class Point:
    """A row in the plot, in a box of 100 by 100 units from the upper left: where it is, and the ends of its interval."""

    row: RowSummary
    number: int
    x: float
    y: float
    top: float
    bottom: float


@dataclass(frozen=True)
class Plot:
    """Score against cost: points, and the numbers along both axes, those of ``up`` from above."""

    cost: str
    points: tuple[Point, ...]
    along: tuple[float, ...]
    up: tuple[float, ...]


def write(folder: Path, done: AblationSummary, grid: Path) -> None:
    """Write all files. Raises OutputError."""
    texts = {
        "report.html": page(done, grid.read_text(encoding="utf-8")),
        "table.csv": tables.comma_separated(done),
        "table.md": tables.markdown(done),
        "table.tex": tables.latex(done),
        SUMMARY: done.model_dump_json(indent=1),
    }
    for name in FILES:
        atomic.write_text(folder / name, texts[name])


def page(done: AblationSummary, grid: str) -> str:
    """Make the report; ``grid`` is the text of the ablation's file."""
    return (
        environment(score=score)
        .get_template("ablation.html.j2")
        .render(
            done=done,
            head=tables.header(done),
            rows=list(zip(done.rows, tables.cells(done), strict=True)),
            plot=plot(done),
            files=FILES[1:],
            grid=grid,
            link=lambda row: quote(f"{row.folder}/report.html"),
        )
    )


def plot(done: AblationSummary) -> Plot | None:
    """Place rows by what a video costs, in dollars where anything costs any, else in seconds; None without scores."""
    usual = done.protocols[0] if done.protocols else ""
    paid = any(row.dollars for row in done.rows)
    placed = [
        (row, number, cost, row.scores[usual].value)
        for number, row in enumerate(done.rows, 1)
        if usual in row.scores and (cost := row.dollars if paid else row.seconds) is not None
    ]
    if not placed:
        return None
    along = ticks(0.0, max(cost for _, _, cost, _ in placed))
    up = ticks(min(low for *_, (_, low, _) in placed), max(high for *_, (_, _, high) in placed))[::-1]
    points = (
        Point(row, number, _share(cost, along), *(_share(each, up) for each in (value, top, bottom)))
        for row, number, cost, (value, bottom, top) in placed
    )
    return Plot("dollars a video" if paid else "seconds a video", tuple(points), tuple(along), tuple(up))


def ticks(low: float, high: float) -> list[float]:
    """Return round numbers, evenly spread, the first at or below ``low`` and the last at or above ``high``; six or so."""
    span = high - low or 1.0
    unit = 10.0 ** math.floor(math.log10(span / TICKS))
    step = next(unit * factor for factor in (1, 2, 5, 10) if span <= TICKS * unit * factor)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [step * place for place in range(first, max(last, first + 1) + 1)]


def _share(value: float, along: Sequence[float]) -> float:
    """Return how far a number is along an axis, 0 to 100."""
    return 100 * (value - along[0]) / (along[-1] - along[0])
