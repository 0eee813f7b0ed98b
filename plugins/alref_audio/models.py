"""Which files make a model that listens, and of what kind it is. No heavy library is loaded here."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from alref.errors import Problem
from alref.models.weights import Weights

if TYPE_CHECKING:
    from alref_audio import AudioModelOptions

CONFIG_FILE, PROCESSOR_FILES = "config.json", "preprocessor_config.json|processor_config.json"


def describe_weights(options: AudioModelOptions, files: tuple[str, ...]) -> Weights:
    """Describe the model on the hub or in a folder."""
    return Weights(model=options.model, revision=options.revision, files=(CONFIG_FILE, PROCESSOR_FILES, *files))


def find_model_type_problems(model: Weights, component: str, model_type: str) -> list[Problem]:
    """Say in one line that a model is not of the kind that the component runs; nothing while it is not here."""
    place = model.find_complete_path()
    if place is None:
        return []
    try:
        said = json.loads((place / CONFIG_FILE).read_text(encoding="utf-8"))["model_type"]
    except (OSError, ValueError, KeyError, TypeError):
        said = "unknown"
    message = f"{model.model} is of the kind {said}, and {component} runs {model_type}"
    return [] if said == model_type else [Problem(option="model", message=message, value="NAME")]
