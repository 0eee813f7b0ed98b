"""Score a region by its evidence and colors; measure sides and motions; estimate the confidence that a region is right."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from alref_baseline.grammar import ObjectDescription
from alref_baseline.regions import Region

Box = tuple[float, float, float, float]

FOUND_CONFIDENCE = 0.6
"""Confidence from which an object is found, and below which it is ambiguous."""

MAX_AREA = 0.5
"""Share of the frame above which a region is rather the background."""
_INTERCEPT, _AGREEMENT_WEIGHT, _EVIDENCE_WEIGHT = -7.0, 6.6, 4.2
"""A logistic regression on real videos and films of photographs; docs/components.md has the curve and the data."""

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

OPPOSITE_SIDES = {"left": "right", "right": "left", "top": "bottom", "bottom": "top"}

DIRECTIONS = {"left": (0, -1), "right": (0, 1), "up": (1, -1), "down": (1, 1)}
"""Motions with a direction: the axis of a velocity (right, down), and the sign."""


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


def score_region(region: Region, description: ObjectDescription) -> float:
    """Return how well a region fits the noun and its colors: above 0, comparable over all regions of a grounding.

    A region that moves fits better, the more so for a motion that is named, unless the one that is meant may stand still.
    """
    fit = region.score * (0.1 + region.color_share) * (0.3 + 0.7 * region.part_color_share)
    emphasis = 1 if description.is_among_several else 1 + len(description.motions)
    return fit * (0.4 + 0.6 * region.motion_strength) ** emphasis if description.favors_motion else fit


def estimate_confidence(agreement: float, evidence: float, area: float) -> float:
    """Return the probability, 0..1, that a region shows what is meant.

    ``agreement`` with other frames and ``evidence`` for the noun are 0..1; ``area`` is a share of the frame.
    """
    logit = _INTERCEPT + _AGREEMENT_WEIGHT * agreement + _EVIDENCE_WEIGHT * evidence
    certain = 1 / (1 + math.exp(-logit))
    return certain if area <= MAX_AREA else min(certain, FOUND_CONFIDENCE / 2)
