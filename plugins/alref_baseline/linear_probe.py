"""A linear probe on the features of one video, which finds the extent of an object from rough seeds.

Seeds are confidences that cells belong to the object, known for some cells. Ridge regression from features, color and position
to the seeds predicts all cells; the prediction is the seed of the next round (self-training).
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from alref_baseline.efficientnet import FloatArray
from alref_baseline.features import CELL_SIZE, VideoFeatures, resize_image

_RIDGE = 0.05
_FEATURE_SCALE = 3.0
_LAB_SCALE = np.array([60, 25, 25], np.float32)
_POSITION_SCALE = 0.5
_STEEPNESS = 4.0


def compute_descriptors(video_features: VideoFeatures, frame: int, *more: FloatArray, color_scale: float = 1.0) -> FloatArray:
    """Return the descriptor of each cell, float32 (rows, columns, D): features, Lab color, position, ``more`` maps, 1."""
    small = resize_image(video_features.get_image(frame), video_features.rows, video_features.columns).astype(np.float32) / 255
    color = cv2.cvtColor(small, cv2.COLOR_RGB2Lab) * (color_scale / _LAB_SCALE)
    down, across = np.meshgrid(
        *(np.linspace(-1, 1, count, dtype=np.float32) for count in (video_features.rows, video_features.columns)), indexing="ij"
    )
    aspect = np.float32(video_features.width / video_features.height)
    place = np.stack([down, across * aspect], axis=2) * np.float32(_POSITION_SCALE)
    ones = np.ones((video_features.rows, video_features.columns), np.float32)
    parts = [video_features.get_features(frame) * _FEATURE_SCALE, color, place, *more, ones]
    return np.dstack(parts).astype(np.float32)


def normalize_weights(inside: FloatArray, outside: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Normalize the weights of cells as examples of object and background: each sums to 1, or is all 0."""
    return inside / max(float(inside.sum()), 1e-9), outside / max(float(outside.sum()), 1e-9)


def fit_predict(cells: Sequence[FloatArray], weights: Sequence[tuple[FloatArray, FloatArray]]) -> list[FloatArray]:
    """Fit one probe to several frames and return its prediction for each: float32 (rows, columns), 0..1.

    ``cells`` are the descriptors of the frames; ``weights`` are the weights of each cell as object and as background.
    """
    size = cells[0].shape[2]
    squares, targets = np.eye(size) * _RIDGE * len(cells), np.zeros(size)
    for each, (inside, outside) in zip(cells, weights, strict=True):
        used = inside + outside > 0
        flat, weight, target = each[used], (inside + outside)[used], (inside - outside)[used]
        squares += flat.T @ (flat * weight[:, None])
        targets += flat.T @ target
    probe = np.linalg.solve(squares, targets).astype(np.float32)
    return [np.asarray(1 / (1 + np.exp(-_STEEPNESS * (each @ probe))), np.float32) for each in cells]


def score_cells_in_box(video_features: VideoFeatures, frame: int, box: FloatArray) -> FloatArray:
    """Return the confidence that a cell is in the object in ``box`` (xyxy, internal pixels): float32 (rows, columns), 0..1."""
    center, half = (box[:2] + box[2:]) / 2, np.maximum(box[2:] - box[:2], CELL_SIZE) / 2
    down, across = np.meshgrid(np.arange(video_features.rows) + 0.5, np.arange(video_features.columns) + 0.5, indexing="ij")
    off = np.stack([across * CELL_SIZE - center[0], down * CELL_SIZE - center[1]], axis=2) / half
    within = np.abs(off).max(axis=2) <= 1
    near = (np.abs(off).max(axis=2) < 3) & ~within
    chance = np.asarray(np.exp(-(off**2).sum(axis=2) / 0.8) * within, np.float32)
    cells = compute_descriptors(video_features, frame)
    for _ in range(2):
        outside = np.where(within, np.maximum(0.15 - chance, 0), 0.3 * near)
        chance = fit_predict([cells], [normalize_weights(np.maximum(chance - 0.4, 0), outside)])[0] * within
    return chance
