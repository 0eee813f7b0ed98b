"""Resolve YAML and flags to a configuration."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from alref.components import options
from alref.config.configuration import Configuration, RunOptions, SlotConfiguration, SlotConfigurations, VideoOptions
from alref.config.layers import Layer, has_options, merge_layers, merge_names
from alref.config.preset_files import DEFAULT_PRESET, MODEL_PRESET, read_preset
from alref.errors import ConfigError
from alref.plugins.manager import PluginManager
from alref.plugins.registered import SLOTS, get_qualified_name, has_name

MAX_REPEATS = 100


def resolve_config(plugins: PluginManager, layers: Iterable[Layer] = (), preset: str | None = None) -> Configuration:
    """Merge preset and layers into a configuration. Raises ConfigError that lists every problem by its dotted path."""
    own = [dict(layer) for layer in layers]
    named = [layer.pop("preset") for layer in own if "preset" in layer]
    replays = [layer.pop("replay") for layer in own if "replay" in layer]
    repeats = [layer.pop("repeats") for layer in own if "repeats" in layer]
    given = preset or (named[-1] if named else "")
    merged = merge_layers(plugins, [read_preset(given or choose_preset(plugins, own)), *own])
    replaying = _set_replay(plugins, merged, replays[-1]) if replays else []
    problems: list[str] = []
    slots = _resolve_slots(plugins, merged, {slot for slot, values in merge_layers(plugins, own).items() if values}, problems)
    run = _call_or_collect(problems, options.build_options, RunOptions, merged["run"], "run")
    video = _call_or_collect(problems, options.build_options, VideoOptions, merged["video"], "video")
    if repeats and not (type(repeats[-1]) is int and 1 <= repeats[-1] <= MAX_REPEATS):
        problems.append(f"repeats: expected a number from 1 to {MAX_REPEATS}, got {repeats[-1]!r}")
    if run and run.order == "tracks" and run.fallback != "none":
        problems.append(f"run.fallback: {run.fallback!r} belongs to order pivot; leave it out, or set fallback: none")
    if problems:
        raise ConfigError("\n".join(dict.fromkeys(problems)))
    if replays and not replaying:
        names = ", ".join(f"{slot} {choice.component.name}" for slot, choice in slots.items())
        raise ConfigError(f"replay: none of the chosen components calls a language model ({names}); leave --replay out")
    notes = ["" if given else _explain_preset(plugins, own, merged), *_explain_shared_names(plugins, own)]
    return Configuration(run, video, slots, "\n".join(filter(None, notes)), repeats[-1] if repeats else 1)


def choose_preset(plugins: PluginManager, layers: Iterable[Layer]) -> str:
    """Return the preset for the slots that these layers leave open. Raises ConfigError.

    It is the default one, unless a layer names a component that brings a model and that the default does not use.
    """
    return MODEL_PRESET if _find_models(plugins, merge_names(plugins, layers)) else DEFAULT_PRESET


def _find_models(plugins: PluginManager, names: Mapping[str, str]) -> dict[str, str]:
    """Return those of the components, by slot, that bring a model: their weights, or a language model that is asked."""
    usual = merge_names(plugins, [read_preset(DEFAULT_PRESET)])
    return {
        slot: name
        for slot, name in names.items()
        if name.rpartition(":")[2] != usual.get(slot)
        and any(has_name(component, name) and component.brings_model for component in plugins.list_components(slot))
    }


def _explain_preset(plugins: PluginManager, layers: Iterable[Layer], merged: Mapping[str, Mapping[str, Any]]) -> str:
    """Return which slots the preset of models filled, and why; nothing if it filled none."""
    names, usual = merge_names(plugins, layers), merge_names(plugins, [read_preset(DEFAULT_PRESET)])
    models = _find_models(plugins, names)
    used = {slot: merged[slot]["use"] for slot in SLOTS if slot not in names and "use" in merged[slot]}
    filled = [f"{slot} {name}" for slot, name in used.items() if name != usual.get(slot)]
    if not models or not filled:
        return ""
    reason = " and ".join(dict.fromkeys(models.values()))
    return f"preset {MODEL_PRESET}, because of {reason}: {', '.join(filled)}; --preset {DEFAULT_PRESET} uses the embedded ones"


def _explain_shared_names(plugins: PluginManager, layers: Iterable[Layer]) -> list[str]:
    """Return a note for each name in the layers that several plugins register: which one is used, and how to name another."""
    notes = {}
    for slot, name in merge_names(plugins, layers).items():
        used, *others = [component for component in plugins.list_components(slot) if has_name(component, name)]
        if others:
            names = " or ".join(get_qualified_name(other, [used, *others]) for other in others)
            notes[name] = f"{slot} {name} is that of {used.distribution}; to use another plugin's: {names}"
    return list(notes.values())


def _set_replay(plugins: PluginManager, merged: dict[str, dict[str, Any]], path: Any) -> list[str]:
    """Set the option ``replay`` in the slots whose component has it, and return them. Raises InputError."""
    from alref.llm.replay import AnswerReplay

    slots = [slot for slot in SLOTS if has_options(plugins, slot, merged[slot], {"replay": path})]
    if slots:
        AnswerReplay(Path(path)).close()
    for slot in slots:
        merged[slot]["replay"] = str(path)
    return slots


def _call_or_collect(problems: list[str], function: Any, *arguments: Any) -> Any:
    try:
        return function(*arguments)
    except ConfigError as error:
        problems.append(str(error))
        return None


def _resolve_slots(
    plugins: PluginManager, merged: Mapping[str, Mapping[str, Any]], set_slots: Collection[str], problems: list[str]
) -> SlotConfigurations:
    """Resolve all slots. What is wrong with a slot in ``set_slots`` is a problem; any other slot is then not available."""
    choices, unavailable = {}, {}
    for slot in SLOTS:
        try:
            choices[slot] = _resolve_slot(plugins, slot, merged[slot])
        except ConfigError as error:
            unavailable[slot] = str(error)
    problems += [reason for slot, reason in unavailable.items() if slot in set_slots]
    return SlotConfigurations(choices, unavailable)


def _resolve_slot(plugins: PluginManager, slot: str, values: Mapping[str, Any]) -> SlotConfiguration:
    if "use" not in values:
        raise ConfigError(f"{slot}: no component is chosen; choose one, for example --{slot} NAME; see: alref plugins")
    component = plugins.get_component(slot, str(values["use"]))
    given = {name: value for name, value in values.items() if name != "use"}
    return SlotConfiguration(
        component, options.build_options(component.cls.Options, given, slot), plugins.get_component_name(slot, component)
    )
