"""The features of frames that will be used again, kept within a budget: on the device, then in the host's memory, then not."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Sequence

import torch

from alref_sam2._network import Features


class FeatureStore:
    """Gives the features of frames in a known ``order``; those whose next use is farthest away are the first to go.

    ``budget`` is in bytes for all that is kept, ``near`` is how much of it may be on ``device``.
    """

    def __init__(
        self, order: Sequence[int], encode: Callable[[int], Features], device: torch.device, budget: int, near: int
    ) -> None:
        self._encode, self._device = encode, device
        self._budget, self._near = budget, min(near, budget)
        self._uses: dict[int, deque[int]] = {}
        for place, frame in enumerate(order):
            self._uses.setdefault(frame, deque()).append(place)
        self._here: dict[int, Features] = {}
        self._there: dict[int, Features] = {}

    def take(self, frame: int) -> Features:
        """Return the features of the next frame in the order, on the device."""
        kept = self._here.pop(frame, None) or self._there.pop(frame, None)
        features = kept.to(self._device) if kept else self._encode(frame)
        self._uses[frame].popleft()
        if self._uses[frame]:
            self._here[frame] = features
            self._fit()
        return features

    def has(self, frame: int) -> bool:
        """Whether the features of a frame are kept."""
        return frame in self._here or frame in self._there

    def spill(self) -> bool:
        """Move what is on the device to the host, and keep nothing on the device from now on; says whether there was any."""
        moved, self._near = bool(self._here) and self._device.type != "cpu", 0
        self._fit()
        return moved

    def size(self) -> int:
        """Bytes that are kept."""
        return _size(self._here) + _size(self._there)

    def _fit(self) -> None:
        while self._device.type != "cpu" and _size(self._here) > self._near:
            frame = self._farthest(self._here)
            self._there[frame] = self._here.pop(frame).to("cpu")
        while self.size() > self._budget:
            frame = self._farthest(self._here | self._there)
            self._here.pop(frame, None)
            self._there.pop(frame, None)

    def _farthest(self, kept: dict[int, Features]) -> int:
        return max(kept, key=lambda frame: self._uses[frame][0])


def _size(kept: dict[int, Features]) -> int:
    return sum(features.size for features in kept.values())


def room_on(device: torch.device) -> int:
    """Return how many bytes of features may be on a device: half of what is free where it has memory of its own."""
    return int(torch.cuda.mem_get_info(device)[0] // 2) if device.type == "cuda" else sys.maxsize
