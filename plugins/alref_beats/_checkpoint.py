"""Read the published checkpoints: configuration, weights and output classes."""

from __future__ import annotations

from pathlib import Path
from pickle import UnpicklingError
from typing import Any
from zipfile import is_zipfile

import torch
from pydantic import ValidationError

from alref import ConfigError, MissingError
from alref.audio import audioset
from alref.errors import sanitize_line
from alref.utils.text import format_validation_error
from alref_beats._network import BeatsConfig, BeatsNetwork

EXPECTED = "a BEATs checkpoint fine-tuned on AudioSet"


def read_checkpoint(path: Path) -> tuple[BeatsConfig, dict[str, torch.Tensor], list[str]]:
    """Return the configuration, the weights by name and the machine id of each output; tensors are read on use.

    Raises MissingError if the file cannot be read, ConfigError if it is not a checkpoint of a fine-tuned BEATs.
    """
    found = _load_file(path)
    if not isinstance(found, dict) or not {"cfg", "model"} <= found.keys():
        raise ConfigError(f"{path}: expected {EXPECTED}, got a file without 'cfg' and 'model'")
    try:
        config = BeatsConfig.model_validate(found["cfg"])
    except ValidationError as error:
        raise ConfigError(f"{path}: its network is of another kind than BEATs: {format_validation_error(error)}") from None
    if not config.finetuned_model:
        raise ConfigError(f"{path}: is pre-trained only and names no sounds; take the one fine-tuned on AudioSet")
    return config, found["model"], _read_labels(path, found.get("label_dict"), config.predictor_class)


def load_network(path: Path) -> tuple[BeatsNetwork, list[str]]:
    """Return the network with its weights, and the machine ids of its outputs, in the order of the AudioSet classes.

    Raises MissingError or ConfigError.
    """
    config, weights, labels = read_checkpoint(path)
    indices = {label: index for index, label in enumerate(audioset.load_class_names())}  # unknown labels come last
    order = sorted(range(len(labels)), key=lambda output: (indices.get(labels[output], len(indices)), labels[output]))
    made = BeatsNetwork(config)
    try:
        made.load_state_dict(weights)
    except (RuntimeError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"{path}: its weights do not fit its own description: {sanitize_line(str(error), 200) or type(error).__name__}"
        ) from None
    made.predictor.weight.data = made.predictor.weight.data[order]
    made.predictor.bias.data = made.predictor.bias.data[order]
    return made.eval(), [labels[output] for output in order]


def _load_file(path: Path) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True, mmap=is_zipfile(path))
    except (OSError, RuntimeError, EOFError, KeyError, ValueError, UnpicklingError) as error:
        reason = sanitize_line(str(error), 200) or type(error).__name__
        raise MissingError(f"{path}: cannot be read as {EXPECTED} ({reason}); download it again") from None


def _read_labels(path: Path, found: Any, count: int) -> list[str]:
    """Return the machine id of each output in order."""
    labels = found if isinstance(found, dict) else {}
    if set(labels) != set(range(count)):
        raise ConfigError(f"{path}: expected 'label_dict' with names of {count} outputs, got {len(labels)}; take {EXPECTED}")
    return [str(labels[output]) for output in range(count)]
