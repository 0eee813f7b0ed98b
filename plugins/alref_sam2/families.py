"""The three families of models: what their configurations are called, how pictures are normalised, which sizes they take."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

Statistics = tuple[tuple[float, ...], tuple[float, ...]]
IMAGENET: Statistics = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
HALF: Statistics = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


@dataclass(frozen=True)
class Kind:
    """A family: the component's ``name``, the class of the library, the types of its configurations (the first is its own),
    mean and deviation of pictures, and the number that ``image_size`` is a multiple of.
    """  # noqa: D205

    name: str
    model: str
    types: tuple[str, ...]
    statistics: Statistics
    step: int


SAM2 = Kind("sam2", "Sam2VideoModel", ("sam2_video",), IMAGENET, 32)
EDGETAM = Kind("edgetam", "EdgeTamVideoModel", ("edgetam_video",), IMAGENET, 32)
SAM3_TRACKER = Kind("sam3-tracker", "Sam3TrackerVideoModel", ("sam3_tracker_video", "sam3_video"), HALF, 14)
KINDS = (SAM2, EDGETAM, SAM3_TRACKER)


def configured(place: Path | None) -> dict[str, object]:
    """Return what ``config.json`` of a folder says, nothing where there is none or it cannot be read."""
    if place is None or not (place / "config.json").is_file():
        return {}
    try:
        found = json.loads((place / "config.json").read_text(encoding="utf-8"))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def mismatch(kind: Kind, model: str, place: Path | None) -> list[str]:
    """Say in one line that a folder holds a model of another family, and which component takes it."""
    given = configured(place).get("model_type")
    if given is None or given in kind.types:
        return []
    way_out = next((f"--propagator {each.name}" for each in KINDS if given in each.types), "another model")
    return [f"{model} is a {given}, and {kind.name} takes {kind.types[0]}: {way_out}"]


def odd_size(kind: Kind, image_size: int | None) -> list[str]:
    """Say in one line that pictures of ``image_size`` cannot be encoded."""
    if image_size is None or image_size % kind.step == 0:
        return []
    near = max(round(image_size / kind.step), 1) * kind.step
    return [f"image_size of {kind.name} is a multiple of {kind.step}, got {image_size}: -o propagator.image_size={near}"]


def lacks_compiler(device: str) -> list[str]:
    """Say in one line that nothing can be compiled for the processor here."""
    if device != "cpu" or any(map(shutil.which, ("g++", "clang++", "c++"))):
        return []
    return ["compiling for the processor needs a C++ compiler: install g++, or leave out -o propagator.compile"]


def lacks_timm(place: Path | None) -> list[str]:
    """Say in one line that the backbone of EdgeTAM, which comes from timm, cannot be made here; None: not known yet, so it is.

    A model whose backbone is of the library itself needs no timm.
    """
    vision = configured(place).get("vision_config")
    backbone = vision.get("backbone_config") if isinstance(vision, dict) else None
    if isinstance(backbone, dict) and backbone.get("model_type") != "timm_wrapper":
        return []
    try:
        import_module("timm")
    except (ImportError, OSError, RuntimeError) as error:
        said = " ".join(str(error).split())[:120]
        return [
            f"the RepViT backbone of EdgeTAM is in timm, which needs torchvision ({said}): pip install timm torchvision, of"
            " the build that fits this torch (https://pytorch.org/get-started/locally), or --propagator sam2"
        ]
    return []
