"""Locate a noun in a frame by dense class scores of the classifier; a small region is classified again in a closer view."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from alref_baseline.efficientnet import SIZE_MULTIPLE, FloatArray
from alref_baseline.features import VideoFeatures, resize_image
from alref_baseline.grabcut import find_connected_components

_ZOOM_AREA = 0.05
"""Share of the frame below which a region is classified again in a closer view."""
_MIN_ZOOM_SIDE = 0.34
"""Minimum side of the closer view, as a share of the side of the frame."""
_MAGNIFICATION = 2
"""Magnification of the closer view, which is at most as large as the frame."""


@dataclass(frozen=True)
class EvidenceMap:
    """The evidence for a noun in a frame: ``heatmap``, float32 (h, w) in 0..1 at half the internal size.

    ``probability`` is the greatest probability of its classes at any position, 0 at chance level.
    """

    heatmap: FloatArray
    probability: float


def compute_class_evidence(video_features: VideoFeatures, frame: int, classes: Sequence[int]) -> EvidenceMap:
    """Compute the evidence for ImageNet classes in a frame.

    Evidence is the square root of the probability of the classes, multiplied by how far their best score exceeds its median
    over the frame (after class activation maps, Zhou et al., CVPR 2016).
    """
    height, width = video_features.height // 2, video_features.width // 2
    scores = video_features.get_class_scores(frame)
    evidence = resize_image(_compute_activation(scores, classes), height, width)
    wide = compute_peak_probability(scores, classes)
    view = _find_close_view(evidence)
    if view is None:
        return EvidenceMap(evidence, wide)
    top, bottom, left, right = view
    closer = video_features.get_image(frame)[2 * top : 2 * bottom, 2 * left : 2 * right]
    size = (max(2, _MAGNIFICATION * side // SIZE_MULTIPLE) * SIZE_MULTIPLE for side in closer.shape[:2])
    limits = video_features.height, video_features.width
    enlarged = resize_image(closer, *(min(side, limit) for side, limit in zip(size, limits, strict=True)))
    close = video_features.compute_class_scores(enlarged)
    seen = resize_image(_compute_activation(close, classes), bottom - top, right - left)
    return EvidenceMap(_merge_views(evidence, seen, view), max(wide, compute_peak_probability(close, classes)))


def compute_peak_probability(scores: FloatArray, classes: Sequence[int]) -> float:
    """Return the greatest probability of the classes at any position, rescaled so that chance level (their number) is 0."""
    chance = len(classes) / len(scores)
    return float(max(0.0, (_compute_probability(scores, classes).max() - chance) / (1 - chance)))


def _compute_probability(scores: FloatArray, classes: Sequence[int]) -> FloatArray:
    likely = np.exp(scores - scores.max(axis=0))
    return np.asarray(likely[list(classes)].sum(axis=0) / likely.sum(axis=0), np.float32)


def _compute_activation(scores: FloatArray, classes: Sequence[int]) -> FloatArray:
    best = scores[list(classes)].max(axis=0)
    height = np.maximum(best - np.median(best), 0)
    return np.asarray(np.sqrt(_compute_probability(scores, classes)) * height / max(float(height.max()), 1e-6), np.float32)


def _find_close_view(evidence: FloatArray) -> tuple[int, int, int, int] | None:
    """Return the rectangle (top, bottom, left, right) around the strongest region if it is small, else None."""
    labels, areas = find_connected_components(evidence > 0.4 * evidence.max())
    mass = np.bincount(labels.ravel(), evidence.ravel(), len(areas))
    mass[0] = 0
    strongest = int(mass.argmax())
    if not mass[strongest] or areas[strongest] > _ZOOM_AREA * evidence.size:
        return None
    left, top, wide, high = cv2.boundingRect((labels == strongest).astype(np.uint8))
    height, width = evidence.shape
    share = max(2.2 * wide / width, 2.2 * high / height, _MIN_ZOOM_SIDE)
    if share > 0.8:
        return None
    view_height, view_width = round(share * height), round(share * width)
    top = int(np.clip(top + high / 2 - view_height / 2, 0, height - view_height))
    left = int(np.clip(left + wide / 2 - view_width / 2, 0, width - view_width))
    return top, top + view_height, left, left + view_width


def _merge_views(evidence: FloatArray, close_evidence: FloatArray, view: tuple[int, int, int, int]) -> FloatArray:
    """Insert the close view at its position: inside it both views must agree, outside it the evidence is reduced."""
    top, bottom, left, right = view
    merged = evidence * 0.25
    close = close_evidence / max(float(close_evidence.max()), 1e-6) * evidence.max()
    merged[top:bottom, left:right] = np.sqrt(close * np.maximum(evidence[top:bottom, left:right], 0.15 * close))
    return np.asarray(merged, np.float32)
