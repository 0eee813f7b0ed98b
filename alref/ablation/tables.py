"""The table of an ablation for papers and programs: Markdown, LaTeX with booktabs, CSV."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from typing import Any

from alref.ablation.summary import AblationSummary, Ends, RowSummary

AGREEMENT = "J with the first"
"""Heads how far the masks of a row agree with those of the first, where there is no truth."""
_SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "[": "{[}",
    "-": "-{}",
}
"""What LaTeX takes for something else, other than by a backslash before it.

A bracket after a line is an option of it, and two hyphens are a dash.
"""
_BREAKS = r"[\s\0-\x1f\x7f-\x9f]+"
_MARKS = r"[\\`*<~|]|&(?=#?\w+;)|](?=[(\[])|(?<![^\W_])_|_(?![^\W_])"
"""What Markdown takes for something else; underscores inside a word are none."""


def header(done: AblationSummary) -> list[str]:
    """Return the heads of the columns that ``cells`` fills: the first ``len(done.columns)`` are words, the rest numbers."""
    score = [_main(done), "95 % interval", "difference", "95 % interval"] if done.protocols else [*_findings(done), AGREEMENT]
    return [*done.columns, *score, "videos", "s / video", "$ / video"]


def cells(done: AblationSummary) -> list[list[str]]:
    """Return the table as people read it, row by row, each cell one line, scores in per cent; what there is not is empty."""
    return [[_line(cell) for cell in _cells(done, row)] for row in done.rows]


def markdown(done: AblationSummary) -> str:
    """Write the table in Markdown, and below it which rows are not whole."""
    words = len(done.columns)
    marks = ["---"] * words + ["---:"] * (len(header(done)) - words)
    rows = [list(map(_plain, header(done))), marks, *(list(map(_plain, row)) for row in cells(done))]
    problems = "".join(f"\n- {_plain(_line(f'{row.name}: {row.problem}'))}" for row in done.rows if row.problem)
    return "".join(f"| {' | '.join(row)} |\n" for row in rows) + (f"{problems}\n" if problems else "")


def latex(done: AblationSummary) -> str:
    """Write the table in LaTeX for the package booktabs."""
    words = len(done.columns)
    heads = " & ".join(map(_escaped, header(done))) + r" \\"
    rows = [" & ".join([*map(_escaped, row[:words]), *map(_signed, row[words:])]) + r" \\" for row in cells(done)]
    lines = [rf"\begin{{tabular}}{{{'l' * words}{'r' * (len(header(done)) - words)}}}", r"\toprule", heads, r"\midrule"]
    return "\n".join([*lines, *rows, r"\bottomrule", r"\end{tabular}", ""])


def comma_separated(done: AblationSummary) -> str:
    """Write every number of every row in full, scores 0..1."""
    file = io.StringIO()
    rows = [_record(done, row) for row in done.rows]
    writer = csv.DictWriter(file, list(dict.fromkeys(name for row in rows for name in row)), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


def _main(done: AblationSummary) -> str:
    """Return the name of the number that papers report, or that of the protocol while nothing is scored."""
    usual = done.protocols[0]
    return next((row.scores[usual].main for row in done.rows if usual in row.scores), usual)


def _findings(done: AblationSummary) -> dict[str, None]:
    return dict.fromkeys(str(finding) for row in done.rows for finding in row.verdicts)


def _cells(done: AblationSummary, row: RowSummary) -> list[str]:
    score = row.scores.get(done.protocols[0]) if done.protocols else None
    if done.protocols:
        numbers = [*_both(score.value if score else None), *_both(score.difference if score else None, "+")]
    else:
        counts = [str(row.verdicts.get(finding, 0)) for finding in _findings(done)]  # type: ignore[call-overload]
        numbers = [*counts, _number(None if row.agreement is None else 100 * row.agreement, ".1f")]
    counted = score.videos if score else row.done
    return [*row.values, *numbers, str(counted), _number(row.seconds, ".2f"), _number(row.dollars, ".4f")]


def _both(ends: Ends | None, sign: str = "") -> tuple[str, str]:
    """Write a number and its interval in per cent."""
    if ends is None:
        return "", ""
    value, low, high = (f"{100 * number:{sign}z.1f}" for number in ends)
    return value, f"{low} to {high}"


def _number(value: float | None, form: str) -> str:
    return "" if value is None else f"{value:{form}}"


def _record(done: AblationSummary, row: RowSummary) -> dict[str, Any]:
    record: dict[str, Any] = dict(zip(done.columns, row.values, strict=True))
    for protocol, score in row.scores.items():
        record.update({f"{protocol} {name}": value for name, value in score.numbers.items()})
        record.update(_named(f"{protocol} {score.main}", score.value)[1:])
        record.update(_named(f"{protocol} difference", score.difference))
        record[f"{protocol} videos"] = score.videos
    record.update(row.model_dump(include={"asked", "done", "seconds", "dollars", "spent", "questions", "fallbacks"}))
    record.update({} if row.agreement is None else {AGREEMENT: row.agreement})
    verdicts = {str(finding): count for finding, count in row.verdicts.items()}
    return {**record, **verdicts, "problem": row.problem}


def _named(name: str, ends: Ends | None) -> Sequence[tuple[str, float | None]]:
    return list(zip((name, f"{name} low", f"{name} high"), ends or (None,) * 3, strict=True))


def _line(text: str) -> str:
    return re.sub(_BREAKS, " ", text).strip()


def _plain(text: str) -> str:
    """Write a text so that Markdown shows it as it is, a backslash by its number: one before a bar is read in two ways."""
    return re.sub(_MARKS, lambda found: "&#92;" if found[0] == "\\" else "\\" + found[0], text)


def _escaped(text: str) -> str:
    return re.sub(r"[\\~^&%$#_{}<>|[]|-(?=-)", lambda found: _SPECIAL.get(found[0], "\\" + found[0]), text)


def _signed(numbers: str) -> str:
    """Write a minus as one, where LaTeX would show a hyphen."""
    return numbers.replace("-", "$-$")
