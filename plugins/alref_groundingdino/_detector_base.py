"""A loaded model of any kind: how it computes, the prompts it has read, and numbers out of its tensors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, Generic, TypeVar

import numpy as np
import torch

from alref.errors import ConfigError
from alref.models import devices
from alref_groundingdino.detection import Floats

MAX_CACHED_PROMPTS = 1024
"""Most prompts that are kept as they were read."""

PromptFeatures = TypeVar("PromptFeatures")


class LoadedDetector(ABC, Generic[PromptFeatures]):
    """A model on its device, the tokenizer that belongs to it, and the type of numbers that it computes in."""

    def __init__(self, model: Any, tokenizer: Any, dtype: torch.dtype) -> None:
        self._model, self._tokenizer, self._dtype = model, tokenizer, dtype
        self._prompt_cache: dict[str, PromptFeatures] = {}

    def _use_autocast(self) -> AbstractContextManager[object]:
        return devices.autocast(self._model.device.type, self._dtype)

    def _encode_prompt(self, prompt: str) -> PromptFeatures:
        """Return a prompt as the model reads it, which depends on no picture: read once, and kept."""
        if prompt not in self._prompt_cache:
            if len(self._prompt_cache) == MAX_CACHED_PROMPTS:
                self._prompt_cache.clear()
            with self._use_autocast():
                self._prompt_cache[prompt] = self._compute_prompt_features(prompt)
        return self._prompt_cache[prompt]

    @abstractmethod
    def _compute_prompt_features(self, prompt: str) -> PromptFeatures: ...


def convert_to_xyxy(boxes: torch.Tensor, image_sizes: Sequence[tuple[float, float]]) -> Floats:
    """Turn boxes (B, Q, 4) of center, width and height, as shares of ``sides`` (width, height), into float32 xyxy in pixels."""
    given = boxes.float().cpu().numpy()
    center, half = given[..., :2], given[..., 2:] / 2
    shares = np.concatenate([center - half, center + half], axis=-1)
    return np.asarray(shares * np.array(image_sizes, np.float32)[:, None, [0, 1, 0, 1]], np.float32)


def compute_probabilities(logits: torch.Tensor) -> Floats:
    """Return float32 numbers of 0 to 1 for logits. Raises ConfigError when they are no numbers."""
    found: Floats = logits.float().sigmoid().cpu().numpy()
    if np.isnan(found).any():
        raise ConfigError("the model's answer is no number in this type of numbers: -o proposer.dtype=float32")
    return found
