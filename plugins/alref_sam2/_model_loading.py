"""Loading a model: from the hub, a folder, or a checkpoint of SAM 2's authors; complete, or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import transformers

from alref.errors import ConfigError
from alref.models.transformers_loading import loading, whole
from alref_sam2 import families
from alref_sam2.families import Kind

if TYPE_CHECKING:
    from alref_sam2 import TrackerOptions


def loaded(kind: Kind, options: TrackerOptions, place: Path, device: str) -> Any:
    """Return the model on ``device``, in evaluation mode. Raises ConfigError or MissingError when it cannot be used."""
    if wrong := families.mismatch(kind, options.model, place) or families.odd_size(kind, options.image_size):
        raise ConfigError(wrong[0])
    with loading(options.model, device, other="-o propagator.model=NAME", kind=kind.name):
        model = _original(options, place) if place.is_file() else _library(kind, options, place)
        model = model.to(device)
    if options.compile:
        model.vision_encoder.compile()
    return model


def _library(kind: Kind, options: TrackerOptions, place: Path) -> Any:
    """Load a folder of the library, every weight of it."""
    config = transformers.AutoConfig.from_pretrained(place, trust_remote_code=False)
    config = sized(getattr(config, "tracker_config", config), options.image_size)
    return whole(getattr(transformers, kind.model), place, config=config)


def _original(options: TrackerOptions, place: Path) -> Any:
    """Load a checkpoint of the authors."""
    from alref_sam2 import _checkpoints

    config, tensors = _checkpoints.read(place)
    model = transformers.Sam2VideoModel(sized(config, options.image_size))
    _checkpoints.fit(model, tensors, place)
    return model.eval()


def sized(config: Any, size: int | None) -> Any:
    """Return a configuration changed to squares of ``size`` pixels; no weight depends on it."""
    if size is None:
        return config
    config.image_size = size
    if config.model_type == families.SAM3_TRACKER.types[0]:
        return config
    config.prompt_encoder_config.image_size = size
    config.vision_config.backbone_config.image_size = [size, size]
    config.vision_config.backbone_feature_sizes = [[size // step, size // step] for step in (4, 8, 16)]
    config.memory_attention_rope_feat_sizes = [size // 16, size // 16]
    return config
