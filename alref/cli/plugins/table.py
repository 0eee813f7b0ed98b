"""The pages of ``alref plugins``: the list, as wide as the terminal allows, and all that is known of one name."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import groupby
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from alref import options
from alref.cli.plugins.rows import Row
from alref.cli.state import State
from alref.plugins import SLOTS

BENCHMARKS = {"dataset": "data sets", "metric": "ways to score"}
ROOM_FOR_NEEDS, ROOM_FOR_SUMMARY = 110, 160
"""Columns that a terminal must have to show more than names, origins, licences and states."""

MOST_NAMES = 12
"""Names that are written out where one reason holds for many."""


def show_list(console: Console, rows: Sequence[Row]) -> None:
    """Print all rows: components by what they fill, then data sets and ways to score, then plugins that were not loaded.

    Below stands why something is not ready, with the next command, in lines that can be copied.
    """
    stages = [row for row in rows if SLOTS.keys() & set(row.kinds)]
    benchmarks = [row for row in rows if BENCHMARKS.keys() & set(row.kinds)]
    unloaded = [row for row in rows if not row.kinds]
    for group, loads in ((stages, "weights"), (benchmarks, "data"), (unloaded, "weights")):
        if group:
            console.print(_table(group, loads, console.width), "")
    reasons: dict[State, list[str]] = {}
    for row in rows:
        reasons.setdefault(row.state, []).append(row.name)
    for state, names in reasons.items():
        if state.why:
            others = f" and {len(names) - MOST_NAMES} others" if len(names) > MOST_NAMES else ""
            console.print(f"{', '.join(names[:MOST_NAMES])}{others}: {state}", soft_wrap=True)


def _table(rows: Sequence[Row], loads: str, width: int) -> Table:
    wide, wider = width >= ROOM_FOR_NEEDS, width >= ROOM_FOR_SUMMARY
    heads = ["name", "package", "level", "licence", loads, "state", *["needs"] * wide, *["what it does"] * wider]
    table = Table(*heads, box=SIMPLE, show_edge=False, padding=(0, 1, 0, 0))
    table.columns[0].no_wrap = True
    table.columns[1].overflow = "fold"
    for kinds, group in groupby(rows, key=lambda row: row.kinds):
        table.add_row(title(kinds), style="bold")
        for row in group:
            needs, summary = [", ".join(row.needs)] * wide, [row.summary] * wider
            cells = (origin(row), str(row.level or ""), row.licence, row.weights_licence, row.state.word)
            table.add_row(f" {row.name}", *cells, *needs, *summary)
    return table


def title(kinds: Sequence[str]) -> str:
    """Say what a row can be chosen for."""
    return " and ".join(BENCHMARKS.get(kind, kind) for kind in kinds) or "not loaded"


def origin(row: Row) -> str:
    """Name package and version."""
    return f"{row.package} {row.version}".strip()


def show_one(console: Console, row: Row) -> None:
    """Print all that is known of one row, with its options."""
    console.print(f"{row.name}  {row.summary}".strip(), style="bold", soft_wrap=True)
    for name, value in _facts(row).items():
        if value:
            console.print(f"  {name:9} {value}", soft_wrap=True)
    table = Table("option", "type, default, and what it does", box=SIMPLE, show_edge=False, padding=(0, 1, 0, 0))
    for each in described(row):
        table.add_row(f" {each['name']}", f"{each['type']}; default {_plain(each['default'])}\n{each['help']}")
    if table.rows:
        console.print("", table, "")


def _facts(row: Row) -> dict[str, str]:
    weights = f"; {'data' if 'dataset' in row.kinds else 'weights'}: {row.weights_licence}" if row.weights_licence else ""
    return {
        "fills": ", ".join(row.kinds),
        "package": f"{origin(row)}, plugin {row.plugin}",
        "level": str(row.level or ""),
        "licence": f"{row.licence}{weights}",
        "homepage": row.homepage,
        "needs": ", ".join(row.needs),
        "state": str(row.state),
    }


def _plain(value: Any) -> str:
    """Write a value as YAML has it."""
    return value if isinstance(value, str) else json.dumps(value, default=str)


def described(row: Row) -> list[dict[str, Any]]:
    """List the options of a component that is loaded: name, type, default, help."""
    model = getattr(row.offer and row.offer.cls, "Options", None)
    return [vars(each) for each in options.describe(model)] if model else []
