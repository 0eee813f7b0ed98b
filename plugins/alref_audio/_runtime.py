"""Loading a model that listens, whole or not at all, and computing with it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from alref.models import devices
from alref.models.transformers_loading import loading, whole

if TYPE_CHECKING:
    from alref_audio import ListenerOptions

EMPTY = "At least one mel filter has all zero values"
"""What the library warns of: AST was trained with empty bands."""


class Loaded:
    """A model on its device and what makes its input. Raises ConfigError or MissingError when they cannot be loaded.

    ``reader`` is the class of the model, ``ear`` that of its feature extractor, ``words`` that of its tokenizer if it has one.
    """

    def __init__(
        self, folder: Path, options: ListenerOptions, device: str, reader: Any, ear: Any, words: Any | None = None
    ) -> None:
        self.place = devices.chosen(device)
        with loading(folder, self.place), warnings.catch_warnings():
            warnings.filterwarnings("ignore", EMPTY)
            self.ear = ear.from_pretrained(folder)
            self.words = words.from_pretrained(folder, trust_remote_code=False) if words else None
            self.model = whole(reader, folder, use_safetensors=None).to(self.place)
        self.rate = int(self.ear.sampling_rate)
        self._dtype = devices.dtype(options.dtype, self.place)

    @contextmanager
    def computing(self) -> Iterator[None]:
        """Compute without gradients, in the type of numbers chosen. Raises MissingError when the memory is full."""
        full = f"the sound does not fit into the memory of {self.place}: a smaller model, or --device cpu"
        with devices.fitting(full), torch.inference_mode(), devices.autocast(self.place, self._dtype):
            yield
