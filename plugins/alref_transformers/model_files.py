"""Which files make a local model, and its full name. No heavy library is loaded here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from alref.models.weights import Weights

if TYPE_CHECKING:
    from alref_transformers import TransformersOptions

PROCESSORS = "preprocessor_config.json|processor_config.json"
TOKENIZERS = "tokenizer.json|tokenizer_config.json|tokenizer.model|vocab.json|tekken.json"


def weights(options: TransformersOptions) -> Weights:
    """Return the model's files: its configuration, weights and tokenizer, and a processor where it sees pictures."""
    files = ("config.json", "model.safetensors", TOKENIZERS)
    found = Weights(options.model, revision=options.revision, files=files)
    place = found.place()
    if place is None or not _shows_pictures(place):
        return found
    return Weights(options.model, revision=options.revision, files=(*files, PROCESSORS))


def full_name(options: TransformersOptions) -> str:
    """Return the model's name with the commit that the cache holds of it, or its folder."""
    place = weights(options).place()
    if place is None or place == Path(options.model).expanduser():
        return options.model
    return f"{options.model}@{place.name}"


def _shows_pictures(place: Path) -> bool:
    try:
        return "vision_config" in json.loads((place / "config.json").read_text(encoding="utf-8"))
    except ValueError:
        return False
