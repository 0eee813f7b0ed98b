"""Tables of an ablation as Markdown, LaTeX with booktabs and CSV."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from typing import Any

from alref.ablation.summary import AblationSummary, RowSummary, ScoreInterval

AGREEMENT_HEADER = "J with the first"
"""Header of the agreement with the masks of the first row, used without ground truth."""
_LATEX_SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "[": "{[}",
    "-": "-{}",
}
"""LaTeX special characters that a backslash does not escape.

A bracket after a line break is an option of it, and two hyphens form a dash.
"""
_WHITESPACE = r"[\s\0-\x1f\x7f-\x9f]+"
_MARKDOWN_SPECIAL = r"[\\`*<~|]|&(?=#?\w+;)|](?=[(\[])|(?<![^\W_])_|_(?![^\W_])"
"""Markdown special characters; underscores inside a word are not special."""


def build_header(summary: AblationSummary) -> list[str]:
    """Return the column headers: the first ``len(summary.columns)`` are text columns, the rest numbers.

    The score is the main metric of the first protocol, under the protocol's name if nothing is scored.
    """
    if summary.protocols:
        protocol = summary.protocols[0]
        metric = next((row.scores[protocol].main_metric for row in summary.rows if protocol in row.scores), protocol)
        score = [metric, "95 % interval", "difference", "95 % interval"]
    else:
        score = [*_list_findings(summary), AGREEMENT_HEADER]
    return [*summary.columns, *score, "videos", "s / video", "$ / video"]


def format_cells(summary: AblationSummary) -> list[list[str]]:
    """Return the formatted cells row by row, each on one line, scores in percent; missing values are empty."""
    return [[_join_lines(cell) for cell in _format_row(summary, row)] for row in summary.rows]


def format_markdown(summary: AblationSummary) -> str:
    """Return the table as Markdown, followed by the incomplete rows."""
    words = len(summary.columns)
    marks = ["---"] * words + ["---:"] * (len(build_header(summary)) - words)
    rows = [
        list(map(_escape_markdown, build_header(summary))),
        marks,
        *(list(map(_escape_markdown, row)) for row in format_cells(summary)),
    ]
    problems = "".join(
        f"\n- {_escape_markdown(_join_lines(f'{row.name}: {row.problem}'))}" for row in summary.rows if row.problem
    )
    return "".join(f"| {' | '.join(row)} |\n" for row in rows) + (f"{problems}\n" if problems else "")


def format_latex(summary: AblationSummary) -> str:
    """Return the table as LaTeX for the package booktabs."""
    words = len(summary.columns)
    heads = " & ".join(map(_escape_latex, build_header(summary))) + r" \\"
    rows = [
        " & ".join([*map(_escape_latex, row[:words]), *(cell.replace("-", "$-$") for cell in row[words:])]) + r" \\"
        for row in format_cells(summary)
    ]
    lines = [
        rf"\begin{{tabular}}{{{'l' * words}{'r' * (len(build_header(summary)) - words)}}}",
        r"\toprule",
        heads,
        r"\midrule",
    ]
    return "\n".join([*lines, *rows, r"\bottomrule", r"\end{tabular}", ""])


def format_csv(summary: AblationSummary) -> str:
    """Return every number of every row as CSV, scores 0..1."""
    file = io.StringIO()
    rows = [_build_record(summary, row) for row in summary.rows]
    writer = csv.DictWriter(file, list(dict.fromkeys(name for row in rows for name in row)), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


def _list_findings(summary: AblationSummary) -> dict[str, None]:
    return dict.fromkeys(str(finding) for row in summary.rows for finding in row.verdicts)


def _format_row(summary: AblationSummary, row: RowSummary) -> list[str]:
    score = row.scores.get(summary.protocols[0]) if summary.protocols else None
    if summary.protocols:
        numbers = [
            *_format_interval(score.value if score else None),
            *_format_interval(score.difference if score else None, "+"),
        ]
    else:
        counts = [str(row.verdicts.get(finding, 0)) for finding in _list_findings(summary)]  # type: ignore[call-overload]
        numbers = [*counts, _format_number(None if row.agreement is None else 100 * row.agreement, ".1f")]
    counted = score.videos if score else row.done
    return [*row.values, *numbers, str(counted), _format_number(row.seconds, ".2f"), _format_number(row.dollars, ".4f")]


def _format_interval(interval: ScoreInterval | None, sign: str = "") -> tuple[str, str]:
    """Format a value and its interval in percent."""
    if interval is None:
        return "", ""
    value, low, high = (f"{100 * number:{sign}z.1f}" for number in interval)
    return value, f"{low} to {high}"


def _format_number(value: float | None, form: str) -> str:
    return "" if value is None else f"{value:{form}}"


def _build_record(summary: AblationSummary, row: RowSummary) -> dict[str, Any]:
    record: dict[str, Any] = dict(zip(summary.columns, row.values, strict=True))
    for protocol, score in row.scores.items():
        record.update({f"{protocol} {name}": value for name, value in score.metrics.items()})
        record.update(_label_interval(f"{protocol} {score.main_metric}", score.value)[1:])
        record.update(_label_interval(f"{protocol} difference", score.difference))
        record[f"{protocol} videos"] = score.videos
    record.update(row.model_dump(include={"requested", "done", "seconds", "dollars", "spent", "questions", "fallbacks"}))
    record.update({} if row.agreement is None else {AGREEMENT_HEADER: row.agreement})
    verdicts = {str(finding): count for finding, count in row.verdicts.items()}
    return {**record, **verdicts, "problem": row.problem}


def _label_interval(name: str, interval: ScoreInterval | None) -> Sequence[tuple[str, float | None]]:
    return list(zip((name, f"{name} low", f"{name} high"), interval or (None,) * 3, strict=True))


def _join_lines(text: str) -> str:
    return re.sub(_WHITESPACE, " ", text).strip()


def _escape_markdown(text: str) -> str:
    """Escape text for Markdown. A backslash becomes a character reference, as one before a bar is ambiguous."""
    return re.sub(_MARKDOWN_SPECIAL, lambda found: "&#92;" if found[0] == "\\" else "\\" + found[0], text)


def _escape_latex(text: str) -> str:
    return re.sub(r"[\\~^&%$#_{}<>|[]|-(?=-)", lambda found: _LATEX_SPECIAL.get(found[0], "\\" + found[0]), text)
