"""An ONNX graph under construction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from onnx import NodeProto


@dataclass
class OnnxGraph:
    """Nodes are appended; ``last_output`` is the name of the latest output, at first of the input."""

    last_output: str
    nodes: list[NodeProto] = field(default_factory=list)
    constants: dict[str, npt.NDArray[Any]] = field(default_factory=dict)

    def append_node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> None:
        """Append one node and set ``last_output`` to its output."""
        from onnx import helper

        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        self.last_output = output

    def append_convolution(
        self, name: str, kernel: npt.NDArray[Any], bias: npt.NDArray[Any], attributes: Mapping[str, Any]
    ) -> None:
        """Append a convolution of the latest output; ``kernel`` is (outputs, inputs of a group, height, width)."""
        self.constants |= {f"{name}.kernel": kernel.astype(np.float32), f"{name}.offset": bias.astype(np.float32)}
        self.append_node("Conv", [self.last_output, f"{name}.kernel", f"{name}.offset"], name, **attributes)

    def append_relu6(self) -> None:
        """Append a ReLU6 of the latest output."""
        self.constants |= {"zero": np.array(0, np.float32), "six": np.array(6, np.float32)}
        self.append_node("Clip", [self.last_output, "zero", "six"], f"{self.last_output}.clipped")

    def serialize(self, name: str, source: tuple[str, int], outputs: Mapping[str, int]) -> bytes:
        """Return the ONNX model with one input and the named outputs, each with its channels; height and width are dynamic."""
        from onnx import TensorProto, helper, numpy_helper

        def make_value_info(name: str, channels: int) -> Any:
            return helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, channels, f"{name}_h", f"{name}_w"])

        constants = [numpy_helper.from_array(array, name) for name, array in self.constants.items()]
        results = [make_value_info(name, channels) for name, channels in outputs.items()]
        graph = helper.make_graph(self.nodes, name, [make_value_info(*source)], results, constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        return bytes(model.SerializeToString())
