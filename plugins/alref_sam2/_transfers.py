"""Copies between the host and a device. On CUDA they do not wait for the device, which goes on computing."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from alref.models import devices
from alref.utils.masks import Array


def upload_tensor(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Return a tensor of the host on a device. Only pinned memory is copied without waiting, so it is pinned first."""
    if not supports_queued_copies(device):
        return tensor.to(device)
    pinned = None if tensor.is_pinned() else _allocate_pinned(tensor)
    return (tensor if pinned is None else pinned.copy_(tensor)).to(device, non_blocking=True)


def download_tensor(tensor: torch.Tensor) -> torch.Tensor:
    """Return a tensor in host memory: a queued copy into pinned memory on CUDA, the tensor itself on the CPU."""
    pinned = _allocate_pinned(tensor) if supports_queued_copies(tensor.device) else None
    return tensor.cpu() if pinned is None else pinned.copy_(tensor, non_blocking=True)


class HostCopy:
    """Tensors of one device on their way to host memory; ``wait`` is the only wait for all of them."""

    def __init__(self, *tensors: torch.Tensor) -> None:
        self._copies = [download_tensor(each) for each in tensors]
        self._arrival = record_event() if supports_queued_copies(tensors[0].device) else None

    def wait(self) -> list[Array]:
        """Return the arrays as soon as the device has written them."""
        if self._arrival is not None:
            self._arrival.synchronize()
        return [np.asarray(each) for each in self._copies]


def supports_queued_copies(device: torch.device) -> bool:
    """Return whether a device queues copies after the computations that are under way."""
    return device.type == "cuda"


def record_event() -> Any:
    """Return an event after the work that is queued on the current CUDA device."""
    return torch.cuda.current_stream().record_event()


def _allocate_pinned(like: torch.Tensor) -> torch.Tensor | None:
    """Return pinned memory for a tensor; None where the system gives none, and pageable memory has to do."""
    try:
        return torch.empty_like(like, device="cpu", pin_memory=True)
    except (RuntimeError, MemoryError) as error:
        if not devices.is_out_of_memory(error):
            raise
        return None
