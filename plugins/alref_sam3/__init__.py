"""SAM 3 as a tracker of nouns: the weights with transformers, and SAM 3.1 as a service."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from alref.components.base import Tracker
from alref.components.model_stage import HubModelName, HubModelOptions, ModelStage
from alref.errors import Problem
from alref.models import devices
from alref.plugins.hookspecs import hookimpl
from alref_sam3.image_size import check_image_size

if TYPE_CHECKING:
    from alref.media.video import Video
    from alref.models.weights import Weights
    from alref.records import ObjectTrack
    from alref_sam3._runtime import Sam3VideoRunner

GATE = (
    "accept the license at https://huggingface.co/facebook/sam3 with your account, make a token at"
    " https://huggingface.co/settings/tokens, then: export HF_TOKEN=..., or hf auth login"
)


class Sam3Options(HubModelOptions):
    """Options of sam3."""

    model: HubModelName = "facebook/sam3"
    image_size: int | None = Field(
        None, ge=56, le=4032, description="side in pixels of the square input image (default: that of the model, 1008)"
    )
    compile: bool = Field(
        False, description="compile the encoder first, which can take minutes; needs triton on CUDA, a C++ compiler on CPU"
    )


class Sam3(ModelStage["Sam3VideoRunner"], Tracker):
    """Tracks all objects of some nouns with SAM 3, in one pass for all nouns. Its weights require accepting a license."""

    name = "sam3"
    extra = "sam3"
    needs = ("torch", "transformers", "PIL")
    model_files = ("config.json", "model.safetensors", "tokenizer.json|vocab.json")
    model_types = ("sam3_video",)
    model_options = (*ModelStage.model_options, "image_size", "compile")
    Options = Sam3Options
    options: Sam3Options

    def weights(self) -> list[Weights]:
        """Return the model with its license, and how to get it."""
        return [replace(weights, license="SAM License", gated=GATE) for weights in super().weights()]

    def problems(self) -> list[Problem]:
        """Return also a problem when a compiler is needed and there is none."""
        found = super().problems()
        return found or (devices.find_compiler_problems(devices.resolve_device(self.device)) if self.options.compile else [])

    def find_model_problems(self) -> list[Problem]:
        """Return also a wrong ``image_size``."""
        return [*super().find_model_problems(), *check_image_size(self.options.image_size)]

    def load_model(self, folder: Path) -> Sam3VideoRunner:
        """Return the model of the library on the device."""
        from alref_sam3._runtime import Sam3VideoRunner

        return Sam3VideoRunner(self.options, self.device, folder)

    def track(self, video: Video, nouns: list[str]) -> list[ObjectTrack]:
        """Return the tracks of all nouns, from one pass over the video.

        Raises InputError for a noun of more than 32 tokens, MissingError if memory is too small.
        """
        return self.model.track(video, nouns, self.advance)


@hookimpl
def register_trackers() -> list[type[Tracker]]:
    """Register the trackers."""
    return [Sam3]
