"""How well a region fits the words of a phrase, beside the other regions of its frame."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from alref_baseline.grammar import ObjectDescription
from alref_baseline.regions import Region

_MIN_VELOCITY = 0.002
"""Least velocity, in shares of the frame's longer side a frame, that has a direction."""

SIDE_SCORES: dict[str, Callable[[Region], float]] = {
    "left": lambda region: 1 - region.center[0],
    "right": lambda region: region.center[0],
    "top": lambda region: 1 - region.center[1],
    "bottom": lambda region: region.center[1],
    "middle": lambda region: 1 - 2 * abs(region.center[0] - 0.5),
    "big": lambda region: region.area**0.5,
    "small": lambda region: 1 - region.area**0.5,
    "close": lambda region: region.box[3],
    "far": lambda region: 1 - region.box[3],
}
"""How far a region is to a side, 0..1; what stands lower in the picture is closer."""

_MOTION_SCORES: dict[str, Callable[[Region], float]] = {
    "moving": lambda region: 0.4 + 0.6 * region.motion_strength,
    "still": lambda region: 1 - 0.6 * region.motion_strength,
    "left": lambda region: 1.0 if region.velocity[0] < -_MIN_VELOCITY else 0.25,
    "right": lambda region: 1.0 if region.velocity[0] > _MIN_VELOCITY else 0.25,
    "up": lambda region: 1.0 if region.velocity[1] < -_MIN_VELOCITY else 0.25,
    "down": lambda region: 1.0 if region.velocity[1] > _MIN_VELOCITY else 0.25,
}

_SUPERLATIVE_SIDES = {"biggest": "big", "smallest": "small", "leftmost": "left", "rightmost": "right"} | {
    "topmost": "top", "bottommost": "bottom", "closest": "close", "farthest": "far"
}  # fmt: skip


def score_region(region: Region, rivals: Sequence[Region], description: ObjectDescription) -> float:
    """Return how well ``region`` fits: above 0, comparable over all regions of a grounding.

    ``rivals`` are the regions of the same frame, with itself.
    """
    fit = region.score * (0.1 + region.color_share) * (0.3 + 0.7 * region.part_color_share)
    for side in description.positions:
        fit *= max(SIDE_SCORES[side](region), 0.02) ** 2
    if description.size:
        fit *= max(SIDE_SCORES[description.size](region), 0.02)
    for motion in description.motions:
        fit *= _MOTION_SCORES.get(motion, _MOTION_SCORES["moving"])(region)
    if "still" not in description.motions:
        fit *= 0.4 + 0.6 * region.motion_strength
    ranks = [(1, _SUPERLATIVE_SIDES[word]) for word in description.superlatives]
    for rank in [*ranks, *([description.rank] if description.rank else [])]:
        fit *= _score_rank(region, rivals, rank)
    return fit


def _score_rank(region: Region, rivals: Sequence[Region], rank: tuple[int, str]) -> float:
    """Say whether a region stands at the n-th place from a side among those with enough evidence."""
    number, side = rank
    strong = 0.25 * max(rival.score for rival in rivals)
    line = sorted((rival for rival in rivals if rival.score >= strong), key=lambda rival: -SIDE_SCORES[side](rival))
    if len(line) < number:
        return 0.1
    return 1.0 if line[number - 1] is region else 0.05
