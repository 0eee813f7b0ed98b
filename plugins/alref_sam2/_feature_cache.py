"""Cache for features of frames that are used again, within a budget: on the device, then in host memory."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Sequence

import torch

from alref_sam2._network import FrameFeatures


class FrameFeatureCache:
    """Provides the features of frames in a known ``order``; the frame whose next use is farthest away is evicted first.

    ``budget`` is the total size in bytes, ``device_budget`` the part of it that may be on ``device``.
    """

    def __init__(
        self,
        order: Sequence[int],
        encode: Callable[[int], FrameFeatures],
        device: torch.device,
        budget: int,
        device_budget: int,
    ) -> None:
        self._encode, self._device = encode, device
        self._budget, self._device_budget = budget, min(device_budget, budget)
        self._uses: dict[int, deque[int]] = {}
        for place, frame in enumerate(order):
            self._uses.setdefault(frame, deque()).append(place)
        self._on_device: dict[int, FrameFeatures] = {}
        self._on_host: dict[int, FrameFeatures] = {}

    def take_features(self, frame: int) -> FrameFeatures:
        """Return the features of the next frame in the order, on the device."""
        kept = self._on_device.pop(frame, None) or self._on_host.pop(frame, None)
        features = kept.to(self._device) if kept else self._encode(frame)
        self._uses[frame].popleft()
        if self._uses[frame]:
            self._on_device[frame] = features
            self._enforce_budget()
        return features

    def has_frame(self, frame: int) -> bool:
        """Return whether the features of a frame are cached."""
        return frame in self._on_device or frame in self._on_host

    def move_to_host(self) -> bool:
        """Move all features from the device to the host, for the rest of the session; return whether there were any."""
        moved, self._device_budget = bool(self._on_device) and self._device.type != "cpu", 0
        self._enforce_budget()
        return moved

    def count_bytes(self) -> int:
        """Return the size of the cached features in bytes."""
        return _sum_bytes(self._on_device) + _sum_bytes(self._on_host)

    def _enforce_budget(self) -> None:
        while self._device.type != "cpu" and _sum_bytes(self._on_device) > self._device_budget:
            frame = self._find_farthest_use(self._on_device)
            self._on_host[frame] = self._on_device.pop(frame).to("cpu")
        while self.count_bytes() > self._budget:
            frame = self._find_farthest_use(self._on_device | self._on_host)
            self._on_device.pop(frame, None)
            self._on_host.pop(frame, None)

    def _find_farthest_use(self, cached: dict[int, FrameFeatures]) -> int:
        return max(cached, key=lambda frame: self._uses[frame][0])


def _sum_bytes(cached: dict[int, FrameFeatures]) -> int:
    return sum(features.nbytes for features in cached.values())


def get_device_budget(device: torch.device) -> int:
    """Return how many bytes of features fit on a device: half of its free memory, if it has its own."""
    return int(torch.cuda.mem_get_info(device)[0] // 2) if device.type == "cuda" else sys.maxsize
