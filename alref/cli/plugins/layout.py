"""Output of ``alref plugins``: the list, as wide as the terminal, and the details of one name."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import groupby, zip_longest
from textwrap import wrap
from typing import Any

from alref.cli.plugins.rows import PluginRow
from alref.cli.status import ComponentStatus
from alref.components import options
from alref.plugins.registered import SLOTS

HEADINGS = {
    "dataset": "datasets",
    "protocol": "protocols",
    "exporter": "export formats",
    "command": "commands",
    "runner": "runners",
    "logger": "loggers",
}
ROOM_FOR_NEEDS, ROOM_FOR_SUMMARY = 110, 160
"""Terminal widths from which requirements and summaries are shown."""

MIN_WIDTH = 8
"""Minimum width of a column in characters."""

UNFOLDED = (0, 5)
"""Columns that are not wrapped: name and status."""

MAX_NAMES = 12
"""Maximum number of names listed for one reason."""


def format_rows(rows: Sequence[PluginRow], width: int) -> Iterator[str]:
    """Format all rows: components by slot, then what is not a slot, then plugins that were not loaded.

    Reasons why components are not ready follow, with the next command on lines that can be copied.
    """
    stages = [row for row in rows if SLOTS.keys() & set(row.slots)]
    others = [row for row in rows if HEADINGS.keys() & set(row.slots)]
    unloaded = [row for row in rows if not row.slots]
    for group, loads in ((stages, "weights"), (others, "data"), (unloaded, "weights")):
        if group:
            yield from (*_format_table(group, loads, width), "")
    yield from format_reasons(rows)


def format_reasons(rows: Sequence[PluginRow]) -> Iterator[str]:
    """Format why components are not ready: one line for each reason, with the names that it applies to."""
    found: dict[ComponentStatus, list[str]] = {}
    for row in rows:
        found.setdefault(row.status, []).append(row.name)
    for state, names in found.items():
        if state.reason:
            others = f" and {len(names) - MAX_NAMES} others" if len(names) > MAX_NAMES else ""
            yield f"{', '.join(names[:MAX_NAMES])}{others}: {state}"


def _format_table(rows: Sequence[PluginRow], loads: str, width: int) -> Iterator[str]:
    wide, wider = width >= ROOM_FOR_NEEDS, width >= ROOM_FOR_SUMMARY
    heads = ["name", "package", "level", "license", loads, "state", *["needs"] * wide, *["summary"] * wider]
    cells = [
        [f" {row.name}", format_origin(row), str(row.level or ""), row.license, row.weights_license, row.status.label]
        + [", ".join(row.needs)] * wide
        + [row.summary] * wider
        for row in rows
    ]
    head, *lines = format_columns([heads, *cells], width)
    yield from (*head, "─" * width)
    for slots, group in groupby(zip(rows, lines, strict=True), key=lambda pair: pair[0].slots):
        yield format_slots(slots)
        yield from (line for _, folded in group for line in folded)


def format_columns(rows: Sequence[Sequence[str]], width: int) -> list[list[str]]:
    """Lay out rows of cells in columns; return the lines of each row.

    If space is short, the widest columns are wrapped, except name and status. Rich is not used: its import takes a quarter of
    the command's time.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    foldable = [index for index in range(len(widths)) if index not in UNFOLDED]
    while sum(widths) + 2 * len(widths) - 2 > width:
        widest = max(foldable, key=widths.__getitem__)
        if widths[widest] == MIN_WIDTH:
            break
        widths[widest] -= 1
    laid = []
    for row in rows:
        folded = [wrap(cell, room) if len(cell) > room else [cell] for cell, room in zip(row, widths, strict=True)]
        lines = zip_longest(*folded, fillvalue="")
        laid.append(["  ".join(f"{text:{room}}" for text, room in zip(line, widths, strict=True)).rstrip() for line in lines])
    return laid


def format_slots(slots: Sequence[str]) -> str:
    """Format the slots of a row."""
    return " and ".join(HEADINGS.get(slot, slot) for slot in slots) or "not loaded"


def format_origin(row: PluginRow) -> str:
    """Format package and version."""
    return f"{row.package} {row.version}".strip()


def format_row(row: PluginRow, width: int) -> Iterator[str]:
    """Format the details of one row with its options."""
    yield f"{row.name}  {row.summary}".strip()
    yield from (f"  {name:9} {value}" for name, value in _collect_facts(row).items() if value)
    for each in describe_options(row):
        default = each["default"] if isinstance(each["default"], str) else json.dumps(each["default"], default=str)
        yield f"\n{each['name']}: {each['type']}, default {default}"
        yield from wrap(each["help"], width, initial_indent="    ", subsequent_indent="    ")


def _collect_facts(row: PluginRow) -> dict[str, str]:
    loaded = f"{'data' if 'dataset' in row.slots else 'weights'}: {row.weights_license}" if row.weights_license else ""
    return {
        "fills": ", ".join(row.slots),
        "package": f"{format_origin(row)}, plugin {row.plugin}",
        "level": str(row.level or ""),
        "license": "; ".join(filter(None, (row.license, loaded))),
        "homepage": row.homepage,
        "needs": ", ".join(row.needs),
        "state": str(row.status),
    }


def describe_options(row: PluginRow) -> list[dict[str, Any]]:
    """List the options of a loaded component: name, type, default, help."""
    model = getattr(row.registered and row.registered.cls, "Options", None)
    return [vars(each) for each in options.describe_options(model)] if model else []
