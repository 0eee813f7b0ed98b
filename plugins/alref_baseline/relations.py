"""Score spatial relations of two boxes: "next to the bench", "on the table"."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from alref import Mask, Video
from alref_baseline.grammar import ObjectDescription
from alref_baseline.grounding import GroundingQuery, find_grounding
from alref_baseline.regions import Region

NormalizedBox = tuple[float, float, float, float]

_SAME_OBJECT_IOU = 0.6
"""IoU above which two regions are the same object."""


def find_other_regions(video: Video, frame: int, other: ObjectDescription) -> list[Region]:
    """Return the regions of the related object on a frame, best first; empty if it is not found."""
    found = find_grounding(video, GroundingQuery(other.text), [frame])
    return [] if found.is_absent else [each.region for each in found.get_regions(frame)]


def score_relation(relation: str, box: NormalizedBox, mask: Mask, regions: Sequence[Region]) -> float:
    """Return how well an object is related to the best of the other regions: 0..1."""
    apart = [other for other in regions if (mask & other.mask).sum() < _SAME_OBJECT_IOU * (mask | other.mask).sum()]
    return max((score_box_relation(relation, box, other.box) for other in apart), default=0.0)


def score_box_relation(relation: str, one: NormalizedBox, other: NormalizedBox) -> float:
    """Return how well box ``one`` has a relation of the grammar to ``other``: 0..1, from boxes ``xyxy`` in 0..1."""
    way = _RELATION_SCORES.get(relation)
    return _score_nearness(one, other) * (way(one, other) if way else 1.0)


def _score_nearness(one: NormalizedBox, other: NormalizedBox) -> float:
    """Return 1 for boxes that touch, 0.5 for boxes that are half their mean diagonal apart."""
    gaps = [max(0.0, one[axis] - other[axis + 2], other[axis] - one[axis + 2]) for axis in (0, 1)]
    size = sum(math.hypot(box[2] - box[0], box[3] - box[1]) for box in (one, other)) / 4
    return 1 / (1 + (math.hypot(*gaps) / max(size, 1e-6)) ** 2)


def _make_before_score(axis: int) -> Callable[[NormalizedBox, NormalizedBox], float]:
    """Return a function that scores how far one center is before the other along an axis, 0..1, 0.5 if level."""

    def score_before(one: NormalizedBox, other: NormalizedBox) -> float:
        reach = one[axis + 2] - one[axis] + other[axis + 2] - other[axis]
        return _clamp_to_unit(0.5 + (other[axis] + other[axis + 2] - one[axis] - one[axis + 2]) / max(reach, 1e-6))

    return score_before


def _compute_inside_share(one: NormalizedBox, other: NormalizedBox) -> float:
    """Return the share of box ``one`` that is inside ``other``."""
    shares = [max(0.0, min(one[axis + 2], other[axis + 2]) - max(one[axis], other[axis])) for axis in (0, 1)]
    return shares[0] * shares[1] / max((one[2] - one[0]) * (one[3] - one[1]), 1e-9)


def _score_closer(one: NormalizedBox, other: NormalizedBox) -> float:
    """Return how much lower, and so closer to the camera, the bottom of ``one`` is, 0..1."""
    return _clamp_to_unit(0.5 + 2 * (one[3] - other[3]) / max(one[3] - one[1] + other[3] - other[1], 1e-6))


def _clamp_to_unit(value: float) -> float:
    return min(1.0, max(0.0, value))


_RELATION_SCORES: dict[str, Callable[[NormalizedBox, NormalizedBox], float]] = {
    "left": _make_before_score(0),
    "right": lambda one, other: _make_before_score(0)(other, one),
    "on": _make_before_score(1),
    "above": _make_before_score(1),
    "under": lambda one, other: _make_before_score(1)(other, one),
    "inside": _compute_inside_share,
    "front": _score_closer,
    "behind": lambda one, other: _score_closer(other, one),
}
"""Condition of a relation besides nearness."""
