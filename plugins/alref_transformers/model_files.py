"""Files and full name of a local model. No heavy library is imported."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from alref import Weights
from alref.models.model_types import read_config

if TYPE_CHECKING:
    from alref_transformers import TransformersOptions

PROCESSOR_FILES = "preprocessor_config.json|processor_config.json"
TOKENIZER_FILES = "tokenizer.json|tokenizer_config.json|tokenizer.model|vocab.json|tekken.json"


def describe_weights(options: TransformersOptions) -> Weights:
    """Return the model files: configuration, weights and tokenizer, and a processor if the model accepts images."""
    files = ("config.json", "model.safetensors", TOKENIZER_FILES)
    found = Weights(options.model, revision=options.revision, files=files)
    place = found.find_complete_path()
    if place is None or "vision_config" not in read_config(place):
        return found
    return Weights(options.model, revision=options.revision, files=(*files, PROCESSOR_FILES))


def get_full_name(options: TransformersOptions) -> str:
    """Return the name of the model with its cached commit, or its folder."""
    place = describe_weights(options).find_complete_path()
    if place is None or place == Path(options.model).expanduser():
        return options.model
    return f"{options.model}@{place.name}"
