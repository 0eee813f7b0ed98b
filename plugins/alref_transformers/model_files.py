"""Which files make a local model, and its full name. No heavy library is loaded here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from alref.models.weights import Weights

if TYPE_CHECKING:
    from alref_transformers import TransformersOptions

PROCESSOR_FILES = "preprocessor_config.json|processor_config.json"
TOKENIZER_FILES = "tokenizer.json|tokenizer_config.json|tokenizer.model|vocab.json|tekken.json"


def describe_weights(options: TransformersOptions) -> Weights:
    """Return the model's files: its configuration, weights and tokenizer, and a processor where it sees pictures."""
    files = ("config.json", "model.safetensors", TOKENIZER_FILES)
    found = Weights(options.model, revision=options.revision, files=files)
    place = found.find_complete_path()
    if place is None or not _has_vision_config(place):
        return found
    return Weights(options.model, revision=options.revision, files=(*files, PROCESSOR_FILES))


def get_full_name(options: TransformersOptions) -> str:
    """Return the model's name with the commit that the cache holds of it, or its folder."""
    place = describe_weights(options).find_complete_path()
    if place is None or place == Path(options.model).expanduser():
        return options.model
    return f"{options.model}@{place.name}"


def _has_vision_config(folder: Path) -> bool:
    try:
        return "vision_config" in json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except ValueError:
        return False
