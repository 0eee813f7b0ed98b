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


def check_model_type(weights: Weights, component: str, model_types: Collection[str]) -> list[Problem]:
    """Return a problem when a model is of a type that is not in ``model_types``.

    If the weights are not on this machine, only ``config.json`` is fetched. Weights without that file have no type.
    """
    if CONFIG_FILE not in weights.files:
        return []
    try:
        path = weights.find_complete_path()
        if path is None:
            hub.download_files(weights.model, weights.revision, [CONFIG_FILE])
            path = hub.find_snapshot(weights.model, weights.revision, [CONFIG_FILE])
        found = read_config(path).get("model_type", "unknown")
    except MissingError as error:
        return error.problems
    if found in model_types:
        return []
    message = f"{weights.model} is a model of type {found}, and {component} runs {' or '.join(model_types)}"
    return [Problem(option=weights.option, message=message, value="NAME")]
