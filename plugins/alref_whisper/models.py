"""Which files make a Whisper model, and which languages it knows. No heavy library is loaded here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alref.errors import Problem, suggest_names
from alref.models.weights import Weights

if TYPE_CHECKING:
    from alref_whisper import WhisperOptions

FILES = (
    "config.json",
    "model.safetensors",
    "generation_config.json",
    "preprocessor_config.json|processor_config.json",
    "tokenizer.json|vocab.json",
)


def describe_weights(options: WhisperOptions) -> Weights:
    """Describe the model on the hub or in a folder."""
    return Weights(model=options.model, revision=options.revision, files=FILES)


def find_problems(options: WhisperOptions) -> list[Problem]:
    """Return a problem when the model is not a Whisper model, or lacks the language; nothing while it is not here."""
    folder = describe_weights(options).find_complete_path()
    if folder is None:
        return []
    kind = _read_json(folder / "config.json").get("model_type")
    if kind != "whisper":
        message = f"{options.model} is of the kind {kind or 'unknown'}, not whisper"
        return [Problem(option="model", message=message, value="openai/whisper-small")]
    known = list_languages(folder)
    if options.language is None or get_language_code(options.language) in known:
        return []
    if known == ["en"]:
        message = f"{options.model} knows English only, not {options.language!r}"
        return [Problem(option="model", message=message, value="openai/whisper-small")]
    names = [name for name, each in _load_language_codes().items() if each in known]
    nearest = suggest_names(options.language.lower(), [*names, *known])
    message = f"{options.model} does not know the language {options.language!r}{nearest}; it knows {', '.join(known)}"
    return [Problem(option="language", message=message, value="LANGUAGE")]


def list_languages(folder: Path) -> list[str]:
    """List the codes of the languages that a model knows, as its files say; English alone where they name none."""
    said = _read_json(folder / "generation_config.json").get("lang_to_id") or {"<|en|>": 0}
    return sorted(token.strip("<|>") for token in said)


def get_language_code(language: str) -> str:
    """Return the code of a language that is given by its code or its English name."""
    given = language.strip().lower()
    return _load_language_codes().get(given, given)


def _load_language_codes() -> dict[str, str]:
    """Return the code of each language by its English names."""
    from transformers.models.whisper.tokenization_whisper import TO_LANGUAGE_CODE

    codes: dict[str, str] = TO_LANGUAGE_CODE
    return codes


def _read_json(path: Path) -> dict[str, Any]:
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}
