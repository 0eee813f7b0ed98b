"""Locate a noun in a frame by dense class scores of the classifier; a small region is classified again in a closer view."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from alref import Mask
from alref_baseline.efficientnet import SIZE_MULTIPLE, FloatArray
from alref_baseline.features import VideoFeatures, resize_image
from alref_baseline.grabcut import find_connected_components
from alref_baseline.lexicon import NounEntry

_ZOOM_AREA = 0.05
"""Share of the frame below which a region is classified again in a closer view."""
_MIN_ZOOM_SIDE = 0.34
"""Minimum side of the closer view, as a share of the side of the frame."""
_MIN_CELLS = 8
"""Cells of 8 x 8 pixels that the smallest thing of the segmentation network takes."""
_SURE = 0.5
"""Probability in these cells from which the network's outline is used."""
_SEGMENT_TRUST = 0.7
"""Trust in the network where it is sure: it may see a part of the thing only."""
_UNSEGMENTED_TRUST = 0.5
"""Trust in the classifier where the segmentation network, which knows the noun, does not see it."""
_MAGNIFICATION = 2
"""Magnification of the closer view, which is at most as large as the frame."""


@dataclass(frozen=True)
class EvidenceMap:
    """The evidence for a noun in a frame: ``heatmap``, float32 (h, w) in 0..1 at half the internal size.

    ``probability`` is the greatest probability of its classes at any position, 0 at chance level. ``extent``, float32
    (rows, columns) in 0..1, is how likely each cell belongs to a thing of the noun, if the segmentation network sees one.
    """

    heatmap: FloatArray
    probability: float
    extent: FloatArray | None = None


def compute_class_evidence(
    video_features: VideoFeatures, frame: int, classes: Sequence[int], max_views: int = 1
) -> EvidenceMap:
    """Compute the evidence for ImageNet classes in a frame; up to ``max_views`` small regions are classified again, closer.

    Evidence is the square root of the probability of the classes, multiplied by how far their best score exceeds its median
    over the frame (after class activation maps, Zhou et al., CVPR 2016). In a closer view both views must agree; outside of
    them the evidence is reduced.
    """
    height, width = video_features.height // 2, video_features.width // 2
    scores = video_features.get_class_scores(frame)
    evidence = resize_image(_compute_activation(scores, classes), height, width)
    wide = compute_peak_probability(scores, classes)
    views = _find_close_views(evidence, max_views)
    if not views:
        return EvidenceMap(evidence, wide)
    closer = np.full_like(evidence, -1)
    for number, view in enumerate(views):
        seen, probability = _classify_closer(video_features, frame, classes, view)
        wide = max(wide, probability)
        top, bottom, left, right = view
        inside = (slice(top, bottom), slice(left, right))
        peak = evidence[inside].max() if number else evidence.max()
        close = seen * (peak / max(float(seen.max()), 1e-6))
        closer[inside] = np.maximum(closer[inside], np.sqrt(close * np.maximum(evidence[inside], 0.15 * close)))
    return EvidenceMap(np.where(closer < 0, evidence * np.float32(0.25), closer), wide)


def add_segments(video_features: VideoFeatures, frame: int, entry: NounEntry, found: EvidenceMap) -> EvidenceMap:
    """Add what the segmentation network says about a noun: the surer it is, the less the classifier counts.

    A thing of the noun's kin counts as far as the classifier sees the noun there.
    """
    maps, size = video_features.get_segments(frame), (video_features.rows, video_features.columns)
    seen = resize_image(found.heatmap / max(float(found.heatmap.max()), 1e-6), *size)
    own = maps[list(entry.segments)].max(axis=0, initial=0.0)
    own = np.maximum(own, maps[list(entry.kin)].max(axis=0, initial=0.0) * seen * np.float32(found.probability))
    sure = float(np.partition(own.ravel(), -_MIN_CELLS)[-_MIN_CELLS])
    near = resize_image(own * (0.75 + 0.25 * seen), *found.heatmap.shape)
    heatmap = np.maximum(near, np.float32(1 - _SEGMENT_TRUST * sure) * found.heatmap)
    trust = _UNSEGMENTED_TRUST if entry.segments else 1.0
    probability = 1 - (1 - sure) * (1 - trust * found.probability)
    return EvidenceMap(heatmap, probability, np.maximum(own, seen / 2) if sure >= _SURE else None)


def _classify_closer(
    video_features: VideoFeatures, frame: int, classes: Sequence[int], view: tuple[int, int, int, int]
) -> tuple[FloatArray, float]:
    """Return the activation in a rectangle of a frame, and the greatest probability there."""
    top, bottom, left, right = view
    closer = video_features.get_image(frame)[2 * top : 2 * bottom, 2 * left : 2 * right]
    size = (max(2, _MAGNIFICATION * side // SIZE_MULTIPLE) * SIZE_MULTIPLE for side in closer.shape[:2])
    limits = video_features.height, video_features.width
    enlarged = resize_image(closer, *(min(side, limit) for side, limit in zip(size, limits, strict=True)))
    close = video_features.compute_class_scores(enlarged)
    seen = resize_image(_compute_activation(close, classes), bottom - top, right - left)
    return seen, compute_peak_probability(close, classes)


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


def _find_close_views(evidence: FloatArray, count: int) -> list[tuple[int, int, int, int]]:
    """Return rectangles (top, bottom, left, right) around up to ``count`` of the strongest regions; none if those are large."""
    labels, areas = find_connected_components(evidence > 0.4 * evidence.max())
    mass = np.bincount(labels.ravel(), evidence.ravel(), len(areas))
    mass[0] = 0
    strongest = [int(number) for number in np.argsort(-mass, kind="stable")[:count] if mass[number] >= 0.2 * mass.max() > 0]
    if any(areas[number] > _ZOOM_AREA * evidence.size for number in strongest):
        return []
    return [view for number in strongest if (view := _frame_closely(labels == number)) is not None]


def _frame_closely(part: Mask) -> tuple[int, int, int, int] | None:
    """Return a rectangle around a region with some of its surroundings; None if it is most of the frame."""
    left, top, wide, high = cv2.boundingRect(part.astype(np.uint8))
    height, width = part.shape
    share = max(2.2 * wide / width, 2.2 * high / height, _MIN_ZOOM_SIDE)
    if share > 0.8:
        return None
    view_height, view_width = round(share * height), round(share * width)
    top = int(np.clip(top + high / 2 - view_height / 2, 0, height - view_height))
    left = int(np.clip(left + wide / 2 - view_width / 2, 0, width - view_width))
    return top, top + view_height, left, left + view_width
