"""Devices and compute dtypes of models; torch is imported inside the functions.

A device is given as ``auto``, ``cpu``, ``cuda`` or ``mps``; a compute dtype as ``auto``, ``float32``, ``bfloat16`` or
``float16``. ``autocast`` lowers the precision of the arithmetic; ``convert_weights`` saves it the work of every call.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib.util import find_spec
from typing import TYPE_CHECKING

from alref.errors import MissingError, Problem

if TYPE_CHECKING:
    import torch

HOST_MEMORY_TEXTS = ("can't allocate memory", "not enough memory")
"""Messages with which the CPU allocator reports that memory is full."""
OUT_OF_MEMORY_TEXTS = ("out of memory", "ALLOC_FAILED", *HOST_MEMORY_TEXTS)
"""Messages with which CUDA, Metal, their libraries and the CPU allocator report that memory is full."""


def list_devices() -> list[str]:
    """List the devices that torch sees, best first; the CPU is always last."""
    import torch

    here = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    return [device for device, seen in here.items() if seen]


def resolve_device(device: str) -> str:
    """Return the device to use: the best one for ``auto``. Raises MissingError if it is not available."""
    here = list_devices()
    if device != "auto" and device not in here:
        raise MissingError(_make_device_problem(device))
    return here[0] if device == "auto" else device


def find_device_problems(device: str, dtype: str = "auto") -> list[Problem]:
    """Return a problem when a device is not available or does not support ``dtype``."""
    if device != "auto" and device not in list_devices():
        return [_make_device_problem(device)]
    used = resolve_device(device)
    if dtype in _list_dtypes(used):
        return []
    return [Problem(option="dtype", message=f"{used} cannot compute well in {dtype}", value=_list_dtypes(used)[-1])]


def find_compiler_problems(device: str) -> list[Problem]:
    """Return a problem when what the option ``compile`` needs is missing: a C++ compiler for the CPU, triton for CUDA."""
    if device == "cpu" and not any(map(shutil.which, ("g++", "clang++", "c++"))):
        message = "compiling for the processor needs a C++ compiler"
        return [Problem(option="compile", message=message, hint="install g++", value="false")]
    if device == "cuda" and find_spec("triton") is None:
        return [Problem(option="compile", message="compiling for CUDA needs triton", hint="pip install triton", value="false")]
    return []


def resolve_dtype(name: str, device: str) -> torch.dtype:
    """Return the compute dtype; ``auto`` is bfloat16 on CUDA if the GPU supports it, else float32."""
    import torch

    if name == "auto":
        used = resolve_device(device)
        name = "bfloat16" if used == "cuda" and "bfloat16" in _list_dtypes(used) else "float32"
    found: torch.dtype = getattr(torch, name)
    return found


def autocast(device: str, dtype: torch.dtype) -> AbstractContextManager[object]:
    """Return a context that computes matrix products and convolutions in ``dtype``; it does nothing for float32."""
    import torch

    return nullcontext() if dtype == torch.float32 else torch.autocast(resolve_device(device), dtype)


def convert_weights(model: torch.nn.Module, dtype: torch.dtype) -> None:
    """Convert the weights of matrix products and convolutions to the compute dtype, once.

    ``autocast`` converts them at every call; what it computes stays the same. Other weights stay float32.
    """
    import torch

    for module in model.modules():
        if isinstance(module, (torch.nn.Linear, torch.nn.modules.conv._ConvNd)):
            module.to(dtype)


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error means that the device or this machine is out of memory."""
    import torch

    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in OUT_OF_MEMORY_TEXTS)


def find_full_memory(error: BaseException, device: str) -> str:
    """Return whose memory is full, for an out-of-memory error of work on ``device``: that of the device, or of the ``cpu``."""
    of_host = isinstance(error, MemoryError) or any(words in str(error) for words in HOST_MEMORY_TEXTS)
    return "cpu" if of_host else device


@contextmanager
def translate_memory_errors(message: str) -> Iterator[None]:
    """Turn out-of-memory errors of the block into a MissingError with ``message``; other errors are not changed."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise MissingError(message) from error


def _make_device_problem(device: str) -> Problem:
    import torch

    hint = "--device cpu, or https://pytorch.org/get-started/locally"
    return Problem(message=f"torch {torch.__version__} sees no {device} here", hint=hint)


def _list_dtypes(device: str) -> tuple[str, ...]:
    """List the dtypes that a device computes fast in hardware; the last is the fallback.

    float16 is left out on CPU: its kernels there take about thirty times as long as those of float32.
    """
    import torch

    if device == "cpu":
        return ("auto", "bfloat16", "float32")
    if device == "mps":
        return ("auto", "float16", *(("bfloat16",) if torch.backends.mps.is_macos_or_newer(14, 0) else ()), "float32")
    native = torch.cuda.is_bf16_supported(including_emulation=False)
    return ("auto", *(("bfloat16",) if native else ()), "float32", "float16")
