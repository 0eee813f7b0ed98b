"""Languages of a Whisper model. No heavy library is imported."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alref import Problem
from alref.errors import suggest_names

if TYPE_CHECKING:
    from alref_whisper import WhisperOptions


def find_language_problems(options: WhisperOptions, folder: Path | None) -> list[Problem]:
    """Return a problem if the model in ``folder`` does not support the language; none if the model is not local."""
    known = list_languages(folder) if folder else []
    if not known or options.language is None or get_language_code(options.language) in known:
        return []
    if known == ["en"]:
        message = f"{options.model} knows English only, not {options.language!r}"
        return [Problem(option="model", message=message, value="openai/whisper-small")]
    names = [name for name, code in _load_language_codes().items() if code in known]
    nearest = suggest_names(options.language.lower(), [*names, *known])
    message = f"{options.model} does not know the language {options.language!r}{nearest}; it knows {', '.join(known)}"
    return [Problem(option="language", message=message, value="LANGUAGE")]


def list_languages(folder: Path) -> list[str]:
    """List the language codes in the files of a model; only English if they name none."""
    values = _read_json(folder / "generation_config.json").get("lang_to_id") or {"<|en|>": 0}
    return sorted(token.strip("<|>") for token in values)


def get_language_code(language: str) -> str:
    """Return the code of a language, given its code or English name."""
    given = language.strip().lower()
    return _load_language_codes().get(given, given)


def _load_language_codes() -> dict[str, str]:
    """Return the language codes by English name."""
    from transformers.models.whisper.tokenization_whisper import TO_LANGUAGE_CODE

    codes: dict[str, str] = TO_LANGUAGE_CODE
    return codes


def _read_json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}
