"""Label propagation: compute the labels of cells from similar cells with known labels.

Each cell takes the label of its nearest neighbors in feature space, weighted by a softmax of cosine similarity, as in
space-time correspondence learning (Jabri et al., NeurIPS 2020). Neighbors come from a window of the previous frame and from a
memory of cells of the pivot frames.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alref_baseline.efficientnet import FloatArray
from alref_baseline.neighbor_search import Roi, find_window_neighbors

TEMPERATURE = 0.05
NEIGHBORS = 8
_SMOOTHING_NEIGHBORS = 16
RADIUS = 6
"""Maximum motion of an object between two frames, in cells in each direction."""


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


def combine_labels(similarity: FloatArray, labels: FloatArray) -> FloatArray:
    """Return the mean of the labels (N, K), weighted by the softmax of their similarities: float32 (N,)."""
    weights = np.exp((similarity - similarity.max(axis=1, keepdims=True)) / np.float32(TEMPERATURE))
    return np.asarray((weights * labels).sum(axis=1) / weights.sum(axis=1), np.float32)


def smooth_label(features: FloatArray, label: FloatArray, rounds: int = 2) -> FloatArray:
    """Replace the label of each cell by that of similar neighboring cells in the same frame, ``rounds`` times."""
    everywhere = Roi(0, label.shape[0], 0, label.shape[1])
    similarity, cells = find_window_neighbors(features, everywhere, features, everywhere, RADIUS, _SMOOTHING_NEIGHBORS)
    for _ in range(rounds):
        label = combine_labels(similarity, label.ravel()[cells]).reshape(label.shape)
    return label
