"""Base class of loaded detectors: dtype, cached prompt features, and conversion of output tensors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, Generic, TypeVar

import numpy as np
import torch

from alref import ConfigError
from alref.models import devices
from alref_groundingdino.detection import Floats

MAX_CACHED_PROMPTS = 1024
"""Maximum number of prompts whose features are cached."""

PromptFeatures = TypeVar("PromptFeatures")


class LoadedDetector(ABC, Generic[PromptFeatures]):
    """A model on its device, its tokenizer, and the dtype in which it computes."""

    def __init__(self, model: Any, tokenizer: Any, dtype: torch.dtype) -> None:
        self._model, self._tokenizer, self._dtype = model, tokenizer, dtype
        self._prompt_cache: dict[str, PromptFeatures] = {}

    def _use_autocast(self) -> AbstractContextManager[object]:
        return devices.autocast(self._model.device.type, self._dtype)

    def _encode_prompt(self, prompt: str) -> PromptFeatures:
        """Return the features of a prompt, which do not depend on the image; they are cached."""
        if prompt not in self._prompt_cache:
            if len(self._prompt_cache) == MAX_CACHED_PROMPTS:
                self._prompt_cache.clear()
            with self._use_autocast():
                self._prompt_cache[prompt] = self._compute_prompt_features(prompt)
        return self._prompt_cache[prompt]

    @abstractmethod
    def _compute_prompt_features(self, prompt: str) -> PromptFeatures: ...


def convert_to_xyxy(boxes: torch.Tensor, image_sizes: Sequence[tuple[float, float]]) -> Floats:
    """Convert boxes (B, Q, 4) of center, width and height, relative to ``image_sizes`` (width, height), to float32 xyxy px."""
    given = boxes.float().cpu().numpy()
    center, half = given[..., :2], given[..., 2:] / 2
    shares = np.concatenate([center - half, center + half], axis=-1)
    return np.asarray(shares * np.array(image_sizes, np.float32)[:, None, [0, 1, 0, 1]], np.float32)


def compute_probabilities(logits: torch.Tensor) -> Floats:
    """Return float32 probabilities, 0 to 1, of logits. Raises ConfigError if they are NaN."""
    found: Floats = logits.float().sigmoid().cpu().numpy()
    if np.isnan(found).any():
        raise ConfigError("the model computes NaN in this dtype; use float32: -o proposer.dtype=float32")
    return found
