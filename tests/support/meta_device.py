"""A device that is not here: the meta device stands for CUDA, and waits for it are counted.

Tensors have shapes and no values. What comes back to the host is zeros. A copy waits unless it is queued; reading a number of
the device, or a size that depends on its values, always waits.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from alref_sam2 import _transfers
from alref_sam2._runtime import Sam2VideoRunner

READS = ("aten::_local_scalar_dense", "aten::nonzero", "aten::masked_select", "aten::_unique2", "aten::equal")
"""Operations that need values of the device on the host."""


class Waits(TorchDispatchMode):
    """Counts the waits for the meta device."""

    def __init__(self) -> None:
        super().__init__()
        self.copies = self.reads = self.arrivals = 0

    @property
    def total(self) -> int:
        return self.copies + self.reads + self.arrivals

    def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = operation._schema.name
        if name in READS and args[0].is_meta:
            self.reads += 1
            return 0
        if name == "aten::_to_copy":
            target = torch.device(kwargs.get("device") or args[0].device)
            if target.type != args[0].device.type:
                self.copies += not kwargs.get("non_blocking", False)
                dtype = kwargs.get("dtype") or args[0].dtype
                return torch.zeros(args[0].shape, dtype=dtype, device=target)
        if name == "aten::copy_" and args[0].device != args[1].device:
            self.copies += not (args[2] if len(args) > 2 else kwargs.get("non_blocking", False))
            return args[0].zero_()
        return operation(*args, **kwargs)

    def synchronize(self) -> None:
        """Wait for what was queued, as a CUDA event does."""
        self.arrivals += 1


def pretend_cuda(model: Sam2VideoRunner, monkeypatch: pytest.MonkeyPatch) -> Waits:
    """Put a model on the meta device, which then queues copies as CUDA does; return the counter of waits, to be entered."""
    waits = Waits()
    empty_like = torch.empty_like
    monkeypatch.setattr(_transfers, "supports_queued_copies", lambda device: device.type == "meta")
    monkeypatch.setattr(_transfers, "record_event", lambda: waits)
    monkeypatch.setattr(_transfers, "_allocate_pinned", lambda like: empty_like(like, device="cpu"))
    monkeypatch.setattr("alref_sam2._runtime.supports_queued_copies", lambda device: True)
    model.network = type(model.network)(model.network.model.to("meta"))
    return waits
