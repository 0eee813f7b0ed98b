"""The probability that the region found for a phrase shows it, from its evidence and its agreement over the frames.

The weights are a logistic regression on real videos and films of photographs; docs/components.md has the curve and the data.
"""

from __future__ import annotations

import math

FOUND_CONFIDENCE = 0.6
"""Confidence from which an object is found, and below which it is ambiguous."""

MAX_AREA = 0.5
"""Share of the frame above which a region is rather the background."""
_INTERCEPT, _AGREEMENT_WEIGHT, _EVIDENCE_WEIGHT = -7.0, 6.6, 4.2


def estimate_confidence(agreement: float, evidence: float, area: float) -> float:
    """Return the probability, 0..1, that a region shows what is meant.

    ``agreement`` with other frames and ``evidence`` for the noun are 0..1; ``area`` is a share of the frame.
    """
    logit = _INTERCEPT + _AGREEMENT_WEIGHT * agreement + _EVIDENCE_WEIGHT * evidence
    certain = 1 / (1 + math.exp(-logit))
    return certain if area <= MAX_AREA else min(certain, FOUND_CONFIDENCE / 2)
