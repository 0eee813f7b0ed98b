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
from alref_groundingdino.detection import Numbers

READ = 1024
"""Most prompts that are kept as they were read."""

Read = TypeVar("Read")


class Loaded(ABC, Generic[Read]):
    """A model on its device, the tokenizer that belongs to it, and the type of numbers that it computes in."""

    def __init__(self, model: Any, tokenizer: Any, dtype: torch.dtype) -> None:
        self._model, self._tokenizer, self._dtype = model, tokenizer, dtype
        self._kept: dict[str, Read] = {}

    def _computing(self) -> AbstractContextManager[object]:
        return devices.autocast(self._model.device.type, self._dtype)

    def _read(self, prompt: str) -> Read:
        """Return a prompt as the model reads it, which depends on no picture: read once, and kept."""
        if prompt not in self._kept:
            if len(self._kept) == READ:
                self._kept.clear()
            with self._computing():
                self._kept[prompt] = self._read_anew(prompt)
        return self._kept[prompt]

    @abstractmethod
    def _read_anew(self, prompt: str) -> Read: ...


def corners(boxes: torch.Tensor, sides: Sequence[tuple[float, float]]) -> Numbers:
    """Turn boxes (B, Q, 4) of centre, width and height, as shares of ``sides`` (width, height), into float32 xyxy in pixels."""
    given = boxes.float().cpu().numpy()
    centre, half = given[..., :2], given[..., 2:] / 2
    shares = np.concatenate([centre - half, centre + half], axis=-1)
    return np.asarray(shares * np.array(sides, np.float32)[:, None, [0, 1, 0, 1]], np.float32)


def probabilities(logits: torch.Tensor) -> Numbers:
    """Return float32 numbers of 0 to 1 for logits. Raises ConfigError when they are no numbers."""
    found: Numbers = logits.float().sigmoid().cpu().numpy()
    if np.isnan(found).any():
        raise ConfigError("the model's answer is no number in this type of numbers: -o proposer.dtype=float32")
    return found
