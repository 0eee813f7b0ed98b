"""Limits how many objects are processed in one call, and frees memory when a device runs out."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch

from alref import MissingError
from alref.models import devices
from alref_sam2._feature_cache import FrameFeatureCache

Output = TypeVar("Output")
HOST_TOKENS, DEVICE_TOKENS = 1 << 17, 1 << 19
"""Memory tokens that objects attend to in one call: on the CPU, and on a device with its own memory."""


class BatchLimiter:
    """Runs work in batches that fit into memory. ``warn`` is called with a message when something is reduced."""

    def __init__(self, device: torch.device, cache: FrameFeatureCache, warn: Callable[[str], None]) -> None:
        self._device, self._cache, self._warn = device, cache, warn
        self._max_tokens = HOST_TOKENS if device.type == "cpu" else DEVICE_TOKENS

    def get_max_objects(self, tokens: int) -> int:
        """Return how many objects to process in one call, each attending to the given number of tokens."""
        return max(1, self._max_tokens // max(tokens, 1))

    def run_if_fits(self, work: Callable[[], Output], count: int = 1, tokens: int = 1) -> Output | None:
        """Run work for ``count`` objects, or free memory and return None if memory runs out: try again with fewer.

        The work changes nothing before it ends. Raises MissingError if nothing is left to free.
        """
        try:
            return work()
        except (RuntimeError, MemoryError) as error:
            if not devices.is_out_of_memory(error):
                raise
            full = devices.find_full_memory(error, self._device.type)
        self._reduce_memory(full, count, tokens)
        return None

    def run_until_fits(self, work: Callable[[], Output]) -> Output:
        """Run work that cannot be split, and once more after freeing memory. Raises MissingError."""
        while (made := self.run_if_fits(work)) is None:
            pass
        return made

    def _reduce_memory(self, full: str, count: int, tokens: int) -> None:
        freed, fewer = self._cache.free_memory(full), count // 2 if full == self._device.type else 0
        if not freed and not fewer:
            other = "--device cpu" if full != "cpu" else "-o propagator.feature_memory=0"
            advice = f"-o propagator.image_size=512, a smaller model, or {other}"
            raise MissingError(f"the memory of {full} is too small: {advice}")
        if fewer:
            self._max_tokens = fewer * tokens
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
        features = "features are computed again" if full == "cpu" else "features are cached on the host"
        given = [f"{fewer} of {count} objects are followed at once"] * bool(fewer) + [features] * freed
        self._warn(f"the memory of {full} is full: {', '.join(given)}")
