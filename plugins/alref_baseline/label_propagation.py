"""Label propagation: compute the labels of cells from similar cells with known labels.

Each cell takes the label of its nearest neighbors in feature space, weighted by a softmax of cosine similarity, as in
space-time correspondence learning (Jabri et al., NeurIPS 2020). Neighbors come from a window of the previous frame and from a
memory of cells of the pivot frames.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from alref_baseline.efficientnet import FloatArray

TEMPERATURE = 0.05
NEIGHBORS = 8
_SMOOTHING_NEIGHBORS = 16
RADIUS = 6
"""Maximum motion of an object between two frames, in cells in each direction."""


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


def find_label_roi(label: FloatArray, margin: int) -> Roi:
    """Return the rectangle of cells with label above 0.05, grown by ``margin``; the whole grid if there are none."""
    rows, columns = np.nonzero(label > 0.05)
    if not len(rows):
        return Roi(0, label.shape[0], 0, label.shape[1])
    return Roi(
        max(0, int(rows.min()) - margin),
        min(label.shape[0], int(rows.max()) + margin + 1),
        max(0, int(columns.min()) - margin),
        min(label.shape[1], int(columns.max()) + margin + 1),
    )


@dataclass(frozen=True)
class LabelMemory:
    """Cells of pivot frames: ``keys`` float32 (K, C) of length 1, ``labels`` float32 (K,) in 0..1."""

    keys: FloatArray
    labels: FloatArray


def compare_window(
    query: FloatArray, keys: FloatArray, labels: FloatArray, roi: Roi, radius: int
) -> tuple[FloatArray, FloatArray]:
    """Compare each cell of ``roi`` with its neighborhood in another frame.

    ``query`` and ``keys`` are (rows, columns, C), ``labels`` (rows, columns). Returns similarities and labels, each (N, W) with
    N cells of the rectangle in row-major order and W = (2 radius + 1)^2; similarity is -1 outside the frame.
    """
    size, width = 2 * radius + 1, roi.right - roi.left
    height, pad = roi.bottom - roi.top, ((radius, radius), (radius, radius))
    part = np.ascontiguousarray(query[roi.index])
    padded = np.pad(keys, (*pad, (0, 0)))[roi.top : roi.bottom + 2 * radius, roi.left : roi.right + 2 * radius]
    columns = np.ascontiguousarray(padded.transpose(0, 2, 1))
    similar = np.empty((height, width, size, size), np.float32)
    for row in range(size):
        full = part @ columns[row : row + height]
        step = full.strides
        band = np.lib.stride_tricks.as_strided(full, (height, width, size), (step[0], step[1] + step[2], step[2]))
        similar[:, :, row] = band
    there = np.pad(np.ones(labels.shape, bool), pad)
    rectangle = Roi(roi.top, roi.bottom + 2 * radius, roi.left, roi.right + 2 * radius).index
    views = np.lib.stride_tricks.sliding_window_view
    similar[~views(there[rectangle], (size, size))] = -1
    around_ = views(np.pad(labels, pad)[rectangle], (size, size))
    return similar.reshape(height * width, -1), around_.reshape(height * width, -1)


def select_neighbor_labels(similarity: FloatArray, labels: FloatArray, count: int = NEIGHBORS) -> tuple[FloatArray, FloatArray]:
    """Select the ``count`` most similar entries of each row: (N, W) to (N, count); ``labels`` may be (W,) for all rows."""
    kept, best = find_neighbors(similarity, count)
    return kept, labels[best] if labels.ndim == 1 else np.take_along_axis(labels, best, axis=1)


def find_neighbors(similarity: FloatArray, count: int = NEIGHBORS) -> tuple[FloatArray, npt.NDArray[np.intp]]:
    """Return the ``count`` greatest values of each row of (N, W), or all W if there are fewer, and their columns."""
    count = min(count, similarity.shape[1])
    best = np.argpartition(similarity, -count, axis=1)[:, -count:]
    return np.take_along_axis(similarity, best, axis=1), best


def combine_labels(similarity: FloatArray, labels: FloatArray) -> FloatArray:
    """Return the mean of the labels (N, K), weighted by the softmax of their similarities: float32 (N,)."""
    weights = np.exp((similarity - similarity.max(axis=1, keepdims=True)) / np.float32(TEMPERATURE))
    return np.asarray((weights * labels).sum(axis=1) / weights.sum(axis=1), np.float32)


def smooth_label(features: FloatArray, label: FloatArray, rounds: int = 2) -> FloatArray:
    """Replace the label of each cell by that of similar neighboring cells in the same frame, ``rounds`` times."""
    everywhere = Roi(0, label.shape[0], 0, label.shape[1])
    similar, _ = compare_window(features, features, label, everywhere, RADIUS)
    weights, best = find_neighbors(similar, _SMOOTHING_NEIGHBORS)
    for _ in range(rounds):
        views = np.lib.stride_tricks.sliding_window_view(np.pad(label, RADIUS), (2 * RADIUS + 1,) * 2)
        near = np.take_along_axis(views.reshape(label.size, -1), best, axis=1)
        label = combine_labels(weights, near).reshape(label.shape)
    return label
