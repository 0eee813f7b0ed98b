"""Merge layers of settings by slot: preset, YAML file, flags."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from alref.config.configuration import RunOptions
from alref.errors import ConfigError, suggest_names
from alref.plugins.manager import PluginManager
from alref.plugins.registered import REASONER_SLOTS, SLOTS

Layer = Mapping[str, Any]
UNIFIER_SLOTS = ("unifier", "tagger", "transcriber", "locator")


def merge_names(plugins: PluginManager, layers: Iterable[Layer]) -> dict[str, str]:
    """Return the component that the layers name for each slot, without those that they leave open."""
    slots = {"reasoner", *SLOTS}
    given = [{key: _to_mapping(key, value) for key, value in layer.items() if key in slots} for layer in layers]
    named = [{key: {"use": values["use"]} for key, values in layer.items() if "use" in values} for layer in given]
    return {slot: str(values["use"]) for slot, values in merge_layers(plugins, named).items() if "use" in values}


def merge_layers(plugins: PluginManager, layers: Iterable[Layer]) -> dict[str, dict[str, Any]]:
    """Merge layers by slot; a layer that names another component drops the options of earlier layers."""
    merged: dict[str, dict[str, Any]] = {"run": {}, "video": {}, **{slot: {} for slot in SLOTS}}
    for layer in layers:
        for slot, values in _expand_layer(layer, plugins, merged).items():
            changed = "use" in values and values["use"] != merged[slot].get("use")
            merged[slot] = dict(values) if changed else {**merged[slot], **values}
    return merged


def _expand_layer(
    layer: Layer, plugins: PluginManager, lower_layers: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Split one layer by slot: names become mappings, a shared name sets several slots, the rest is ``run``."""
    spread: dict[str, dict[str, Any]] = {}
    run_names = list(RunOptions.model_fields)
    for key in sorted(layer, key=lambda key: key not in ("reasoner", "unifier")):
        if key in run_names:
            spread.setdefault("run", {})[key] = layer[key]
        elif key in ("reasoner", "video", *SLOTS):
            values = _to_mapping(key, layer[key])
            for slot in _find_slots(key, values, plugins, lower_layers):
                spread[slot] = dict(values) if "use" in values else {**spread.get(slot, {}), **values}
        else:
            known = [*run_names, "preset", "replay", "repeats", "video", "reasoner", *SLOTS]
            raise ConfigError(f"{key}: unknown setting{suggest_names(str(key), known)}; settings: {', '.join(known)}")
    return spread


def _find_slots(
    key: str, values: Mapping[str, Any], plugins: PluginManager, lower_layers: Mapping[str, Mapping[str, Any]]
) -> Sequence[str]:
    """List the slots that a setting applies to."""
    if key == "reasoner":
        return _find_reasoner_slots(values, plugins, lower_layers)
    if key != "unifier":
        return (key,)
    if "use" in values:
        return plugins.find_slots(str(values["use"]), UNIFIER_SLOTS) or (key,)
    having = [slot for slot in UNIFIER_SLOTS if has_options(plugins, slot, lower_layers[slot], values)]
    if len({lower_layers[slot]["use"] for slot in having}) > 1:
        names = ", ".join(values)
        raise ConfigError(
            f"unifier.{names}: {' and '.join(having)} have this option; say which, for example {having[-1]}.{names}"
        )
    return having or (key,)


def _find_reasoner_slots(
    values: Mapping[str, Any], plugins: PluginManager, lower_layers: Mapping[str, Mapping[str, Any]]
) -> list[str]:
    """List the slots that ``reasoner`` sets: the two of the pivot order, and others that it can fill or has options for."""
    if "use" in values:
        others = plugins.find_slots(str(values["use"]), REASONER_SLOTS[2:])
        pivot = plugins.find_slots(str(values["use"]), REASONER_SLOTS[:2])
        return others if others and not pivot else [*REASONER_SLOTS[:2], *others]
    others = [slot for slot in REASONER_SLOTS[2:] if has_options(plugins, slot, lower_layers[slot], values)]
    return [*REASONER_SLOTS[:2], *others]


def has_options(plugins: PluginManager, slot: str, slot_values: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    """Return whether the component chosen so far for a slot has all these options."""
    found = [
        component
        for component in plugins.list_components(slot)
        if component.name == str(slot_values.get("use", "")).rpartition(":")[2]
    ]
    return any(set(values) <= set(component.cls.Options.model_fields) for component in found)


def _to_mapping(key: str, value: Any) -> dict[str, Any]:
    if isinstance(value, str) and key != "video":
        return {"use": value}
    if isinstance(value, dict) and all(isinstance(name, str) for name in value):
        return value
    raise ConfigError(f"{key}: expected a component's name or a mapping of options, got {value!r}")
