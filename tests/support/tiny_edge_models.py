"""Tiny models for LiteRT and OpenCV with the inputs and outputs of published ones; they know the color of an object."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import onnx
from ai_edge_litert import schema_py_generated as schema
from onnx import TensorProto, helper, numpy_helper

SIDE = 32


def save_red_segmentation(path: Path) -> None:
    """Write a TFLite model that scores how red each pixel is: float32 (1, SIDE, SIDE, 3) 0..1 to (1, SIDE, SIDE, 1)."""
    weights = np.array([12, -12, -12], np.float32).reshape(1, 1, 1, 3)
    arrays = [weights, np.array([-2], np.float32)]
    shapes = {
        "image": (1, SIDE, SIDE, 3),
        "weights": weights.shape,
        "bias": (1,),
        "red": (1, SIDE, SIDE, 1),
        "scores": (1, SIDE, SIDE, 1),
    }
    graph = schema.SubGraphT()
    graph.name = "main"
    graph.tensors = [_make_tensor(name, shape, {"weights": 1, "bias": 2}.get(name, 0)) for name, shape in shapes.items()]
    graph.inputs, graph.outputs = [0], [4]
    convolution = schema.Conv2DOptionsT()
    convolution.strideW = convolution.strideH = 1
    graph.operators = [
        _make_operator(0, [0, 1, 2], [3], schema.BuiltinOptions.Conv2DOptions, convolution),
        _make_operator(1, [3], [4]),
    ]
    model = schema.ModelT()
    model.version, model.description = 3, "redness"
    model.operatorCodes = [_make_code(schema.BuiltinOperator.CONV_2D), _make_code(schema.BuiltinOperator.LOGISTIC)]
    model.buffers = [schema.BufferT(), *map(_make_buffer, arrays)]
    model.subgraphs = [graph]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(bytes(builder.Output()))


def _make_tensor(name: str, shape: tuple[int, ...], buffer: int) -> Any:
    tensor = schema.TensorT()
    tensor.name, tensor.shape, tensor.buffer, tensor.type = name, list(shape), buffer, schema.TensorType.FLOAT32
    return tensor


def _make_operator(code: int, inputs: list[int], outputs: list[int], kind: int = 0, options: Any = None) -> Any:
    operator = schema.OperatorT()
    operator.opcodeIndex, operator.inputs, operator.outputs = code, inputs, outputs
    operator.builtinOptionsType, operator.builtinOptions = kind, options
    return operator


def _make_code(builtin: int) -> Any:
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = builtin
    return code


def _make_buffer(values: Any) -> Any:
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(values.tobytes(), np.uint8)
    return buffer


def save_color_nanotrack(backbone: Path, head: Path) -> None:
    """Write two ONNX files that OpenCV takes for NanoTrack: they find the color in the middle of the first image."""
    colors = np.zeros((48, 3, 1, 1), np.float32)
    colors[np.arange(48), np.arange(48) % 3] = 1 / 255
    cells = helper.make_node("AveragePool", ["input"], ["p"], kernel_shape=[16, 16], strides=[16, 16], pads=[0, 0, 1, 1])
    _save(
        backbone,
        [cells, helper.make_node("Conv", ["p", "w"], ["output"])],
        {"input": (3, 255)},
        {"output": (48, 16)},
        {"w": colors},
    )
    distance, size = np.zeros((2, 48, 1, 1), np.float32), np.zeros((4, 48, 1, 1), np.float32)
    distance[1] = -4
    constants = {
        "first": np.array([3, 3]),
        "last": np.array([5, 5]),
        "axes": np.array([2, 3]),
        "distance": distance,
        "size": size,
        "bias": np.array([0, 3], np.float32),
        "sides": np.array([24, 24, 40, 40], np.float32),
    }
    nodes = [
        helper.make_node("Slice", ["input1", "first", "last", "axes"], ["middle"]),
        helper.make_node("AveragePool", ["middle"], ["color"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Sub", ["input2", "color"], ["difference"]),
        helper.make_node("Mul", ["difference", "difference"], ["square"]),
        helper.make_node("Conv", ["square", "distance", "bias"], ["output1"]),
        helper.make_node("Conv", ["square", "size", "sides"], ["output2"]),
    ]
    _save(head, nodes, {"input1": (48, 8), "input2": (48, 16)}, {"output1": (2, 16), "output2": (4, 16)}, constants)


def _save(path: Path, nodes: Any, inputs: Any, outputs: Any, constants: dict[str, Any]) -> None:
    """Write a graph; inputs and outputs are given by their channels and their side."""
    values = [
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, channels, side, side])
            for name, (channels, side) in each.items()
        ]
        for each in (inputs, outputs)
    ]
    held = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    graph = helper.make_graph(nodes, "nanotrack", *values, held)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=7), str(path))
