"""Slots that the user leaves open: embedded components, or models as soon as one of the others brings a model."""

from __future__ import annotations

import pytest

from alref.cli import run_command
from alref.config import choose_preset, read_preset, resolve_config
from alref.llm.reasoner import ChatReasoner
from alref.plugins.manager import PluginManager
from alref.plugins.registered import SLOTS
from alref.utils.yaml_files import parse_yaml

PLUGINS = PluginManager()
MODELS = [
    (slot, each.name)
    for slot in SLOTS
    for each in PLUGINS.list_components(slot)
    if each.distribution == "alref" and each.brings_model and (slot, each.name) != ("transcriber", "whisper")
]
EMBEDDED = [
    "unifier verbatim",
    "temporal uniform",
    "spatial top-score",
    "reasoner replay",
    "locator always",
    "transcriber whisper",
]


def used(*arguments: str) -> dict[str, str]:
    """Return the component of each slot for these flags."""
    flags = dict(zip(arguments[::2], arguments[1::2], strict=True))
    config = resolve_config(PLUGINS, [{name.removeprefix("--"): value for name, value in flags.items()}])
    return {slot: choice.use for slot, choice in config.slots.items()}


def test_the_literal_command_takes_grounding_dino_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["config", "--reasoner", "gpt4", "--propagator", "sam2"]) == 0
    printed, told = capsys.readouterr()
    config = parse_yaml(printed, "config")
    assert {slot: config[slot]["use"] for slot in ("temporal", "spatial", "proposer", "propagator")} == {
        "temporal": "gpt4",
        "spatial": "gpt4",
        "proposer": "grounding-dino",
        "propagator": "sam2",
    }
    (line,) = told.splitlines()
    assert "proposer grounding-dino" in line
    assert "--preset baseline" in line
    assert "propagator" not in line


def test_preset_baseline_keeps_the_embedded_components(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["config", "--propagator", "sam2", "--preset", "baseline"]) == 0
    printed, told = capsys.readouterr()
    assert parse_yaml(printed, "config")["proposer"]["use"] == "class-evidence"
    assert not told


@pytest.mark.parametrize(("slot", "name"), MODELS)
def test_every_component_with_weights_or_a_language_model_brings_the_others(slot: str, name: str) -> None:
    standard = used("--propagator", "sam2", "--proposer", "grounding-dino")
    assert used(f"--{slot}", name) == {**standard, slot: name}


@pytest.mark.parametrize("chosen", EMBEDDED)
def test_components_without_a_model_leave_the_others_embedded(chosen: str) -> None:
    slot, name = chosen.split()
    assert choose_preset(PLUGINS, [{slot: name}]) == "baseline"
    assert not resolve_config(PLUGINS, [{slot: name}]).note


def test_no_language_model_is_asked_unless_it_is_chosen() -> None:
    config = resolve_config(PLUGINS, [{"propagator": "sam2"}])
    assert not [choice.use for choice in config.slots.values() if issubclass(choice.component.cls, ChatReasoner)]


def test_an_option_of_an_open_slot_is_one_of_the_model_that_fills_it() -> None:
    config = resolve_config(PLUGINS, [{"propagator": "sam2"}, {"proposer": {"box_threshold": 0.1}}])
    assert config.to_dict()["proposer"]["box_threshold"] == pytest.approx(0.1)


def test_a_configuration_without_open_slots_has_nothing_to_say() -> None:
    standard = {key: value for key, value in read_preset("standard").items() if key != "order"}
    assert resolve_config(PLUGINS, [{"propagator": "sam2"}]).note
    assert not resolve_config(PLUGINS, [standard]).note
