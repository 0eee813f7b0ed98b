"""Find the most similar vectors, by matrix product and selection in one call of onnxruntime.

One call is one large product. Many small products would each wake the threads of BLAS, which then spin: next to other busy
processes this took twice the CPU time.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from alref import make_onnx_session
from alref_baseline.efficientnet import FloatArray

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

IndexArray = npt.NDArray[np.int64]

_BLOCK = 8
"""Side of a square of cells that are compared with the same neighborhood, which contains the window of each."""
_EXCLUDED = np.float32(-8)
"""Added to the similarity, -1..1, of a cell outside the window."""


@dataclass(frozen=True)
class Roi:
    """A rectangle of cells: rows ``top`` to ``bottom`` - 1, columns ``left`` to ``right`` - 1."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def index(self) -> tuple[slice, slice]:
        """The rectangle as an index of an array (rows, columns, ...)."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    @property
    def area(self) -> int:
        """The number of cells."""
        return (self.bottom - self.top) * (self.right - self.left)

    def contains(self, other: Roi) -> bool:
        """Return whether all cells of ``other`` are in this rectangle."""
        rows = self.top <= other.top and other.bottom <= self.bottom
        return rows and self.left <= other.left and other.right <= self.right

    def shift_into(self, outer: Roi) -> Roi:
        """Return the same rectangle, counted from the corner of ``outer``."""
        return Roi(self.top - outer.top, self.bottom - outer.top, self.left - outer.left, self.right - outer.left)


def find_neighbors(query: FloatArray, keys: FloatArray, count: int) -> tuple[FloatArray, IndexArray]:
    """Return the ``count`` most similar of ``keys`` (K, C) for each row of ``query`` (N, C), or all K if there are fewer.

    Returns their dot products and their rows in ``keys``, each (N, count), in no particular order.
    """
    similarity, index = _run_search({"query": query[None], "keys": keys[None]}, min(count, len(keys)))
    return similarity[0], index[0]


def find_window_neighbors(
    query: FloatArray, roi: Roi, keys: FloatArray, key_roi: Roi, radius: int, count: int
) -> tuple[FloatArray, IndexArray]:
    """Return the ``count`` most similar cells of another frame within ``radius`` cells, for each cell of ``roi``.

    ``query`` are the vectors of ``roi`` (rows, columns, C) and ``keys`` those of ``key_roi`` in the other frame. Returns dot
    products and cells of ``key_roi``, each (N, count); N cells and their neighbors are numbered by row and column. If there are
    fewer cells, the rest has products below -1.
    """
    (height, width, channels), query_width = keys.shape, query.shape[1]
    down, across = np.arange(roi.top, roi.bottom, _BLOCK), np.arange(roi.left, roi.right, _BLOCK)
    inside, around = np.arange(_BLOCK), np.arange(-radius, _BLOCK + radius)
    rows, columns = down[:, None] + inside - roi.top, across[:, None] + inside - roi.left
    asked = _combine_axes(np.minimum(rows, len(query) - 1), np.minimum(columns, query_width - 1), query_width)
    near_rows, near_columns = down[:, None] + around - key_roi.top, across[:, None] + around - key_roi.left
    cells = _combine_axes(near_rows, near_columns, width)
    cells[_combine_axes(_is_outside(near_rows, height), _is_outside(near_columns, width), 1) > 0] = -1
    outside = np.where(cells < 0, _EXCLUDED, np.float32(0))[:, None]
    blocks = {"query": query.reshape(-1, channels)[asked], "keys": keys.reshape(-1, channels)[cells]}
    similarity, place = _run_search(blocks | {"window_bias": _build_window_bias(radius), "border_bias": outside}, count)
    index = np.take_along_axis(cells[:, None], place, axis=2)

    def join_blocks(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Order the cells of all blocks by row and column, and remove those outside the rectangle."""
        blocks = values.reshape(len(down), len(across), _BLOCK, _BLOCK, count).swapaxes(1, 2)
        grid = blocks.reshape(len(down) * _BLOCK, len(across) * _BLOCK, count)
        return grid[: roi.bottom - roi.top, : roi.right - roi.left].reshape(-1, count)

    return join_blocks(similarity), join_blocks(index)


def _is_outside(places: IndexArray, length: int) -> IndexArray:
    return ((places < 0) | (places >= length)).astype(np.int64)


def _combine_axes(down: IndexArray, across: IndexArray, factor: int) -> IndexArray:
    """Combine rows (B, n) and columns (D, m) of blocks to ``row * factor + column``, (B * D, n * m)."""
    combined = down[:, None, :, None] * factor + across[None, :, None, :]
    return np.asarray(combined.reshape(len(down) * len(across), -1), np.int64)


@lru_cache(maxsize=2)
def _build_window_bias(radius: int) -> FloatArray:
    """Return, for each cell of a block and each cell of its neighborhood, 0 inside the window of the cell, else _EXCLUDED."""
    step = np.arange(-radius, _BLOCK + radius) - np.arange(_BLOCK)[:, None]
    near = np.abs(step) <= radius
    within = near[:, None, :, None] & near[None, :, None, :]
    return np.where(within.reshape(1, _BLOCK**2, -1), np.float32(0), _EXCLUDED)


def _run_search(given: dict[str, FloatArray], count: int) -> tuple[FloatArray, IndexArray]:
    """Search each batch of ``query`` (B, N, C) in the same batch of ``keys`` (B, M, C).

    ``window_bias`` (1, N, M) and ``border_bias`` (B, 1, M), if they are given, are added to the products.
    """
    session = _load_search(has_windows="window_bias" in given)
    similarity, index = session.run(None, given | {"count": np.array([count], np.int64)})
    return similarity, index


@lru_cache(maxsize=2)
def _load_search(has_windows: bool) -> InferenceSession:
    from onnx import TensorProto, helper

    def describe(name: str, *shape: str, kind: int = TensorProto.FLOAT) -> Any:
        return helper.make_tensor_value_info(name, kind, shape)

    nodes = [
        helper.make_node("Transpose", ["keys"], ["columns"], perm=[0, 2, 1]),
        helper.make_node("MatMul", ["query", "columns"], ["products"]),
    ]
    inputs = [
        describe("query", "batch", "queries", "channels"),
        describe("keys", "batch", "cells", "channels"),
        describe("count", "one", kind=TensorProto.INT64),
    ]
    if has_windows:
        nodes += [
            helper.make_node("Add", ["products", "window_bias"], ["within"]),
            helper.make_node("Add", ["within", "border_bias"], ["inside"]),
        ]
        inputs += [
            describe("window_bias", "one", "window_queries", "window_cells"),
            describe("border_bias", "batch", "one", "cells"),
        ]
    nodes.append(helper.make_node("TopK", [nodes[-1].output[0], "count"], ["similarity", "index"], sorted=0))
    shape = ("batch", "queries", "found")
    outputs = [describe("similarity", *shape), describe("index", *shape, kind=TensorProto.INT64)]
    graph = helper.make_graph(nodes, "neighbor_search", inputs, outputs)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return make_onnx_session(model.SerializeToString())
