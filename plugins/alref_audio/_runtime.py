"""Load a complete audio model, and compute with it."""

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
    from alref import HubModelOptions

EMPTY_FILTER_WARNING = "At least one mel filter has all zero values"
"""Warning of the library that is ignored: AST was trained with empty bands."""


class LoadedAudioModel:
    """A model on its device, with its feature extractor. Raises ConfigError or MissingError if they cannot be loaded.

    ``model_class``, ``extractor_class`` and ``tokenizer_class`` (if it has one) are the classes of the parts to load.
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
        """Compute without gradients, in the chosen dtype. Raises MissingError if memory is too small."""
        full = f"the sound does not fit into the memory of {self.device}: a smaller model, or --device cpu"
        with devices.translate_memory_errors(full), torch.inference_mode(), devices.autocast(self.device, self._dtype):
            yield
