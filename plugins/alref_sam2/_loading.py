"""Loading a model: from the hub, a folder, or a checkpoint of SAM 2's authors; complete, or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import transformers
from safetensors import SafetensorError
from transformers.utils import logging

from alref import devices
from alref.errors import ConfigError, MissingError
from alref_sam2 import kinds
from alref_sam2.kinds import Kind

if TYPE_CHECKING:
    from alref_sam2 import TrackerOptions

FAULTS = (OSError, ValueError, ImportError, AttributeError, KeyError, RuntimeError, SafetensorError)
"""What the library raises for a model that it cannot load."""


def loaded(kind: Kind, options: TrackerOptions, place: Path, device: str) -> Any:
    """Return the model on ``device``, in evaluation mode. Raises ConfigError or MissingError when it cannot be used."""
    if wrong := kinds.mismatch(kind, options.model, place) or kinds.odd_size(kind, options.image_size):
        raise ConfigError(wrong[0])
    try:
        with _quiet():
            read = _original if place.is_file() else partial(_library, kind)
            model = read(options, place).to(device).eval()
    except FAULTS as error:
        if devices.out_of_memory(error):
            raise MissingError(f"{options.model} does not fit into the memory: a smaller model, or --device cpu") from None
        said = " ".join(str(error).split())[:300]
        raise ConfigError(f"{options.model} cannot be loaded as {kind.name} ({said}): another model") from None
    if options.compile:
        model.vision_encoder.compile()
    return model


def _library(kind: Kind, options: TrackerOptions, place: Path) -> Any:
    """Load a folder of the library, every weight of it."""
    config = transformers.AutoConfig.from_pretrained(place)
    config = sized(getattr(config, "tracker_config", config), options.image_size)
    loader: Any = getattr(transformers, kind.model)
    settings = {"config": config, "dtype": torch.float32, "use_safetensors": True, "output_loading_info": True}
    model, report = loader.from_pretrained(place, ignore_mismatched_sizes=True, **settings)
    missing, other = sorted(report["missing_keys"]), sorted(key for key, *_ in report["mismatched_keys"])
    if missing:
        raise ConfigError(f"{options.model} lacks {len(missing)} of its weights, for example {missing[0]}: another model")
    if other:
        raise ConfigError(
            f"{len(other)} of the weights of {options.model} are of another size than its config.json says, for example"
            f" {other[0]}: another model"
        )
    return model


def _original(options: TrackerOptions, place: Path) -> Any:
    """Load a checkpoint of the authors."""
    from alref_sam2 import _checkpoints

    config, tensors = _checkpoints.read(place)
    model = transformers.Sam2VideoModel(sized(config, options.image_size))
    _checkpoints.fit(model, tensors, place)
    return model


def sized(config: Any, size: int | None) -> Any:
    """Return a configuration changed to squares of ``size`` pixels; no weight depends on it."""
    if size is None:
        return config
    config.image_size = size
    if config.model_type == kinds.SAM3_TRACKER.types[0]:
        return config
    config.prompt_encoder_config.image_size = size
    config.vision_config.backbone_config.image_size = [size, size]
    config.vision_config.backbone_feature_sizes = [[size // step, size // step] for step in (4, 8, 16)]
    config.memory_attention_rope_feat_sizes = [size // 16, size // 16]
    return config


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
