"""The three model families: model types, image normalization and valid image sizes."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from alref import Problem
from alref.errors import sanitize_line
from alref.models.model_types import read_config

Normalization = tuple[tuple[float, ...], tuple[float, ...]]
IMAGENET_NORMALIZATION: Normalization = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
HALF_NORMALIZATION: Normalization = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


@dataclass(frozen=True)
class ModelFamily:
    """A family: the component's ``name``, the transformers class, its model types (the first is its own), mean and standard
    deviation of images, and the number that ``image_size`` must be a multiple of.
    """  # noqa: D205

    name: str
    model_class: str
    model_types: tuple[str, ...]
    normalization: Normalization
    size_multiple: int


SAM2 = ModelFamily("sam2", "Sam2VideoModel", ("sam2_video",), IMAGENET_NORMALIZATION, 32)
EDGETAM = ModelFamily("edgetam", "EdgeTamVideoModel", ("edgetam_video",), IMAGENET_NORMALIZATION, 32)
SAM3_TRACKER = ModelFamily(
    "sam3-tracker", "Sam3TrackerVideoModel", ("sam3_tracker_video", "sam3_video"), HALF_NORMALIZATION, 14
)
FAMILIES = (SAM2, EDGETAM, SAM3_TRACKER)


def suggest_propagator(folder: Path | None) -> str:
    """Return the flag that chooses the component for the model in a folder; empty when no component takes it."""
    model_type = read_config(folder).get("model_type")
    return next((f"--propagator {family.name}" for family in FAMILIES if model_type in family.model_types), "")


def check_image_size(family: ModelFamily, image_size: int | None) -> list[Problem]:
    """Return a problem when images of ``image_size`` cannot be encoded."""
    if image_size is None or image_size % family.size_multiple == 0:
        return []
    step = family.size_multiple
    near = max(round(image_size / step), 1) * step
    message = f"expected a multiple of {step} for {family.name}, got {image_size}"
    return [Problem(option="image_size", message=message, value=str(near))]


def check_timm(path: Path | None) -> list[Problem]:
    """Return a problem if timm, which has the backbone of EdgeTAM, cannot be imported; without ``path`` timm is needed.

    A model with a backbone from transformers does not need timm.
    """
    vision = read_config(path).get("vision_config")
    backbone = vision.get("backbone_config") if isinstance(vision, dict) else None
    if isinstance(backbone, dict) and backbone.get("model_type") != "timm_wrapper":
        return []
    try:
        import_module("timm")
    except (ImportError, OSError, RuntimeError) as error:
        reason = sanitize_line(str(error), 120)
        message = f"the RepViT backbone of EdgeTAM is in timm, which needs torchvision ({reason})"
        hint = "pip install timm torchvision, of the build that fits this torch (https://pytorch.org/get-started/locally)"
        return [Problem(message=message, hint=f"{hint}, or --propagator sam2")]
    return []
