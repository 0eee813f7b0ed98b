"""Propagators based on SAM 2, EdgeTAM and the tracker of SAM 3, with transformers or the original package."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from alref import HubModelName, HubModelOptions, ModelStage, Propagator, PropagatorOptions, hookimpl
from alref.models import devices
from alref_sam2 import families

if TYPE_CHECKING:
    from collections.abc import Iterator

    from alref import FrameMasks, PivotBox, Problem, Video, Weights
    from alref_sam2._original import OriginalPredictor
    from alref_sam2._runtime import Sam2VideoRunner


class Sam2FamilyOptions(PropagatorOptions, HubModelOptions):
    """Options of all three components."""

    prompt: Literal["mask", "box"] = Field(
        "mask",
        description="start from the mask that the image model predicts for the box, as published, or from the box itself",
    )
    mask_resize: Literal["bicubic", "bilinear"] | None = Field(
        None,
        description="resize filter of the image from which that mask is predicted, which is then encoded for itself: bilinear"
        " as published (default: the same image)",
    )
    image_size: int | None = Field(
        None, ge=32, le=4096, description="side in pixels of the square input image (default: that of the model)"
    )
    resize: Literal["bicubic", "bilinear"] = Field(
        "bicubic", description="resize filter: bicubic as in the original code, or bilinear as in transformers"
    )
    compile: bool = Field(
        False, description="compile the encoder first, which can take minutes; needs triton on CUDA, a C++ compiler on CPU"
    )
    feature_memory: int = Field(
        2048, ge=0, description="cache size for frame features in MiB, used if objects start on different frames"
    )
    gate: float | None = Field(
        None, ge=0, le=1, description="empty masks with a score below this; the model itself empties those below 0.5"
    )
    memory: Literal["recent", "selected"] = Field(
        "recent", description="read memories of the most recent frames, or only reliable ones that match the motion"
    )
    logits: bool = Field(
        False, description="also give mask logits at low resolution, by which Ref-DAVIS17 merges objects as published"
    )
    fill_holes: int = Field(
        0, ge=0, le=1024, description="fill holes of at most this many pixels of the model's mask; 8 as published"
    )
    remove_sprinkles: int = Field(
        0, ge=0, le=1024, description="remove components of at most this many pixels of the model's mask"
    )


class Sam2Options(Sam2FamilyOptions):
    """Options of sam2."""

    model: str = Field(
        "facebook/sam2.1-hiera-small",
        min_length=1,
        description="Hugging Face model id, local folder, or original checkpoint (.pt)",
    )
    backend: Literal["transformers", "original"] = Field(
        "transformers", description="transformers, or the original sam2 package"
    )


class EdgeTamOptions(Sam2FamilyOptions):
    """Options of edgetam."""

    model: HubModelName = "yonigozlan/EdgeTAM-hf"


class Sam3TrackerOptions(Sam2FamilyOptions):
    """Options of sam3-tracker."""

    model: HubModelName = "facebook/sam3"


class Sam2FamilyPropagator(ModelStage["Sam2VideoRunner | OriginalPredictor"], Propagator):
    """Base class: propagates all objects of a video in one pass and encodes every frame once."""

    needs = ("torch", "transformers", "PIL")
    extra = "sam2"
    prompts = frozenset({"box", "mask", "points", "absent"})
    model_options = ()
    """The loaded model holds all options, so that no other component shares it."""
    family: ClassVar[families.ModelFamily]
    license: ClassVar[str] = "Apache-2.0"
    gated: ClassVar[str] = ""
    options: Sam2FamilyOptions

    def weights(self) -> list[Weights]:
        """Return the model with its license, and how to get a gated one."""
        return [replace(weights, license=self.license, gated=self.gated) for weights in super().weights()]

    def problems(self) -> list[Problem]:
        """Return also a problem when a compiler is needed and there is none."""
        return super().problems() or (
            devices.find_compiler_problems(devices.resolve_device(self.device)) if self.options.compile else []
        )

    def find_model_problems(self) -> list[Problem]:
        """Return also a wrong ``image_size``; a model of another family has the component that takes it as the hint."""
        hint = families.suggest_propagator(self.weights()[0].find_complete_path())
        return [
            *(replace(problem, hint=hint) for problem in super().find_model_problems()),
            *families.check_image_size(self.family, self.options.image_size),
        ]

    def load_model(self, folder: Path) -> Sam2VideoRunner | OriginalPredictor:
        """Return the model of the library on the device."""
        from alref_sam2._runtime import Sam2VideoRunner

        return Sam2VideoRunner(self.options, self.device, self.family, folder, self.warnings.append)

    def propagate(self, video: Video, boxes: list[PivotBox]) -> Iterator[FrameMasks]:
        """Yield the masks of every frame as soon as those of all objects are known.

        Raises MissingError if memory is too small for a single object; ``warnings`` reports when memory ran out.
        """
        yield from self.model.propagate(video, boxes)


class Sam2(Sam2FamilyPropagator):
    """Propagates masks with SAM 2 or 2.1 of any size, using transformers or the original package."""

    name = "sam2"
    family = families.SAM2
    model_types = family.model_types
    Options = Sam2Options
    options: Sam2Options

    def weights(self) -> list[Weights]:
        """Return the model, which is one file if it is a checkpoint of the authors."""
        from alref import Weights
        from alref_sam2 import published_checkpoints

        given, revision = Path(self.options.model).expanduser(), self.options.revision
        if given.suffix == ".pt":
            return [published_checkpoints.describe_checkpoint(given, self.license)]
        if self.options.backend == "original":
            from alref_sam2 import _original

            return [
                Weights(str(given), revision=revision, files=(_original.get_checkpoint_name(given.name),), license=self.license)
            ]
        return super().weights()

    def problems(self) -> list[Problem]:
        """Return also problems of the authors' package: what is missing, and which options it does not take."""
        from alref_sam2 import _original

        return (self.options.backend == "original" and _original.find_problems(self.options)) or super().problems()

    def load_model(self, folder: Path) -> Sam2VideoRunner | OriginalPredictor:
        """Return the library's model or the authors'."""
        if self.options.backend == "transformers":
            return super().load_model(folder)
        from alref_sam2._original import OriginalPredictor

        return OriginalPredictor(self.options, self.device, str(folder))


class EdgeTam(Sam2FamilyPropagator):
    """Propagates masks with EdgeTAM, a small variant of SAM 2 for mobile devices."""

    name = "edgetam"
    family = families.EDGETAM
    model_types = family.model_types
    Options = EdgeTamOptions
    options: EdgeTamOptions

    def problems(self) -> list[Problem]:
        """Return also a problem when timm is needed and cannot be imported."""
        return super().problems() or families.check_timm(self.weights()[0].find_complete_path())


class Sam3Tracker(Sam2FamilyPropagator):
    """Propagates masks with the tracker of SAM 3, whose weights require accepting a license."""

    name = "sam3-tracker"
    family = families.SAM3_TRACKER
    model_types = family.model_types
    license = "SAM License"
    gated = "accept the terms at https://huggingface.co/facebook/sam3; then: hf auth login"
    Options = Sam3TrackerOptions
    options: Sam3TrackerOptions


@hookimpl
def register_propagators() -> list[type[Propagator]]:
    """Register the propagators."""
    return [Sam2, EdgeTam, Sam3Tracker]
