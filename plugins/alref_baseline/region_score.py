"""Score a region by the attributes of a phrase, relative to the other regions of its frame."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from alref_baseline.grammar import ObjectDescription
from alref_baseline.regions import Region

Box = tuple[float, float, float, float]

MIN_VELOCITY = 0.002
"""Minimum velocity, in shares of the frame's longer side per frame, that has a direction."""

_SIDE_SCORES: dict[str, Callable[[Box, float], float]] = {
    "left": lambda box, area: 1 - (box[0] + box[2]) / 2,
    "right": lambda box, area: (box[0] + box[2]) / 2,
    "top": lambda box, area: 1 - (box[1] + box[3]) / 2,
    "bottom": lambda box, area: (box[1] + box[3]) / 2,
    "middle": lambda box, area: 1 - abs(box[0] + box[2] - 1),
    "big": lambda box, area: area**0.5,
    "small": lambda box, area: 1 - area**0.5,
    "close": lambda box, area: box[3],
    "far": lambda box, area: 1 - box[3],
}

DIRECTIONS = {"left": (0, -1), "right": (0, 1), "up": (1, -1), "down": (1, 1)}
"""Motions with a direction: the axis of a velocity (right, down), and the sign."""

_SUPERLATIVE_SIDES = {"biggest": "big", "smallest": "small", "leftmost": "left", "rightmost": "right"} | {
    "topmost": "top", "bottommost": "bottom", "closest": "close", "farthest": "far"
}  # fmt: skip


def score_side(side: str, box: Box, area: float) -> float:
    """Return how far an object is to a side, 0..1; an object lower in the image is closer.

    ``box`` is ``xyxy`` in 0..1, ``area`` a share of the frame.
    """
    return _SIDE_SCORES[side](box, area)


def get_speed(motion: str, velocity: Sequence[float]) -> float:
    """Return the component of a velocity (right, down) in one of ``DIRECTIONS``."""
    axis, sign = DIRECTIONS[motion]
    return sign * float(velocity[axis])


def score_speed(speed: float) -> float:
    """Return the fit of a speed in the requested direction, in shares of the longer side per frame."""
    return 1.0 if speed > MIN_VELOCITY else 0.25


def score_motion_strength(motion: str, strength: float) -> float:
    """Return how well the strength of a motion, 0..1, fits "still" or any other motion."""
    return 1 - 0.6 * strength if motion == "still" else 0.4 + 0.6 * strength


def score_region(region: Region, rivals: Sequence[Region], description: ObjectDescription) -> float:
    """Return how well ``region`` fits: above 0, comparable over all regions of a grounding.

    ``rivals`` are the regions of the same frame, including ``region``.
    """
    fit = region.score * (0.1 + region.color_share) * (0.3 + 0.7 * region.part_color_share)
    for side in description.positions:
        fit *= max(_score_region_side(region, side), 0.02) ** 2
    if description.size:
        fit *= max(_score_region_side(region, description.size), 0.02)
    for motion in description.motions:
        if motion in DIRECTIONS:
            fit *= score_speed(get_speed(motion, region.velocity))
        else:
            fit *= score_motion_strength(motion, region.motion_strength)
    if "still" not in description.motions:
        fit *= 0.4 + 0.6 * region.motion_strength
    ranks = [(1, _SUPERLATIVE_SIDES[word]) for word in description.superlatives]
    for rank in [*ranks, *([description.rank] if description.rank else [])]:
        fit *= _score_rank(region, rivals, rank)
    return fit


def _score_region_side(region: Region, side: str) -> float:
    return score_side(side, region.box, region.area)


def _score_rank(region: Region, rivals: Sequence[Region], rank: tuple[int, str]) -> float:
    """Return whether a region is the n-th from a side among those with enough evidence."""
    number, side = rank
    strong = 0.25 * max(rival.score for rival in rivals)
    line = sorted((rival for rival in rivals if rival.score >= strong), key=lambda rival: -_score_region_side(rival, side))
    if len(line) < number:
        return 0.1
    return 1.0 if line[number - 1] is region else 0.05
