"""Check that a model is of a type that a component supports: the ``model_type`` in its ``config.json``."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from alref.errors import MissingError, Problem
from alref.models import hub
from alref.models.weights import Weights

CONFIG_FILE = "config.json"


def read_config(folder: Path | None) -> dict[str, Any]:
    """Return the content of ``config.json`` in a folder; empty when there is none or it cannot be read."""
    try:
        config = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8")) if folder else {}
    except (OSError, ValueError):
        return {}
    return config if isinstance(config, dict) else {}


def read_model_type(folder: Path | None) -> str:
    """Return the type of the model in a folder; ``unknown`` when there is none or it cannot be read."""
    return str(read_config(folder).get("model_type", "unknown"))


def fetch_model_type(weights: Weights) -> str:
    """Return the type of a model; if it is not on this machine, only ``config.json`` is fetched. Raises MissingError."""
    path = weights.find_complete_path()
    if path is None:
        hub.download_files(weights.model, weights.revision, [CONFIG_FILE])
        path = hub.find_snapshot(weights.model, weights.revision, [CONFIG_FILE])
    return read_model_type(path)


def check_model_type(weights: Weights, component: str, model_types: Collection[str]) -> list[Problem]:
    """Return a problem when a model is of a type that is not in ``model_types``; weights without ``config.json`` have none."""
    if CONFIG_FILE not in weights.files:
        return []
    try:
        found = fetch_model_type(weights)
    except MissingError as error:
        return error.problems
    if found in model_types:
        return []
    message = f"{weights.model} is a model of type {found}, and {component} runs {' or '.join(model_types)}"
    return [Problem(option=weights.option, message=message, value="NAME")]
