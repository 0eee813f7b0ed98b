"""EfficientNet-Lite0 as dense features and dense class scores, run by onnxruntime.

The network (Tan and Le, ICML 2019, in its Lite form: no squeeze-and-excitation, ReLU6) is written as two ONNX graphs with
batch normalization folded into the convolutions. The last two stages are dilated instead of strided (a-trous, Chen et al.,
TPAMI 2018), so that class scores have a stride of 16 pixels instead of 32.

onnxruntime 1.31 was faster than the DNN module of OpenCV 5.0. Seconds per image on one thread of the same machine:

=========  ====================  ==========================
image      features (onnx, cv2)  class scores (onnx, cv2)
=========  ====================  ==========================
480 x 272  0.023, 0.064          0.038, 0.135
640 x 352  0.047, 0.119          0.072, 0.239
848 x 480  0.094, 0.224          0.125, 0.762
=========  ====================  ==========================
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from alref.models.onnx_sessions import make_onnx_session

if TYPE_CHECKING:
    from onnx import NodeProto

    from alref_baseline.weights import StateDict

FloatArray = npt.NDArray[np.float32]

SIZE_MULTIPLE = 16
"""The sides of an image must be multiples of this."""

FINE_CHANNELS, DEEP_CHANNELS, NUM_CLASSES = 40, 112, 1000
"""Channels of the two feature maps, and the number of ImageNet classes."""

_STAGES = ((1, 3, 1), (2, 3, 2), (2, 5, 2), (3, 3, 2), (3, 5, 1), (4, 5, 2), (1, 3, 1))
"""Blocks, kernel and stride of each stage, as in the paper."""
_FINE_STAGE, _DEEP_STAGE = 2, 4
_EPSILON = 1e-3


@dataclass
class _OnnxGraphBuilder:
    """An ONNX graph under construction: nodes are appended, ``last_output`` is the name of the latest output."""

    weights: StateDict
    last_output: str
    nodes: list[NodeProto] = field(default_factory=list)
    constants: dict[str, npt.NDArray[Any]] = field(default_factory=dict)

    def add_convolution(self, name: str, norm: str, **attributes: Any) -> None:
        """Append a convolution with its batch normalization folded in."""
        scale = self.weights[f"{norm}.weight"] / np.sqrt(self.weights[f"{norm}.running_var"] + _EPSILON)
        kernel = self.weights[f"{name}.weight"] * scale[:, None, None, None]
        self._append_convolution(
            name, kernel, self.weights[f"{norm}.bias"] - self.weights[f"{norm}.running_mean"] * scale, attributes
        )

    def add_classifier(self, name: str) -> None:
        """Append a fully connected layer as a 1x1 convolution."""
        self._append_convolution(name, self.weights[f"{name}.weight"][:, :, None, None], self.weights[f"{name}.bias"], {})

    def _append_convolution(
        self, name: str, kernel: npt.NDArray[Any], bias: npt.NDArray[Any], attributes: dict[str, Any]
    ) -> None:
        self.constants |= {f"{name}.kernel": kernel.astype(np.float32), f"{name}.offset": bias.astype(np.float32)}
        self.append_node("Conv", [self.last_output, f"{name}.kernel", f"{name}.offset"], name, **attributes)

    def add_relu6(self) -> None:
        """Append a ReLU6."""
        self.constants |= {"zero": np.array(0, np.float32), "six": np.array(6, np.float32)}
        self.append_node("Clip", [self.last_output, "zero", "six"], f"{self.last_output}.clipped")

    def append_node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> None:
        """Append one node and set ``last_output`` to its output."""
        from onnx import helper

        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        self.last_output = output


def _compute_same_padding(kernel: int, stride: int, dilation: int) -> list[int]:
    """Return the SAME padding of TensorFlow for even sizes: top, left, bottom, right."""
    total = (kernel - 1) * dilation + 1 - stride
    return [total // 2, total // 2, total - total // 2, total - total // 2]


def _append_block(graph: _OnnxGraphBuilder, index: int, kernel: int, stride: int, dilation: int, skip: bool) -> None:
    """Append an inverted residual: expand, depthwise convolution, project; add the input if ``skip``."""
    name, entry = f"_blocks.{index}", graph.last_output
    if index > 0:
        graph.add_convolution(f"{name}._expand_conv", f"{name}._bn0")
        graph.add_relu6()
    pads = _compute_same_padding(kernel, stride, dilation)
    channels = len(graph.weights[f"{name}._depthwise_conv.weight"])
    graph.add_convolution(
        f"{name}._depthwise_conv",
        f"{name}._bn1",
        strides=[stride, stride],
        dilations=[dilation, dilation],
        pads=pads,
        group=channels,
    )
    graph.add_relu6()
    graph.add_convolution(f"{name}._project_conv", f"{name}._bn2")
    if skip:
        graph.append_node("Add", [graph.last_output, entry], f"{name}.sum")


def _append_stages(graph: _OnnxGraphBuilder, first: int, end: int) -> list[str]:
    """Append stages ``first`` to ``end`` - 1; return the output name of each. Strides after the fourth are dilated."""
    index, outputs = sum(blocks for blocks, _, _ in _STAGES[:first]), []
    for number, (blocks, kernel, stride) in enumerate(_STAGES[first:end], start=first):
        dilated = number > _DEEP_STAGE
        for block in range(blocks):
            opening = block == 0
            keeps = (opening and number == _DEEP_STAGE + 1) or not dilated
            _append_block(graph, index, kernel, stride if opening and not dilated else 1, 1 if keeps else 2, not opening)
            index += 1
        outputs.append(graph.last_output)
    return outputs


def _serialize_model(graph: _OnnxGraphBuilder, source: tuple[str, int], outputs: dict[str, int]) -> bytes:
    """Return the ONNX model with one input and the named outputs, each with its channels; height and width are dynamic."""
    from onnx import TensorProto, helper, numpy_helper

    def make_value_info(name: str, channels: int) -> Any:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, channels, f"{name}_h", f"{name}_w"])

    constants = [numpy_helper.from_array(array, name) for name, array in graph.constants.items()]
    results = [make_value_info(name, channels) for name, channels in outputs.items()]
    made = helper.make_graph(graph.nodes, "efficientnet_lite0", [make_value_info(*source)], results, constants)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


def build_feature_graph(weights: StateDict) -> bytes:
    """Return ONNX: ``image`` (1, 3, H, W) to ``fine`` (1, 40, H/8, W/8) and ``deep`` (1, 112, H/16, W/16)."""
    graph = _OnnxGraphBuilder(weights, "image")
    graph.add_convolution("_conv_stem", "_bn0", strides=[2, 2], pads=_compute_same_padding(3, 2, 1))
    graph.add_relu6()
    outputs = _append_stages(graph, 0, _DEEP_STAGE + 1)
    return _serialize_model(graph, ("image", 3), {outputs[_FINE_STAGE]: FINE_CHANNELS, outputs[_DEEP_STAGE]: DEEP_CHANNELS})


def build_class_graph(weights: StateDict) -> bytes:
    """Return ONNX: ``deep`` (1, 112, h, w) to class scores (logits) (1, 1000, h, w) of ImageNet."""
    graph = _OnnxGraphBuilder(weights, "deep")
    _append_stages(graph, _DEEP_STAGE + 1, len(_STAGES))
    graph.add_convolution("_conv_head", "_bn1")
    graph.add_relu6()
    graph.add_classifier("_fc")
    return _serialize_model(graph, ("deep", DEEP_CHANNELS), {graph.last_output: NUM_CLASSES})


class EfficientNetLite:
    """The two graphs, ready to run."""

    def __init__(self, weights: StateDict) -> None:
        self._feature_session = make_onnx_session(build_feature_graph(weights))
        self._class_session = make_onnx_session(build_class_graph(weights))

    def extract_features(self, image: npt.NDArray[np.uint8]) -> tuple[FloatArray, FloatArray]:
        """Return (40, H/8, W/8) and (112, H/16, W/16) of an RGB image (H, W, 3), sides multiples of SIZE_MULTIPLE."""
        pixels = (image.transpose(2, 0, 1)[None].astype(np.float32) - 127.0) / 128.0
        fine, deep = self._feature_session.run(None, {"image": pixels})
        return fine[0], deep[0]

    def compute_class_scores(self, deep: FloatArray) -> FloatArray:
        """Return class scores (logits) (1000, h, w) of the second feature map (112, h, w)."""
        return np.asarray(self._class_session.run(None, {"deep": deep[None]})[0][0])
