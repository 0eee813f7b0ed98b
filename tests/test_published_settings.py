"""Every number of the published system, for each of its seven settings, as the presets resolve on a CUDA device."""

from __future__ import annotations

import json
from typing import Any

import pytest

pytest.importorskip("torch")

import torch

from alref.cli import run_command
from alref.config import Configuration, resolve_config
from alref.models import devices
from alref.plugins.manager import PluginManager

TURBO, OMNI = "gpt-4-turbo-2024-04-09", "gpt-4o-2024-05-13"
GPT = {"prompts": "paper", "layout": "paper", "sampler": "paper", "unreadable": "paper", "pivot": "chosen"}
GPT |= {"temperature": 1.0, "seed": None, "max_tokens": None, "ask_single": None}
SPATIAL = {**GPT, "max_candidates": 3}
DINO = {"box_threshold": 0.25, "top_k": 3, "nms_threshold": None, "min_size": 0.0, "max_size": None, "dtype": "float32"}
SAM2 = {
    "model": "facebook/sam2-hiera-large",
    "prompt": "mask",
    "mask_resize": "bilinear",
    "image_size": None,
    "resize": "bicubic",
    "dtype": "float32",
}
SAM2 |= {"fill_holes": 8, "remove_sprinkles": 0, "gate": None, "memory": "recent", "proposal_masks": False}
TAGS = {"top_k": 5, "threshold": 0.0, "window": 100.0, "hop": 100.0, "relative_threshold": None, "dtype": "float32"}
GATE = {"use": "languagebind", "mode": "subsets", "segments": "similarity", "seconds": 1.0, "dtype": "float32"}
TWO = {"use": "beats", "checkpoints": ["as2m", "as20k"], **TAGS}
EXPRESSIONS = {
    "fallback": "first-frame",
    "temporal": {**GPT, "model": TURBO, "detail": "auto"},
    "spatial": {**SPATIAL, "model": OMNI, "detail": "high"},
    "proposer": {**DINO, "prompt": "expression", "text_threshold": 0.2, "fallback_threshold": 0.001},
}


def of_sounds(**changes: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of a sound, with the changes of one slot each."""
    turbo = {"model": TURBO, "detail": "auto", "vocabulary": "avsbench"}
    plain = {
        "fallback": "none",
        "tagger": TWO,
        "locator": {**GATE, "separator": ", "},
        "temporal": {**GPT, **turbo, "one_source": False},
        "spatial": {**SPATIAL, **turbo},
        "proposer": {**DINO, "prompt": "category", "text_threshold": 0.25},
    }
    return {slot: {**plain[slot], **changes[slot]} if slot in changes else values for slot, values in plain.items()}


PUBLISHED: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "Ref-YouTube-VOS": ("paper-rvos", {}, EXPRESSIONS),
    "MeViS": ("paper-rvos", {}, EXPRESSIONS),
    "Ref-DAVIS17": (
        "paper-rvos",
        {"proposer": {"fallback_threshold": 0.1}, "propagator": {"logits": True}},
        {
            **EXPRESSIONS,
            "proposer": {**EXPRESSIONS["proposer"], "fallback_threshold": 0.1},
            "propagator": {**SAM2, "logits": True},
        },
    ),
    "S4": (
        "paper-s4",
        {},
        of_sounds(tagger={"checkpoints": ["as2m"]}, temporal={"one_source": True}) | {"locator": {"use": "always"}},
    ),
    "MS3": ("paper-ms3", {}, of_sounds()),
    "AVSS": ("paper-avss", {}, of_sounds(locator={"separator": "; "}, spatial={"model": OMNI, "detail": "high"})),
    "V2-Binary": ("paper-v2", {}, of_sounds()),
}
MODELS = {"temporal": "gpt4", "spatial": "gpt4", "proposer": "grounding-dino", "propagator": "sam2", "unifier": "verbatim"}


def resolve(setting: str) -> Configuration:
    preset, flags, _ = PUBLISHED[setting]
    return resolve_config(PluginManager(), [flags], preset)


@pytest.mark.parametrize("setting", PUBLISHED)
def test_every_number_is_the_published_one(setting: str) -> None:
    _, _, published = PUBLISHED[setting]
    found = resolve(setting).to_dict()
    assert {slot: found[slot]["use"] for slot in MODELS} == MODELS
    for slot, expected in {"propagator": SAM2, **published}.items():
        assert (found[slot] if isinstance(expected, str) else {name: found[slot][name] for name in expected}) == expected


@pytest.mark.parametrize("setting", PUBLISHED)
def test_every_network_computes_in_float32_on_cuda(setting: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: True)
    used = {slot: choice.options for slot, choice in resolve(setting).slots.items() if slot != "transcriber"}
    asked = {slot: options.dtype for slot, options in used.items() if hasattr(options, "dtype")}
    assert {"proposer", "propagator"} <= asked.keys()
    assert {devices.resolve_dtype(dtype, "cuda") for dtype in asked.values()} == {torch.float32}
    assert devices.resolve_dtype("auto", "cuda") == torch.bfloat16


def test_pull_with_sound_fetches_nothing_more_for_expressions(capsys: pytest.CaptureFixture[str]) -> None:
    def listed(*flags: str) -> list[str]:
        assert run_command(["models", "--preset", "paper-rvos", "--json", *flags]) == 0
        return [row["model"] for row in json.loads(capsys.readouterr().out)]

    assert listed("--sound") == listed() == ["IDEA-Research/grounding-dino-base", "facebook/sam2-hiera-large"]
