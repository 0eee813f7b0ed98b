"""The ONNX models that the examples of ``alref plugins new --model`` run: a few operations instead of trained weights."""

from __future__ import annotations

import onnx
from onnx import TensorProto, helper

_Value = tuple[str, list[str | int]]
"""The name and the shape of an input or an output."""
_IMAGE: _Value = ("image", ["height", "width", 3])
_SCORES: _Value = ("scores", ["height", "width"])
_LAST_INDEX = 2**63 - 1


def build_example_model(kind: str) -> bytes:
    """Return the model of the example of a kind of component: ``proposer``, ``propagator`` or ``tagger``."""
    model: bytes = _BUILDERS[kind]().SerializeToString()
    return model


def _build_contrast_model() -> onnx.ModelProto:
    """Return a model that scores the contrast of each pixel of an image 0..1 to the mean color, 0..1."""
    nodes = [
        helper.make_node("ReduceMean", ["image"], ["mean"], axes=[0, 1], keepdims=1),
        helper.make_node("Sub", ["image", "mean"], ["difference"]),
        helper.make_node("Abs", ["difference"], ["contrast"]),
        helper.make_node("ReduceMax", ["contrast"], ["color"], axes=[2], keepdims=0),
        helper.make_node("ReduceMax", ["color"], ["largest"], axes=[0, 1], keepdims=1),
        helper.make_node("Max", ["largest", "smallest"], ["divisor"]),
        helper.make_node("Div", ["color", "divisor"], ["scores"]),
    ]
    return _make_model(nodes, [_IMAGE], _SCORES, [helper.make_tensor("smallest", TensorProto.FLOAT, [], [0.1])])


def _build_likeness_model() -> onnx.ModelProto:
    """Return a model that compares the color of each pixel of an image 0..1 with that of an object, 0..1."""
    nodes = [
        helper.make_node("Sub", ["image", "color"], ["difference"]),
        helper.make_node("Abs", ["difference"], ["distance"]),
        helper.make_node("ReduceMax", ["distance"], ["largest"], axes=[2], keepdims=0),
        helper.make_node("Mul", ["largest", "steepness"], ["steep"]),
        helper.make_node("Sub", ["one", "steep"], ["fits"]),
        helper.make_node("Relu", ["fits"], ["scores"]),
    ]
    constants = {"one": 1.0, "steepness": 4.0}
    held = [helper.make_tensor(name, TensorProto.FLOAT, [], [value]) for name, value in constants.items()]
    return _make_model(nodes, [_IMAGE, ("color", [3])], _SCORES, held)


def _build_pitch_model() -> onnx.ModelProto:
    """Return a model that scores a low and a high pitch, 0..1, by how much successive samples differ."""
    nodes = [
        helper.make_node("Slice", ["audio", "second", "end"], ["later"]),
        helper.make_node("Slice", ["audio", "first", "last"], ["earlier"]),
        helper.make_node("Sub", ["later", "earlier"], ["difference"]),
        helper.make_node("ReduceSumSquare", ["difference"], ["changes"], axes=[0], keepdims=1),
        helper.make_node("ReduceSumSquare", ["audio"], ["power"], axes=[0], keepdims=1),
        helper.make_node("Mul", ["power", "middle"], ["usual"]),
        helper.make_node("Add", ["changes", "usual"], ["total"]),
        helper.make_node("Div", ["usual", "total"], ["low"]),
        helper.make_node("Div", ["changes", "total"], ["high"]),
        helper.make_node("Concat", ["low", "high"], ["scores"], axis=0),
    ]
    places = {"first": 0, "second": 1, "last": -1, "end": _LAST_INDEX}
    held = [helper.make_tensor(name, TensorProto.INT64, [1], [place]) for name, place in places.items()]
    held.append(helper.make_tensor("middle", TensorProto.FLOAT, [1], [0.15]))
    return _make_model(nodes, [("audio", ["samples"])], ("scores", [2]), held)


_BUILDERS = {"proposer": _build_contrast_model, "propagator": _build_likeness_model, "tagger": _build_pitch_model}


def _make_model(
    nodes: list[onnx.NodeProto], inputs: list[_Value], output: _Value, constants: list[onnx.TensorProto]
) -> onnx.ModelProto:
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in [*inputs, output]]
    graph = helper.make_graph(nodes, "example", values[:-1], values[-1:], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
