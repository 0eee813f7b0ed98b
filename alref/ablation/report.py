"""What an ablation leaves for people and programs: tables in four formats, and ``report.html``, which needs no network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from alref import atomic
from alref.ablation import tables
from alref.ablation.folder import SUMMARY
from alref.ablation.summary import AblationSummary, Ends, RowSummary
from alref.evaluation.report import environment

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
    """Score against cost: points, and the numbers along both axes."""

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
        environment()
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
    right = 1.1 * max(cost for _, _, cost, _ in placed) or 1.0
    low, high = _range([ends for _, _, _, ends in placed])
    points = (
        Point(row, number, 100 * cost / right, *(100 * (high - each) / (high - low) for each in (value, top, bottom)))
        for row, number, cost, (value, bottom, top) in placed
    )
    along = tuple(right * tick / TICKS for tick in range(TICKS + 1))
    up = tuple(high - (high - low) * tick / TICKS for tick in range(TICKS + 1))
    return Plot("dollars a video" if paid else "seconds a video", tuple(points), along, up)


def _range(scores: Sequence[Ends]) -> tuple[float, float]:
    """Return the lowest and the highest number to show, with some room."""
    low, high = min(min(ends) for ends in scores), max(max(ends) for ends in scores)
    room = max(0.1 * (high - low), 0.01)
    return low - room, high + room
