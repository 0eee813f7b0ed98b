"""What is known of the models: their files, sizes and licenses, and whether one is of the kind that a component runs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from alref.errors import MissingError, Problem
from alref.models import hub
from alref.models.weights import Weights

LICENSE = "Apache-2.0"
SIZES: dict[str, int | None] = {
    "IDEA-Research/grounding-dino-tiny": 689_000_000,
    "IDEA-Research/grounding-dino-base": 933_000_000,
    "openmmlab-community/mm_grounding_dino_tiny_o365v1_goldg_grit_v3det": None,
    "iSEE-Laboratory/llmdet_tiny": None,
    "google/owlv2-base-patch16-ensemble": 620_000_000,
}
"""Bytes, as the hub rounds them, of models under the Apache license; None where only the hub knows."""
CONFIG_FILES = ("config.json",)
PROCESSOR_FILES = "preprocessor_config.json|processor_config.json"


def describe_weights(model: str, revision: str | None, tokenizer: str) -> Weights:
    """Describe a model on the hub or in a folder."""
    return Weights(
        model=model,
        revision=revision,
        files=(*CONFIG_FILES, "model.safetensors", tokenizer, PROCESSOR_FILES),
        size=SIZES.get(model),
        license=LICENSE if model in SIZES else "",
    )


def find_model_type_problems(model: Weights, component: str, model_types: Sequence[str]) -> list[Problem]:
    """Say in one line that a model is of no kind that the component runs."""
    try:
        kind = _read_model_type(model)
    except MissingError as error:
        return error.problems
    if kind in model_types:
        return []
    message = f"{model.model} is of the kind {kind or 'unknown'}, and {component} runs {' and '.join(model_types)}"
    return [Problem(option="model", message=message, value="NAME")]


def _read_model_type(model: Weights) -> str:
    """Return a model's kind, as its configuration says, which is fetched where it is not here; nothing when it says none."""
    place = model.find_complete_path()
    if place is None:
        hub.download_files(model.model, model.revision, CONFIG_FILES)
        place = hub.find_snapshot(model.model, model.revision, CONFIG_FILES)
    try:
        said = json.loads((Path(place or "") / CONFIG_FILES[0]).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    return str(said.get("model_type", "")) if isinstance(said, dict) else ""
