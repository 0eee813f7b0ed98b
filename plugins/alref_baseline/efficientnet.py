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

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from alref import make_onnx_session
from alref_baseline.onnx_graph import OnnxGraph

if TYPE_CHECKING:
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
_NAME = "efficientnet_lite0"


class _FoldedGraph(OnnxGraph):
    """A graph of the network's weights, with batch normalization folded into the convolutions."""

    def __init__(self, weights: StateDict, source: str) -> None:
        super().__init__(source)
        self.weights = weights

    def add_convolution(self, name: str, norm: str, **attributes: Any) -> None:
        """Append a convolution with its batch normalization folded in."""
        scale = self.weights[f"{norm}.weight"] / np.sqrt(self.weights[f"{norm}.running_var"] + _EPSILON)
        kernel = self.weights[f"{name}.weight"] * scale[:, None, None, None]
        self.append_convolution(
            name, kernel, self.weights[f"{norm}.bias"] - self.weights[f"{norm}.running_mean"] * scale, attributes
        )

    def add_classifier(self, name: str) -> None:
        """Append a fully connected layer as a 1x1 convolution."""
        self.append_convolution(name, self.weights[f"{name}.weight"][:, :, None, None], self.weights[f"{name}.bias"], {})


def _compute_same_padding(kernel: int, stride: int, dilation: int) -> list[int]:
    """Return the SAME padding of TensorFlow for even sizes: top, left, bottom, right."""
    total = (kernel - 1) * dilation + 1 - stride
    return [total // 2, total // 2, total - total // 2, total - total // 2]


def _append_block(graph: _FoldedGraph, index: int, kernel: int, stride: int, dilation: int, skip: bool) -> None:
    """Append an inverted residual: expand, depthwise convolution, project; add the input if ``skip``."""
    name, entry = f"_blocks.{index}", graph.last_output
    if index > 0:
        graph.add_convolution(f"{name}._expand_conv", f"{name}._bn0")
        graph.append_relu6()
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
    graph.append_relu6()
    graph.add_convolution(f"{name}._project_conv", f"{name}._bn2")
    if skip:
        graph.append_node("Add", [graph.last_output, entry], f"{name}.sum")


def _append_stages(graph: _FoldedGraph, first: int, end: int) -> list[str]:
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


def build_feature_graph(weights: StateDict) -> bytes:
    """Return ONNX: ``image`` (1, 3, H, W) to ``fine`` (1, 40, H/8, W/8) and ``deep`` (1, 112, H/16, W/16)."""
    graph = _FoldedGraph(weights, "image")
    graph.add_convolution("_conv_stem", "_bn0", strides=[2, 2], pads=_compute_same_padding(3, 2, 1))
    graph.append_relu6()
    outputs = _append_stages(graph, 0, _DEEP_STAGE + 1)
    return graph.serialize(_NAME, ("image", 3), {outputs[_FINE_STAGE]: FINE_CHANNELS, outputs[_DEEP_STAGE]: DEEP_CHANNELS})


def build_class_graph(weights: StateDict) -> bytes:
    """Return ONNX: ``deep`` (1, 112, h, w) to class scores (logits) (1, 1000, h, w) of ImageNet."""
    graph = _FoldedGraph(weights, "deep")
    _append_stages(graph, _DEEP_STAGE + 1, len(_STAGES))
    graph.add_convolution("_conv_head", "_bn1")
    graph.append_relu6()
    graph.add_classifier("_fc")
    return graph.serialize(_NAME, ("deep", DEEP_CHANNELS), {graph.last_output: NUM_CLASSES})


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
