"""Where a frame shows what a noun means: dense class scores of the classifier, looked at again up close when it is small."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from alref_baseline.efficientnet import Floats
from alref_baseline.features import Eye, resized
from alref_baseline.grabcut import parts

_SMALL = 0.05
"""Share of the frame below which a region is looked at up close."""
_CLOSE = 0.34
"""Side of the closest view, as a share of the frame's."""


@dataclass(frozen=True)
class Evidence:
    """Where a frame shows a noun, float32 (h, w) in 0..1 at half the internal size, and how probable the noun is.

    ``probability`` is that of the classes at their surest place, 0 at chance.
    """

    map: Floats
    probability: float


def class_evidence(eye: Eye, frame: int, classes: Sequence[int]) -> Evidence:
    """Look for ImageNet classes on a frame.

    Evidence is the square root of the classes' probability times the height of their best score over the frame's median
    (after class activation maps, Zhou et al., CVPR 2016).
    """
    height, width = eye.height // 2, eye.width // 2
    scores = eye.classes(frame)
    evidence = resized(_map(scores, classes), height, width)
    wide = above_chance(scores, classes)
    view = _close_view(evidence)
    if view is None:
        return Evidence(evidence, wide)
    top, bottom, left, right = view
    close = eye.classes_of(resized(eye.picture(frame)[2 * top : 2 * bottom, 2 * left : 2 * right], eye.height, eye.width))
    seen = resized(_map(close, classes), bottom - top, right - left)
    return Evidence(_merged(evidence, seen, view), max(wide, above_chance(close, classes)))


def above_chance(scores: Floats, classes: Sequence[int]) -> float:
    """Return the greatest probability of the classes anywhere, 0 at what they would get by their number alone."""
    chance = len(classes) / len(scores)
    return float(max(0.0, (_probability(scores, classes).max() - chance) / (1 - chance)))


def _probability(scores: Floats, classes: Sequence[int]) -> Floats:
    likely = np.exp(scores - scores.max(axis=0))
    return np.asarray(likely[list(classes)].sum(axis=0) / likely.sum(axis=0), np.float32)


def _map(scores: Floats, classes: Sequence[int]) -> Floats:
    best = scores[list(classes)].max(axis=0)
    height = np.maximum(best - np.median(best), 0)
    return np.asarray(np.sqrt(_probability(scores, classes)) * height / max(float(height.max()), 1e-6), np.float32)


def _close_view(evidence: Floats) -> tuple[int, int, int, int] | None:
    """Return the rectangle (top, bottom, left, right) around the strongest region where that is small, else None."""
    labels, areas = parts(evidence > 0.4 * evidence.max())
    mass = np.bincount(labels.ravel(), evidence.ravel(), len(areas))
    mass[0] = 0
    strongest = int(mass.argmax())
    if not mass[strongest] or areas[strongest] > _SMALL * evidence.size:
        return None
    left, top, wide, high = cv2.boundingRect((labels == strongest).astype(np.uint8))
    height, width = evidence.shape
    share = max(2.2 * wide / width, 2.2 * high / height, _CLOSE)
    if share > 0.8:
        return None
    view_height, view_width = round(share * height), round(share * width)
    top = int(np.clip(top + high / 2 - view_height / 2, 0, height - view_height))
    left = int(np.clip(left + wide / 2 - view_width / 2, 0, width - view_width))
    return top, top + view_height, left, left + view_width


def _merged(evidence: Floats, seen: Floats, view: tuple[int, int, int, int]) -> Floats:
    """Put the close view in its place: there both must agree, elsewhere evidence is weaker."""
    top, bottom, left, right = view
    merged = evidence * 0.25
    close = seen / max(float(seen.max()), 1e-6) * evidence.max()
    merged[top:bottom, left:right] = np.sqrt(close * np.maximum(evidence[top:bottom, left:right], 0.15 * close))
    return np.asarray(merged, np.float32)
