"""SAM 3 as a tracker of nouns: the weights with transformers, and SAM 3.1 as a service."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field, field_validator

from alref import ContractError, HubModelName, HubModelOptions, ModelStage, Problem, Propagator, StageOptions, Tracker, hookimpl
from alref.models import devices
from alref_sam3 import server
from alref_sam3.image_size import check_image_size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from alref import FrameMasks, ObjectTrack, PivotBox, Video, Weights
    from alref.result import Usage
    from alref_sam3._runtime import Sam3VideoRunner
    from alref_sam3.questions import HostedQuestions

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


class Sam3ApiOptions(StageOptions):
    """Options of sam3-api."""

    model: str = Field("sam-3.1", min_length=1, description="model of the service")
    base_url: str = Field(server.META_URL, description="URL of the service")
    key_variable: str = Field(
        "MODEL_API_KEY", pattern=r"^[A-Za-z_]\w*$", description="environment variable that contains the API key"
    )
    price: float = Field(
        2.5,
        ge=0,
        description="US dollars per 1,000 frames, for the estimate and for max_cost; Meta listed this price for images in 2026,"
        " and none for videos",
    )
    max_cost: float | None = Field(1.0, gt=0, description="maximum estimated cost of one run in US dollars; null sets no limit")
    timeout: float = Field(
        300.0, gt=0, description="seconds without any data from the service after which a request has failed"
    )
    answers: Path | None = Field(None, description="file that caches answers (default: in the user's cache folder)")
    replay: Path | None = Field(
        None, description="replay answers from this run folder, trace or store instead of asking the service"
    )

    @field_validator("base_url")
    @classmethod
    def _validate_address(cls, value: str) -> str:
        return server.validate_address(value)


class Sam3Api(Tracker, Propagator):
    """Sends the video to Meta's SAM 3.1, which tracks a noun, or boxes and points. Each request costs money."""

    name = "sam3-api"
    extra = "sam3-api"
    needs = ("openai", "meta_sam_parser")
    prompts = frozenset({"box", "points"})
    Options = Sam3ApiOptions
    options: Sam3ApiOptions

    def list_input_files(self) -> list[Path]:
        """List the file or folder that answers are replayed from."""
        return [each for each in [self.options.replay] if each is not None]

    def problems(self) -> list[Problem]:
        """Return missing libraries, then problems of the key and the service; a replay needs only the parser."""
        if self.options.replay is not None:
            return [problem for problem in super().problems() if "meta_sam_parser" in problem.message]
        return super().problems() or server.find_problems(self.options)

    def estimate_request(self, frames: int) -> Usage | None:
        """Return the estimated price of one request; a replay costs nothing."""
        from alref.result import Usage

        if self.options.replay is not None:
            return None
        price = frames * self.options.price / 1000
        return Usage(model=self.options.model, questions=1, estimated=True, uncached_cost=price)

    def load(self) -> None:
        """Connect, or open the answers to replay. Nothing is sent."""
        from alref_sam3.questions import HostedQuestions

        self.shared_model.acquire(self, lambda: HostedQuestions(self.options, self.origin, self.name, self.slot))

    def close(self) -> None:
        """Close the connection and the answer store."""
        questions: HostedQuestions | None = self.shared_model.release(self)
        if questions is not None:
            questions.close()

    def track(self, video: Video, nouns: list[str]) -> list[ObjectTrack]:
        """Return the tracks of all nouns, with one request for each noun whose answer is not stored.

        Raises ConfigError at ``max_cost``, MissingError when the service gives no complete answer.
        """
        from alref_sam3.hosted import track_nouns

        return track_nouns(self._questions, self, video, nouns)

    def propagate(self, video: Video, boxes: list[PivotBox]) -> Iterator[FrameMasks]:
        """Yield the masks of every frame, from one request with all boxes and points.

        Raises ConfigError at ``max_cost``, MissingError when the service gives no complete answer.
        """
        from alref_sam3.hosted import propagate_boxes

        return propagate_boxes(self._questions, self, video, boxes)

    @property
    def _questions(self) -> HostedQuestions:
        questions: HostedQuestions | None = self.shared_model.get(self)
        if questions is None:
            raise ContractError(f"{self.name}: not connected; call load() first")
        return questions


@hookimpl
def register_trackers() -> list[type[Tracker]]:
    """Register the trackers."""
    return [Sam3, Sam3Api]


@hookimpl
def register_propagators() -> list[type[Propagator]]:
    """Register the hosted model, which takes boxes too."""
    return [Sam3Api]
