"""Resolve YAML and flags to a configuration: the component of each slot with all its options.

Later layers override earlier ones: preset, YAML file, flags. Without a preset, the embedded components fill the slots that are
left open, or models do as soon as one of the chosen components brings a model. A layer that names another component for a slot
drops the options that earlier layers set for it. ``reasoner`` stands for both ``temporal`` and ``spatial``; ``unifier`` for
those of ``unifier``, ``tagger``, ``transcriber`` and ``locator`` that the component can fill, and an option for those whose
component has it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field

from alref.components import options
from alref.components.base import StageOptions
from alref.errors import ConfigError, ContractError, suggest_names
from alref.plugins.manager import SLOTS, PluginManager, RegisteredComponent, get_qualified_name, has_name
from alref.utils.yaml_files import parse_yaml, read_yaml_file, require_mapping

Layer = Mapping[str, Any]
DEFAULT_PRESET = "baseline"
MODEL_PRESET = "standard"  # fills open slots as soon as a setting names a component that brings a model
UNIFIER_SLOTS = ("unifier", "tagger", "transcriber", "locator")


class VideoOptions(StageOptions):
    """Options for reading a video."""

    start: float | None = Field(None, ge=0, description="first second to read")
    end: float | None = Field(None, gt=0, description="second to stop before")
    every: int = Field(1, ge=1, description="read only every n-th frame")
    max_size: int | None = Field(None, ge=16, description="shrink frames so that the longer side has at most this many pixels")
    audio_track: int = Field(0, ge=0, description="index of the audio track, counted from 0")
    video_track: int | None = Field(None, ge=0, description="index of the video track, counted from 0; default FFmpeg's choice")
    fps: float | None = Field(None, gt=0, description="frames per second of images without times; default 24")


class RunOptions(StageOptions):
    """Options of the run that do not belong to a single component."""

    order: Literal["pivot"] = Field("pivot", description="how the engine calls the components")
    fallback: Literal["none", "first-frame"] = Field(
        "none", description="for a text without any box: report it as absent, or start from the best box of the first frame"
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = Field("auto", description="device that models run on")
    tune: bool = Field(True, description="tune threads and allocator for CPU inference")


@dataclass(frozen=True)
class SlotConfiguration:
    """The component that fills a slot, with its options; ``use`` is its unambiguous name."""

    component: RegisteredComponent
    options: StageOptions
    use: str


class SlotConfigurations(dict[str, SlotConfiguration]):
    """The choice for each slot. A slot whose default component is not available raises ConfigError with the reason."""

    def __init__(self, choices: Mapping[str, SlotConfiguration], unavailable: Mapping[str, str]) -> None:
        super().__init__(choices)
        self.unavailable = {slot: f"{slot}: {reason.removeprefix(f'{slot}: ')}" for slot, reason in unavailable.items()}

    def __missing__(self, slot: str) -> SlotConfiguration:
        raise ConfigError(self.unavailable[slot])

    def require_slots(self, slots: Iterable[str]) -> None:
        """Raise ConfigError with the reasons if any of these slots is not available."""
        if reasons := [self.unavailable[slot] for slot in slots if slot in self.unavailable]:
            raise ConfigError("\n".join(reasons))


@dataclass(frozen=True)
class Configuration:
    """A resolved configuration; ``note`` says which preset filled open slots, and which names several plugins register."""

    run: RunOptions
    video: VideoOptions
    slots: SlotConfigurations
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return plain data with every default filled in, as stored in ``run.yaml`` and accepted by ``resolve_config``."""
        data: dict[str, Any] = {**self.run.model_dump(mode="json"), "video": self.video.model_dump(mode="json")}
        for slot, choice in self.slots.items():
            data[slot] = {"use": choice.use, **choice.options.model_dump(mode="json")}
        return data

    def get_versions(self) -> dict[str, str]:
        """Return the distributions that the components come from, with their versions."""
        return {choice.component.distribution: choice.component.version for choice in self.slots.values()}

    def to_yaml(self) -> str:
        """Write the whole configuration as YAML, each option with its help as a comment."""
        data = self.to_dict()
        lines = [_format_option(row, data[row.name]) for row in options.describe_options(RunOptions)]
        lines += [
            "video:",
            *(f"  {_format_option(row, data['video'][row.name])}" for row in options.describe_options(VideoOptions)),
        ]
        for slot, choice in self.slots.items():
            summary = (choice.component.cls.__doc__ or "").strip().partition("\n")[0]
            lines += [f"{slot}:", f"  use: {choice.use}  # {summary}"]
            lines += [
                f"  {_format_option(row, data[slot][row.name])}"
                for row in options.describe_options(choice.component.cls.Options)
            ]
        lines += [f"# {reason}" for reason in self.slots.unavailable.values()]
        return "\n".join(lines) + "\n"


def _format_option(row: options.OptionRow, value: Any) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, width=10_000).removesuffix("\n").removesuffix("\n...")
    return f"{row.name}: {text}  # {row.help} ({row.type})"


def read_config_file(path: Path) -> dict[str, Any]:
    """Read a configuration file. Raises ConfigError if it is missing, not plain YAML or not a mapping."""
    return require_mapping(read_yaml_file(path), str(path))


def list_presets() -> list[str]:
    """List the shipped presets by name."""
    return sorted(
        entry.name.removesuffix(".yaml") for entry in files("alref.presets").iterdir() if entry.name.endswith(".yaml")
    )


def read_preset(name: str) -> dict[str, Any]:
    """Read a shipped preset. Raises ConfigError that lists the presets if the name is unknown."""
    if name not in list_presets():
        raise ConfigError(
            f"preset: unknown preset {name!r}{suggest_names(name, list_presets())}; presets: {', '.join(list_presets())}"
        )
    text = files("alref.presets").joinpath(f"{name}.yaml").read_text(encoding="utf-8")
    return require_mapping(parse_yaml(text, f"preset {name}"), f"preset {name}")


def resolve_config(plugins: PluginManager, layers: Iterable[Layer] = (), preset: str | None = None) -> Configuration:
    """Merge preset and layers into a configuration. Raises ConfigError that lists every problem by its dotted path."""
    own = [dict(layer) for layer in layers]
    named = [layer.pop("preset") for layer in own if "preset" in layer]
    replays = [layer.pop("replay") for layer in own if "replay" in layer]
    given = preset or (named[-1] if named else "")
    merged = _merge_layers(plugins, [read_preset(given or choose_preset(plugins, own)), *own])
    replaying = _set_replay(plugins, merged, replays[-1]) if replays else []
    problems: list[str] = []
    slots = _resolve_slots(plugins, merged, {slot for slot, values in _merge_layers(plugins, own).items() if values}, problems)
    run = _call_or_collect(problems, options.build_options, RunOptions, merged["run"], "run")
    video = _call_or_collect(problems, options.build_options, VideoOptions, merged["video"], "video")
    if problems:
        raise ConfigError("\n".join(dict.fromkeys(problems)))
    if replays and not replaying:
        names = ", ".join(f"{slot} {choice.component.name}" for slot, choice in slots.items())
        raise ConfigError(f"replay: none of the chosen components calls a language model ({names}); leave --replay out")
    notes = ["" if given else _explain_preset(plugins, own, merged), *_explain_shared_names(plugins, own)]
    return Configuration(run, video, slots, "\n".join(filter(None, notes)))


def choose_preset(plugins: PluginManager, layers: Iterable[Layer]) -> str:
    """Return the preset for the slots that these layers leave open. Raises ConfigError.

    It is the default one, unless a layer names a component that brings a model and that the default does not use.
    """
    return MODEL_PRESET if _find_models(plugins, _merge_names(plugins, layers)) else DEFAULT_PRESET


def _find_models(plugins: PluginManager, names: Mapping[str, str]) -> dict[str, str]:
    """Return those of the components, by slot, that bring a model: their weights, or a language model that is asked."""
    usual = _merge_names(plugins, [read_preset(DEFAULT_PRESET)])
    return {
        slot: name
        for slot, name in names.items()
        if name.rpartition(":")[2] != usual[slot]
        and any(has_name(each, name) and each.brings_model for each in plugins.list_components(slot))
    }


def _explain_preset(plugins: PluginManager, layers: Iterable[Layer], merged: Mapping[str, Mapping[str, Any]]) -> str:
    """Return which slots the preset of models filled, and why; nothing if it filled none."""
    names, usual = _merge_names(plugins, layers), _merge_names(plugins, [read_preset(DEFAULT_PRESET)])
    models = _find_models(plugins, names)
    filled = [f"{slot} {merged[slot]['use']}" for slot in SLOTS if slot not in names and merged[slot]["use"] != usual[slot]]
    if not models or not filled:
        return ""
    reason = " and ".join(dict.fromkeys(models.values()))
    return f"preset {MODEL_PRESET}, because of {reason}: {', '.join(filled)}; --preset {DEFAULT_PRESET} uses the embedded ones"


def _explain_shared_names(plugins: PluginManager, layers: Iterable[Layer]) -> list[str]:
    """Return a note for each name in the layers that several plugins register: which one is used, and how to name another."""
    notes = {}
    for slot, name in _merge_names(plugins, layers).items():
        used, *others = [each for each in plugins.list_components(slot) if has_name(each, name)]
        if others:
            names = " or ".join(get_qualified_name(each, [used, *others]) for each in others)
            notes[name] = f"{slot} {name} is that of {used.distribution}; to use another plugin's: {names}"
    return list(notes.values())


def _merge_names(plugins: PluginManager, layers: Iterable[Layer]) -> dict[str, str]:
    """Return the component that the layers name for each slot, without those that they leave open."""
    slots = {"reasoner", *SLOTS}
    given = [{key: _to_mapping(key, value) for key, value in layer.items() if key in slots} for layer in layers]
    named = [{key: {"use": values["use"]} for key, values in layer.items() if "use" in values} for layer in given]
    return {slot: str(values["use"]) for slot, values in _merge_layers(plugins, named).items() if "use" in values}


def _merge_layers(plugins: PluginManager, layers: Iterable[Layer]) -> dict[str, dict[str, Any]]:
    """Merge layers by slot; a layer that names another component drops the options of earlier layers."""
    merged: dict[str, dict[str, Any]] = {"run": {}, "video": {}, **{slot: {} for slot in SLOTS}}
    for layer in layers:
        for slot, values in _expand_layer(layer, plugins, merged).items():
            changed = "use" in values and values["use"] != merged[slot].get("use")
            merged[slot] = dict(values) if changed else {**merged[slot], **values}
    return merged


def _set_replay(plugins: PluginManager, merged: dict[str, dict[str, Any]], path: Any) -> list[str]:
    """Set the option ``replay`` in the slots whose component has it, and return them. Raises InputError."""
    from alref.llm.replay import AnswerReplay

    slots = [slot for slot in SLOTS if _has_options(plugins, slot, merged[slot], {"replay": path})]
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
    component = plugins.get_component(slot, str(values.get("use", "")))
    given = {name: value for name, value in values.items() if name != "use"}
    return SlotConfiguration(
        component, options.build_options(component.cls.Options, given, slot), plugins.get_component_name(slot, component)
    )


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
            known = [*run_names, "preset", "replay", "video", "reasoner", *SLOTS]
            raise ConfigError(f"{key}: unknown setting{suggest_names(str(key), known)}; settings: {', '.join(known)}")
    return spread


def _find_slots(
    key: str, values: Mapping[str, Any], plugins: PluginManager, lower_layers: Mapping[str, Mapping[str, Any]]
) -> Sequence[str]:
    """List the slots that a setting applies to."""
    if key == "reasoner":
        return ("temporal", "spatial")
    if key != "unifier":
        return (key,)
    if "use" in values:
        return plugins.find_slots(str(values["use"]), UNIFIER_SLOTS) or (key,)
    having = [slot for slot in UNIFIER_SLOTS if _has_options(plugins, slot, lower_layers[slot], values)]
    if len({lower_layers[slot]["use"] for slot in having}) > 1:
        names = ", ".join(values)
        raise ConfigError(
            f"unifier.{names}: {' and '.join(having)} have this option; say which, for example {having[-1]}.{names}"
        )
    return having or (key,)


def _has_options(plugins: PluginManager, slot: str, slot_values: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    """Return whether the component chosen so far for a slot has all these options."""
    found = [each for each in plugins.list_components(slot) if each.name == str(slot_values.get("use", "")).rpartition(":")[2]]
    return any(set(values) <= set(each.cls.Options.model_fields) for each in found)


def _to_mapping(key: str, value: Any) -> dict[str, Any]:
    if isinstance(value, str) and key != "video":
        return {"use": value}
    if isinstance(value, dict) and all(isinstance(name, str) for name in value):
        return value
    raise ConfigError(f"{key}: expected a component's name or a mapping of options, got {value!r}")


def build_schema(plugins: PluginManager) -> dict[str, Any]:
    """Return a JSON Schema of configuration files, with the options of every installed component."""
    slots = {slot: _build_slot_schema(plugins.list_components(slot)) for slot in SLOTS}
    both = [each for each in plugins.list_components("temporal") if "spatial" in each.slots]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "alref configuration",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            **RunOptions.model_json_schema()["properties"],
            "preset": {"enum": list_presets()},
            "replay": {"type": "string", "description": "replay recorded LLM answers from this run folder, trace or store"},
            "video": VideoOptions.model_json_schema(),
            "reasoner": _build_slot_schema(both),
            **slots,
        },
    }


def _build_slot_schema(components: list[RegisteredComponent]) -> dict[str, Any]:
    choices: list[dict[str, Any]] = [{"enum": [each.name for each in components]}]
    for each in components:
        try:
            model = options.build_json_schema(each.cls.Options)
        except ContractError:  # a broken plugin does not affect the others; it can still be chosen by name
            continue
        model["properties"] = {"use": {"const": each.name}, **model.get("properties", {})}
        choices.append(model)
    return {"anyOf": choices}
