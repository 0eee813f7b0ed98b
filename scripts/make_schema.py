"""Write the JSON Schemas of ``result.json`` and of configuration files in ``docs/``: ``python scripts/make_schema.py``."""

from __future__ import annotations

import json
from importlib.metadata import entry_points
from pathlib import Path

from alref.config import build_schema
from alref.plugins.hookspecs import PROJECT
from alref.plugins.manager import PluginManager
from alref.result import Result


def build_schemas() -> dict[str, str]:
    """Return the text of each schema under the name of its file; configurations with the options of the shipped components."""
    shipped = [entry for entry in entry_points(group=PROJECT) if entry.dist and entry.dist.name == "alref"]
    made = {"result.schema.json": Result.model_json_schema(), "config.schema.json": build_schema(PluginManager(shipped))}
    return {name: json.dumps(content, indent=1) + "\n" for name, content in made.items()}


def main() -> None:
    """Write each of them."""
    for name, text in build_schemas().items():
        (Path(__file__).parents[1] / "docs" / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
