"""How well a region fits the words of a phrase, beside the other regions of its frame."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from alref_baseline.grammar import Description
from alref_baseline.regions import Region

_STIRS = 0.002
"""Least velocity, in shares of the frame's longer side a frame, that has a direction."""

SIDES: dict[str, Callable[[Region], float]] = {
    "left": lambda region: 1 - region.centre[0],
    "right": lambda region: region.centre[0],
    "top": lambda region: 1 - region.centre[1],
    "bottom": lambda region: region.centre[1],
    "middle": lambda region: 1 - 2 * abs(region.centre[0] - 0.5),
    "big": lambda region: region.area**0.5,
    "small": lambda region: 1 - region.area**0.5,
    "close": lambda region: region.box[3],
    "far": lambda region: 1 - region.box[3],
}
"""How far a region is to a side, 0..1; what stands lower in the picture is closer."""

_MOTIONS: dict[str, Callable[[Region], float]] = {
    "moving": lambda region: 0.4 + 0.6 * region.moving,
    "still": lambda region: 1 - 0.6 * region.moving,
    "left": lambda region: 1.0 if region.velocity[0] < -_STIRS else 0.25,
    "right": lambda region: 1.0 if region.velocity[0] > _STIRS else 0.25,
    "up": lambda region: 1.0 if region.velocity[1] < -_STIRS else 0.25,
    "down": lambda region: 1.0 if region.velocity[1] > _STIRS else 0.25,
}

_SUPERLATIVES = {"biggest": "big", "smallest": "small", "leftmost": "left", "rightmost": "right"} | {
    "topmost": "top", "bottommost": "bottom", "closest": "close", "farthest": "far"
}  # fmt: skip


def fitness(region: Region, rivals: Sequence[Region], words: Description) -> float:
    """Return how well ``region`` fits: above 0, comparable over all regions of a grounding.

    ``rivals`` are the regions of the same frame, with itself.
    """
    fit = region.score * (0.1 + region.colour) * (0.3 + 0.7 * region.part_colour)
    for side in words.positions:
        fit *= max(SIDES[side](region), 0.02) ** 2
    if words.size:
        fit *= max(SIDES[words.size](region), 0.02)
    for motion in words.motions:
        fit *= _MOTIONS.get(motion, _MOTIONS["moving"])(region)
    if "still" not in words.motions:
        fit *= 0.4 + 0.6 * region.moving
    ranks = [(1, _SUPERLATIVES[word]) for word in words.superlatives]
    for rank in [*ranks, *([words.rank] if words.rank else [])]:
        fit *= _ranked(region, rivals, rank)
    return fit


def _ranked(region: Region, rivals: Sequence[Region], rank: tuple[int, str]) -> float:
    """Say whether a region stands at the n-th place from a side among those with enough evidence."""
    number, side = rank
    strong = 0.25 * max(rival.score for rival in rivals)
    line = sorted((rival for rival in rivals if rival.score >= strong), key=lambda rival: -SIDES[side](rival))
    if len(line) < number:
        return 0.1
    return 1.0 if line[number - 1] is region else 0.05
