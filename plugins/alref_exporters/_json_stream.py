"""Write JSON files with long lists, one entry at a time."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TextIO


def write_json_lists(path: Path, head: Mapping[str, Any], lists: Mapping[str, Iterable[Any]]) -> None:
    """Write one JSON object: the entries of ``head``, then each list, whose values are written as they come."""
    with path.open("w", encoding="utf-8") as file:
        file.write("{\n" + "".join(f"{json.dumps(key)}: {json.dumps(value)},\n" for key, value in head.items()))
        for number, (key, values) in enumerate(lists.items()):
            file.write((",\n" if number else "") + f"{json.dumps(key)}: ")
            _write_values(file, values)
        file.write("\n}\n")


def write_json_list(path: Path, values: Iterable[Any]) -> None:
    """Write one JSON list, whose values are written as they come."""
    with path.open("w", encoding="utf-8") as file:
        _write_values(file, values)


def _write_values(file: TextIO, values: Iterable[Any]) -> None:
    file.write("[")
    for place, value in enumerate(values):
        file.write((",\n" if place else "\n") + json.dumps(value))
    file.write("\n]")
