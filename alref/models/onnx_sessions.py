"""Sessions of onnxruntime that all use the same threads; onnxruntime is imported inside the functions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from alref.errors import MissingError, Problem
from alref.models import cpu_tuning

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

PROVIDERS = {"cuda": "CUDAExecutionProvider", "mps": "CoreMLExecutionProvider", "cpu": "CPUExecutionProvider"}
"""The execution provider of onnxruntime for each device, best first."""


def list_onnx_providers(device: str = "auto") -> list[str]:
    """List the execution providers for a device, best first; the CPU runs what the others cannot.

    ``auto`` means every device that this build of onnxruntime supports. Raises MissingError if it does not support ``device``.
    """
    import onnxruntime

    installed = onnxruntime.get_available_providers()
    if device != "auto" and PROVIDERS[device] not in installed:
        hint = "--device cpu, or pip install onnxruntime-gpu" if device == "cuda" else "--device cpu"
        raise MissingError(Problem(message=f"onnxruntime {onnxruntime.__version__} has no {PROVIDERS[device]}", hint=hint))
    wanted = list(PROVIDERS.values()) if device == "auto" else [PROVIDERS[device], PROVIDERS["cpu"]]
    return [provider for provider in dict.fromkeys(wanted) if provider in installed]


def make_onnx_session(model: bytes | Path, device: str = "cpu") -> InferenceSession:
    """Return a session for an ONNX model, on the threads that one video may use, which sleep while they wait.

    Memory is freed after each call: an arena and memory patterns would keep what each size of input needed.
    Raises MissingError if onnxruntime does not support ``device``.
    """
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = cpu_tuning.count_threads()
    settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
    settings.enable_cpu_mem_arena = settings.enable_mem_pattern = False
    return onnxruntime.InferenceSession(
        model if isinstance(model, bytes) else str(model), settings, providers=list_onnx_providers(device)
    )
