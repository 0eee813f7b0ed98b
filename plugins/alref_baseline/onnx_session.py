"""Create onnxruntime sessions that all use the same threads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alref.models import cpu_tuning

if TYPE_CHECKING:
    from onnxruntime import InferenceSession


def make_session(model: bytes) -> InferenceSession:
    """Return a session for an ONNX model on ``cpu_tuning.count_threads()`` threads, which sleep while they wait."""
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = cpu_tuning.count_threads()
    settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(model, settings, providers=["CPUExecutionProvider"])
