"""Models of onnxruntime: the providers of each device, and sessions on the threads of one video."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper

from alref.errors import MissingError
from alref.models import cpu_tuning
from alref.models.onnx_sessions import list_onnx_providers, make_onnx_session


def make_model() -> bytes:
    """Return an ONNX model that doubles its input."""
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Add", ["x", "x"], ["y"])], "double", value[:1], value[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return model.SerializeToString()


def test_providers_are_those_of_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    available = ["CUDAExecutionProvider", "AzureExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: available)
    assert list_onnx_providers("auto") == ["CUDAExecutionProvider", "CPUExecutionProvider"]
    assert list_onnx_providers("cuda") == ["CUDAExecutionProvider", "CPUExecutionProvider"]
    assert list_onnx_providers("cpu") == ["CPUExecutionProvider"]
    with pytest.raises(MissingError, match="CoreML"):
        list_onnx_providers("mps")


@pytest.mark.parametrize("from_file", [False, True])
def test_a_session_computes_on_the_threads_of_one_video(from_file: bool, tmp_path: Path) -> None:
    path = tmp_path / "double.onnx"
    path.write_bytes(make_model())
    session = make_onnx_session(path if from_file else make_model())
    (result,) = session.run(None, {"x": np.array([1, 2], np.float32)})
    assert result.tolist() == [2, 4]
    assert session.get_session_options().intra_op_num_threads == cpu_tuning.count_threads()


def test_a_session_keeps_no_memory_for_each_size_of_input() -> None:
    settings = make_onnx_session(make_model()).get_session_options()
    assert not settings.enable_cpu_mem_arena
    assert not settings.enable_mem_pattern
