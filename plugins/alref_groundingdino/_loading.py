"""Loading a detector from a folder, whole or not at all."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from transformers import AutoModelForZeroShotObjectDetection, AutoTokenizer
from transformers.utils import logging

from alref import devices
from alref.errors import ConfigError, MissingError
from alref_groundingdino import DetectorOptions, GroundingOptions
from alref_groundingdino._grounding import Grounding
from alref_groundingdino._owl import Owl
from alref_groundingdino.asking import Detector
from alref_groundingdino.pictures import look

FAULTS = (OSError, ValueError, KeyError, ImportError, AttributeError, RuntimeError, StrictDataclassError, SafetensorError)
"""What the library raises for a folder that it cannot load."""


def load(folder: Path, options: DetectorOptions, device: str) -> Detector:
    """Load the model of a folder onto a device. Raises ConfigError or MissingError when it is not whole or does not fit."""
    place = devices.chosen(device)
    prepared = look(folder)
    try:
        with _quiet():
            tokenizer = AutoTokenizer.from_pretrained(folder)
            model = _model(folder)
            model = model.to(place).eval().requires_grad_(False)
    except FAULTS as error:
        raise _unloaded(error, folder, place) from None
    dtype = devices.dtype(options.dtype, place)
    if isinstance(options, GroundingOptions):
        return Grounding(model, tokenizer, prepared, options, dtype)
    return Owl(model, tokenizer, prepared, dtype)


def _model(folder: Path) -> Any:
    """Load configuration and weights. Raises ConfigError when they do not belong together."""
    model, report = AutoModelForZeroShotObjectDetection.from_pretrained(
        folder, dtype=torch.float32, use_safetensors=True, ignore_mismatched_sizes=True, output_loading_info=True
    )
    described = {_place(name) for name in model.state_dict()}
    wrong = {
        "missing": report["missing_keys"],
        "of another size": [each[0] for each in report["mismatched_keys"]],
        "more than it describes": [name for name in report["unexpected_keys"] if _place(name) in described],
    }
    for what, names in wrong.items():
        if names:
            first = min(names)
            raise ConfigError(
                f"the weights in {folder} are not those of its config.json: {len(names)} {what}, for example {first};"
                " take both from one model"
            )
    return model


def _place(name: str) -> str:
    """Return the name of a weight without the numbers of its layers."""
    return re.sub(r"\d+", "#", name)


def _unloaded(error: Exception, folder: Path, place: str) -> MissingError:
    if devices.out_of_memory(error):
        return MissingError(f"{folder} does not fit into the memory of {place}: a smaller proposer.model, or --device cpu")
    said = " ".join(str(error).split())[:300]
    return MissingError(f"{folder} cannot be loaded ({said}): get the whole model again, or -o proposer.model=NAME")


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the library's remarks and bars off the screen while a model is loaded."""
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
