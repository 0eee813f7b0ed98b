"""Tables as papers print them: a row per evaluation and per published result, in Markdown and LaTeX."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import yaml

from alref.components.scores import ScoreTable
from alref.errors import ConfigError
from alref.evaluation.summary import EvaluationSummary
from alref.llm.usage import sum_known
from alref.records import Record

_LATEX = {"±": r"$\pm$", "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"} | {
    each: f"\\{each}" for each in "&%$#_{}"
}


class PublishedResult(Record):
    """A published result: metrics in percent by name, and where they were published."""

    dataset: str
    split: str
    method: str
    metrics: dict[str, float]
    source: str


@dataclass(frozen=True)
class PaperTable:
    """A table: its caption, the names of the columns, and the cells of each row, the method first."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def read_published_results(dataset: str, split: str) -> list[PublishedResult]:
    """Return the published results that are known for a split of a dataset."""
    text = files("alref.evaluation").joinpath("published.yaml").read_text(encoding="utf-8")
    results = [PublishedResult.model_validate(row) for row in yaml.safe_load(text)]
    return [each for each in results if (each.dataset, each.split) == (dataset, split)]


def build_paper_table(
    summaries: dict[str, EvaluationSummary], columns: Sequence[str], published: Sequence[PublishedResult] = ()
) -> PaperTable:
    """Build the table of evaluations by name, under the first protocol of each: ``columns`` that any row has, in percent.

    Dollars are a column if a language model with a known price was asked, seconds per video if no answer was cached.
    """
    tables = {name: summary.tables[0] for name, summary in summaries.items() if summary.tables}
    shown = [
        column
        for column in columns
        if any(column in table.metrics for table in tables.values()) or any(column in each.metrics for each in published)
    ]
    costs = {name: _format_cost(summaries[name]) for name in tables}
    times = {name: _format_seconds(summaries[name]) for name in tables}
    extra = [(title, cells) for title, cells in (("s/video", times), ("dollars", costs)) if all(cells.values())]
    empty = [""] * len(extra)
    rows = [
        (each.method, *(f"{each.metrics[name]:.1f}" if name in each.metrics else "" for name in shown), *empty)
        for each in published
    ]
    rows += [
        (
            name,
            *(_format_metric(summaries[name], table, column) for column in shown),
            *(cells[name] or "" for _, cells in extra),
        )
        for name, table in tables.items()
    ]
    return PaperTable(
        _make_caption(summaries, tables, published), ("method", *shown, *(title for title, _ in extra)), tuple(rows)
    )


def format_markdown(table: PaperTable) -> str:
    """Return the table in Markdown."""
    cells = [tuple(cell.replace("|", "\\|") for cell in row) for row in (table.columns, *table.rows)]
    lines = [f"| {' | '.join(row)} |" for row in cells]
    return "\n".join([lines[0], f"|---|{'---:|' * (len(table.columns) - 1)}", *lines[1:], "", table.caption, ""])


def format_latex(table: PaperTable) -> str:
    """Return the table in LaTeX, which needs the package booktabs."""
    lines = [" & ".join(map(_escape_latex, row)) + r" \\" for row in (table.columns, *table.rows)]
    return "\n".join(
        [
            r"\begin{table}",
            rf"  \caption{{{_escape_latex(table.caption)}}}",
            rf"  \begin{{tabular}}{{l{'r' * (len(table.columns) - 1)}}}",
            r"    \toprule",
            f"    {lines[0]}",
            r"    \midrule",
            *(f"    {line}" for line in lines[1:]),
            r"    \bottomrule",
            r"  \end{tabular}",
            r"\end{table}",
            "",
        ]
    )


_FORMATS: dict[str, Callable[[PaperTable], str]] = {".md": format_markdown, ".tex": format_latex}


def format_table_file(table: PaperTable, path: Path) -> str:
    """Return the text of a table for a file, by its suffix. Raises ConfigError for another one."""
    if path.suffix not in _FORMATS:
        raise ConfigError(f"{path}: expected a name that ends with {' or '.join(_FORMATS)}, got {path.suffix or 'none'}")
    return _FORMATS[path.suffix](table)


def _make_caption(
    summaries: dict[str, EvaluationSummary], tables: dict[str, ScoreTable], published: Sequence[PublishedResult]
) -> str:
    """Name the dataset, the protocol, the number of videos of each evaluation, and the sources."""
    first = next(iter(summaries.values()))
    counts = {name: f"{summary.scored_count} of {summary.requested}" for name, summary in summaries.items()}
    same = len(set(counts.values())) == 1
    videos = next(iter(counts.values())) if same else ", ".join(f"{name}: {count}" for name, count in counts.items())
    protocols = ", ".join(dict.fromkeys(table.protocol for table in tables.values()))
    parts = [f"{first.dataset}, {first.split}; protocol {protocols or 'none'}; videos: {videos}; percent."]
    repeated = {len(summary.repeats.videos) for summary in summaries.values() if summary.repeats}
    if repeated:
        parts.append(f"Mean ± standard deviation of {' and '.join(map(str, sorted(repeated)))} runs.")
    parts += [f"{each.method}: {each.source}, as published." for each in published]
    return " ".join(parts)


def _format_metric(summary: EvaluationSummary, table: ScoreTable, name: str) -> str:
    if summary.repeats and (spread := summary.repeats.format_spread(table, name, 1)):
        return spread
    value = table.metrics.get(name)
    return "" if value is None or value != value else table.format_metric(name, 1)


def _format_cost(summary: EvaluationSummary) -> str:
    """Format the dollars of an evaluation; empty if nothing was asked or a price is not known."""
    spent = sum_known([each.cost for each in summary.usage]) if summary.usage else None
    return f"{spent:.2f}" if spent else ""


def _format_seconds(summary: EvaluationSummary) -> str:
    """Format the seconds per video; empty if an answer was cached, which took no time."""
    rows = [line.row for line in summary.lines if line.row is not None]
    if not rows or any(each.cached for each in summary.usage):
        return ""
    return f"{sum(summary.seconds.values()) / len(rows):.1f}"


def _escape_latex(text: str) -> str:
    return re.sub(r"[±\\~^&%$#_{}]", lambda found: _LATEX[found[0]], text)
