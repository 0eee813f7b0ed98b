"""Loading a model that listens, whole or not at all, and computing with it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from transformers.utils import logging

from alref import devices
from alref.errors import ConfigError, MissingError

if TYPE_CHECKING:
    from alref_listening import ListenerOptions

FAULTS = (OSError, ValueError, KeyError, ImportError, AttributeError, RuntimeError, StrictDataclassError, SafetensorError)
"""What the library raises for a folder that it cannot load."""


class Loaded:
    """A model on its device and what makes its input. Raises ConfigError or MissingError when they cannot be loaded.

    ``reader`` is the class of the model, ``ear`` that of its feature extractor, ``words`` that of its tokenizer if it has one.
    """

    def __init__(
        self, folder: Path, options: ListenerOptions, device: str, reader: Any, ear: Any, words: Any | None = None
    ) -> None:
        self.place = devices.chosen(device)
        try:
            with _quiet():
                self.ear = ear.from_pretrained(folder)
                self.words = words.from_pretrained(folder) if words else None
                self.model = _whole(folder, reader).to(self.place).eval().requires_grad_(False)
        except FAULTS as error:
            raise self._unloaded(error, folder) from None
        self.rate = int(self.ear.sampling_rate)
        self._dtype = devices.dtype(options.dtype, self.place)

    @contextmanager
    def computing(self) -> Iterator[None]:
        """Compute without gradients, in the type of numbers chosen. Raises MissingError when the memory is full."""
        try:
            with torch.inference_mode(), devices.autocast(self.place, self._dtype):
                yield
        except (RuntimeError, MemoryError) as error:
            if not devices.out_of_memory(error):
                raise
            raise MissingError(
                f"the sound does not fit into the memory of {self.place}: a smaller model, or --device cpu"
            ) from None

    def _unloaded(self, error: Exception, folder: Path) -> MissingError:
        if devices.out_of_memory(error):
            return MissingError(f"{folder} does not fit into the memory of {self.place}: a smaller model, or --device cpu")
        said = " ".join(str(error).split())[:300]
        return MissingError(f"{folder} cannot be loaded ({said}): get the whole model again, or take another")


def _whole(folder: Path, reader: Any) -> Any:
    """Load the weights. Raises ConfigError when they are not all there."""
    model, report = reader.from_pretrained(folder, dtype=torch.float32, ignore_mismatched_sizes=True, output_loading_info=True)
    wrong = sorted([*report["missing_keys"], *(each[0] for each in report["mismatched_keys"])])
    if wrong:
        raise ConfigError(
            f"the weights in {folder} are not those of its config.json: {len(wrong)} missing or of another size, for example"
            f" {wrong[0]}; take both from one model"
        )
    return model


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the library's remarks and bars off the screen while a model is loaded; AST was trained with empty bands."""
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "At least one mel filter has all zero values")
            yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
