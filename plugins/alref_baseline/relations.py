"""How one thing stands to another in a picture: "next to the bench", "on the table", judged from their boxes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from alref.media.video import Video
from alref.utils.masks import Mask
from alref_baseline.grammar import Description
from alref_baseline.grounding import Sought, ground
from alref_baseline.regions import Region

Box = tuple[float, float, float, float]

_SAME = 0.6
"""Overlap above which two regions are one thing."""


def others(video: Video, frame: int, other: Description) -> list[Region]:
    """Return where the other thing of a relation is seen on a frame, best first; none when it is not."""
    found = ground(video, Sought(other.text), [frame])
    return [] if found.absent else [each.region for each in found.on(frame)]


def related(how: str, box: Box, mask: Mask, seen: Sequence[Region]) -> float:
    """Return how well a thing stands to the best of the regions that are not the thing itself: 0..1."""
    apart = [other for other in seen if (mask & other.mask).sum() < _SAME * (mask | other.mask).sum()]
    return max((stands(how, box, other.box) for other in apart), default=0.0)


def stands(how: str, one: Box, other: Box) -> float:
    """Return how well box ``one`` stands to ``other`` in a relation of the grammar: 0..1, from boxes ``xyxy`` in 0..1."""
    way = _WAYS.get(how)
    return _near(one, other) * (way(one, other) if way else 1.0)


def _near(one: Box, other: Box) -> float:
    """Return 1 for boxes that meet, half when they are half their mean diagonal apart."""
    gaps = [max(0.0, one[axis] - other[axis + 2], other[axis] - one[axis + 2]) for axis in (0, 1)]
    size = sum(math.hypot(box[2] - box[0], box[3] - box[1]) for box in (one, other)) / 4
    return 1 / (1 + (math.hypot(*gaps) / max(size, 1e-6)) ** 2)


def _before(axis: int) -> Callable[[Box, Box], float]:
    """Make a measure of how far the centre of one lies before that of the other along an axis, 0..1, a half when level."""

    def measure(one: Box, other: Box) -> float:
        reach = one[axis + 2] - one[axis] + other[axis + 2] - other[axis]
        return _unit(0.5 + (other[axis] + other[axis + 2] - one[axis] - one[axis + 2]) / max(reach, 1e-6))

    return measure


def _inside(one: Box, other: Box) -> float:
    """Return the share of one that lies in the other."""
    shares = [max(0.0, min(one[axis + 2], other[axis + 2]) - max(one[axis], other[axis])) for axis in (0, 1)]
    return shares[0] * shares[1] / max((one[2] - one[0]) * (one[3] - one[1]), 1e-9)


def _nearer(one: Box, other: Box) -> float:
    """Return how much lower, and so nearer to the camera, the foot of one stands, 0..1."""
    return _unit(0.5 + 2 * (one[3] - other[3]) / max(one[3] - one[1] + other[3] - other[1], 1e-6))


def _unit(value: float) -> float:
    return min(1.0, max(0.0, value))


_WAYS: dict[str, Callable[[Box, Box], float]] = {
    "left": _before(0),
    "right": lambda one, other: _before(0)(other, one),
    "on": _before(1),
    "above": _before(1),
    "under": lambda one, other: _before(1)(other, one),
    "inside": _inside,
    "front": _nearer,
    "behind": lambda one, other: _nearer(other, one),
}
"""What a relation asks besides nearness."""
