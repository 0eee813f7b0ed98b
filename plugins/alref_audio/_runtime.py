"""Loading a model that listens, whole or not at all, and computing with it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from alref.models import devices
from alref.models.transformers_loading import load_complete_model, translate_model_errors

if TYPE_CHECKING:
    from alref.components.model_stage import HubModelOptions

EMPTY_FILTER_WARNING = "At least one mel filter has all zero values"
"""What the library warns of: AST was trained with empty bands."""


class LoadedAudioModel:
    """A model on its device and what makes its input. Raises ConfigError or MissingError when they cannot be loaded.

    ``reader`` is the class of the model, ``ear`` that of its feature extractor, ``words`` that of its tokenizer if it has one.
    """

    def __init__(
        self,
        folder: Path,
        options: HubModelOptions,
        device: str,
        model_class: Any,
        extractor_class: Any,
        tokenizer_class: Any | None = None,
    ) -> None:
        self.device = devices.resolve_device(device)
        with translate_model_errors(folder, self.device), warnings.catch_warnings():
            warnings.filterwarnings("ignore", EMPTY_FILTER_WARNING)
            self.feature_extractor = extractor_class.from_pretrained(folder)
            self.tokenizer = tokenizer_class.from_pretrained(folder, trust_remote_code=False) if tokenizer_class else None
            self.model = load_complete_model(model_class, folder, use_safetensors=None).to(self.device)
        self.rate = int(self.feature_extractor.sampling_rate)
        self._dtype = devices.resolve_dtype(options.dtype, self.device)

    @contextmanager
    def use_inference_mode(self) -> Iterator[None]:
        """Compute without gradients, in the type of numbers chosen. Raises MissingError when the memory is full."""
        full = f"the sound does not fit into the memory of {self.device}: a smaller model, or --device cpu"
        with devices.translate_memory_errors(full), torch.inference_mode(), devices.autocast(self.device, self._dtype):
            yield
