"""Cache for features of frames that are used again, within a budget: on the device, then in host memory."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Sequence

import torch

from alref.models import devices
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
        self._uses_host = device.type != "cpu"
        self._uses: dict[int, deque[int]] = {}
        for place, frame in enumerate(order):
            self._uses.setdefault(frame, deque()).append(place)
        self._on_device: dict[int, FrameFeatures] = {}
        self._on_host: dict[int, FrameFeatures] = {}

    def take_features(self, frame: int) -> FrameFeatures:
        """Return the features of the next frame in the order, on the device. After an error it can be called again."""
        kept = self._on_device.get(frame) or self._on_host.get(frame)
        features = kept.to(self._device) if kept else self._encode(frame)
        self._forget_frame(frame)
        self._uses[frame].popleft()
        if self._uses[frame]:
            self._on_device[frame] = features
            self._enforce_budget()
        return features

    def has_frame(self, frame: int) -> bool:
        """Return whether the features of a frame are cached."""
        return frame in self._on_device or frame in self._on_host

    def free_memory(self, full: str) -> bool:
        """Leave the memory that is full, that of the device or of the host (``cpu``), for the rest of the session.

        Features of a full device move to the host, those of a full host are dropped. Return whether there were any.
        """
        freed = bool(self._on_device if full == self._device.type else self._on_host)
        if full == self._device.type:
            self._device_budget = 0
        if full == "cpu":
            self._uses_host = False
            self._on_host.clear()
        self._enforce_budget()
        return freed

    def count_bytes(self) -> int:
        """Return the size of the cached features in bytes."""
        return _sum_bytes(self._on_device) + _sum_bytes(self._on_host)

    def _enforce_budget(self) -> None:
        while _sum_bytes(self._on_device) > self._device_budget:
            self._evict_from_device(self._find_farthest_use(self._on_device))
        while self.count_bytes() > self._budget:
            self._forget_frame(self._find_farthest_use(self._on_device | self._on_host))

    def _evict_from_device(self, frame: int) -> None:
        """Move the features of a frame to the host, unless its memory is full: then they are encoded again when needed."""
        features = self._on_device.pop(frame)
        if not self._uses_host:
            return
        try:
            self._on_host[frame] = features.to("cpu")
        except (RuntimeError, MemoryError) as error:
            if not devices.is_out_of_memory(error):
                raise

    def _forget_frame(self, frame: int) -> None:
        self._on_device.pop(frame, None)
        self._on_host.pop(frame, None)

    def _find_farthest_use(self, cached: dict[int, FrameFeatures]) -> int:
        return max(cached, key=lambda frame: self._uses[frame][0])


def _sum_bytes(cached: dict[int, FrameFeatures]) -> int:
    return sum(features.nbytes for features in cached.values())


def get_device_budget(device: torch.device) -> int:
    """Return how many bytes of features fit on a device: half of its free memory, if it has its own."""
    return int(torch.cuda.mem_get_info(device)[0] // 2) if device.type == "cuda" else sys.maxsize
