"""The JSON Schema of configuration files."""

from __future__ import annotations

from typing import Any

from alref.components import options
from alref.config.configuration import RunOptions, VideoOptions
from alref.config.preset_files import list_presets
from alref.config.resolve import MAX_REPEATS
from alref.errors import ContractError
from alref.plugins.manager import PluginManager
from alref.plugins.registered import SLOTS, RegisteredComponent


def build_schema(plugins: PluginManager) -> dict[str, Any]:
    """Return a JSON Schema of configuration files, with the options of every installed component."""
    slots = {slot: _build_slot_schema(plugins.list_components(slot)) for slot in SLOTS}
    both = [component for component in plugins.list_components("temporal") if "spatial" in component.slots]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "alref configuration",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            **RunOptions.model_json_schema()["properties"],
            "preset": {"enum": list_presets()},
            "replay": {"type": "string", "description": "replay recorded LLM answers from this run folder, trace or store"},
            "repeats": {
                "type": "integer",
                "minimum": 1,
                "maximum": MAX_REPEATS,
                "description": "alref eval: number of runs, each with the next seeds",
            },
            "video": VideoOptions.model_json_schema(),
            "reasoner": _build_slot_schema(both),
            **slots,
        },
    }


def _build_slot_schema(components: list[RegisteredComponent]) -> dict[str, Any]:
    choices: list[dict[str, Any]] = [{"enum": [component.name for component in components]}]
    for component in components:
        try:
            model = options.build_json_schema(component.cls.Options)
        except ContractError:  # a broken plugin does not affect the others; it can still be chosen by name
            continue
        model["properties"] = {"use": {"const": component.name}, **model.get("properties", {})}
        choices.append(model)
    return {"anyOf": choices}
