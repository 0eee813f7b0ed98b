"""Base of components with one model: its loading and release, and the options of a model of the Hugging Face hub."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Generic, Literal, TypeVar

from pydantic import Field

from alref.components.base import Stage, StageOptions
from alref.errors import ConfigError, ContractError, Problem

if TYPE_CHECKING:
    from alref.models.weights import Weights

Model = TypeVar("Model")
HubModelName = Annotated[str, Field(min_length=1, description="name on the Hugging Face hub, or a folder")]
"""The type of an option that names a model: ``model: HubModelName = "openai/whisper-small"``."""


class HubModelOptions(StageOptions):
    """Options of a component with one model of the Hugging Face hub. A subclass gives ``model`` a default."""

    model: HubModelName
    revision: str | None = Field(None, description="branch, tag or commit of the model on the hub; the newest if not given")
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="compute dtype; auto is bfloat16 where CUDA has it, else float32"
    )


class ModelStage(Stage, Generic[Model]):
    """A component that loads one model. A subclass writes ``load_model`` and uses ``self.model``.

    The model is that of its ``HubModelOptions``, or the first of ``weights``. ``load_model`` may depend on the options in
    ``model_options`` only. For a model that does not need torch, set ``needs`` and ``devices``.

    For a model of the hub, ``model_files`` are the files that it must have, as in ``Weights.files``, and ``model_types`` the
    values of ``model_type`` in ``config.json`` that the component runs; empty means any.
    """

    needs: ClassVar[tuple[str, ...]] = ("torch", "transformers")
    model_files: ClassVar[tuple[str, ...]] = ("config.json", "model.safetensors")
    model_types: ClassVar[tuple[str, ...]] = ()
    model_options: ClassVar[tuple[str, ...]] = ("model", "revision", "dtype")

    @abstractmethod
    def load_model(self, folder: Path) -> Model:
        """Return the model in a folder, on ``self.device``. For a model in one file, ``folder`` is that file."""

    @property
    def model(self) -> Model:
        """The loaded model. Raises ContractError before ``load`` and after ``close``."""
        model: Model | None = self.shared_model.get(self)
        if model is None:
            raise ContractError(f"{self.name}: the model is not loaded; call load() first")
        return model

    def weights(self) -> list[Weights]:
        """Return the model that the options name. Override it if the component has other options."""
        from alref.models.weights import Weights

        if not isinstance(self.options, HubModelOptions):
            return super().weights()
        return [Weights(self.options.model, revision=self.options.revision, files=self.model_files)]

    def problems(self) -> list[Problem]:
        """Return missing libraries or weights, a device or dtype that torch lacks, and what ``find_model_problems`` returns."""
        return super().problems() or self._find_torch_problems() or self.find_model_problems()

    def _find_torch_problems(self) -> list[Problem]:
        from alref.models import devices

        if "torch" not in self.needs:
            return []
        return devices.find_device_problems(self.device, getattr(self.options, "dtype", "auto"))

    def find_model_problems(self) -> list[Problem]:
        """Return the problems of the model: an unsupported type. A subclass can add to it."""
        from alref.models.model_types import check_model_type

        if not self.model_types:
            return []
        return [problem for weights in self.weights() for problem in check_model_type(weights, self.name, self.model_types)]

    def load(self) -> None:
        """Fetch the weights and load the model. Raises MissingError or ConfigError when it cannot be used."""
        folders = [weights.fetch_files() for weights in self.weights()]
        if problems := self.find_model_problems():
            raise ConfigError(*(problem.assign_slot(self.slot) for problem in problems))
        self.shared_model.acquire(self, lambda: self.load_model(folders[0]))

    def close(self) -> None:
        """Release the model, unless another slot uses it."""
        self.shared_model.release(self)
        super().close()
