"""Load a model completely, from the hub, a folder, or an original SAM 2 checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import transformers

from alref.models import devices
from alref.models.transformers_loading import load_complete_model, translate_model_errors
from alref_sam2 import families
from alref_sam2.families import ModelFamily

if TYPE_CHECKING:
    from alref_sam2 import Sam2FamilyOptions


def load_model(family: ModelFamily, options: Sam2FamilyOptions, path: Path, device: str, dtype: torch.dtype) -> Any:
    """Return the model on ``device``, in eval mode, with weights in the compute dtype where autocast would convert them.

    Raises ConfigError or MissingError when it cannot be used.
    """
    with translate_model_errors(options.model, device, alternative="-o propagator.model=NAME", expected_kind=family.name):
        model = _load_original_checkpoint(options, path) if path.is_file() else _load_library_folder(family, options, path)
        devices.convert_weights(model, dtype)
        model = model.to(device)
    if options.compile:
        model.vision_encoder.compile(mode="reduce-overhead" if device == "cuda" else None)
    return model


def _load_library_folder(family: ModelFamily, options: Sam2FamilyOptions, path: Path) -> Any:
    """Load all weights of a folder in transformers format."""
    config = transformers.AutoConfig.from_pretrained(path, trust_remote_code=False)
    config = resize_config(getattr(config, "tracker_config", config), options.image_size)
    return load_complete_model(getattr(transformers, family.model_class), path, config=config)


def _load_original_checkpoint(options: Sam2FamilyOptions, path: Path) -> Any:
    """Load an original checkpoint."""
    from alref_sam2 import _checkpoints

    config, tensors = _checkpoints.read_checkpoint(path)
    model = transformers.Sam2VideoModel(resize_config(config, options.image_size))
    _checkpoints.load_tensors(model, tensors, path)
    return model.eval()


def resize_config(config: Any, size: int | None) -> Any:
    """Return a configuration for square images of ``size`` pixels; the weights do not depend on it."""
    if size is None:
        return config
    config.image_size = size
    if config.model_type == families.SAM3_TRACKER.model_types[0]:
        return config
    config.prompt_encoder_config.image_size = size
    config.vision_config.backbone_config.image_size = [size, size]
    config.vision_config.backbone_feature_sizes = [[size // step, size // step] for step in (4, 8, 16)]
    config.memory_attention_rope_feat_sizes = [size // 16, size // 16]
    return config
