"""The exact frame rate of a clip, as a fraction: 30000/1001, not 29.97."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

import numpy as np

MAX_TIME_ERROR = 0.0011
"""Seconds by which a time may differ from an even spacing: containers round times to milliseconds."""
SIMPLE = 8
"""The largest denominator of a simple frame rate."""
NTSC = 1001
"""The denominator of the frame rates of television."""


def find_frame_rate(times: Sequence[float]) -> Fraction | None:
    """Return the frames per second of evenly spaced ``times`` in seconds, None if the spacing varies, or for one frame.

    >>> find_frame_rate([0.0, 0.033367, 0.066733, 0.1001])
    Fraction(30000, 1001)
    """
    seconds = np.asarray(times, np.float64)
    if len(seconds) < 2 or seconds[-1] <= seconds[0]:
        return None
    mean = float((len(seconds) - 1) / (seconds[-1] - seconds[0]))
    limit = min(MAX_TIME_ERROR, 0.25 / mean)
    for rate in _list_candidates(mean):
        even = seconds[0] + np.arange(len(seconds)) / float(rate)
        if np.abs(seconds - even).max() <= limit:
            return rate
    return None


def _list_candidates(rate: float) -> Iterator[Fraction]:
    """Yield fractions near a rate: a whole number, a rate of television and a simple fraction, then finer ones."""
    rounded = max(1, round(rate))
    near = [Fraction(rounded), Fraction(1000 * rounded, NTSC), Fraction(rate).limit_denominator(SIMPLE)]
    yield from sorted(filter(None, near), key=lambda candidate: abs(float(candidate) - rate))
    finer = [Fraction(round(rate * NTSC), NTSC), Fraction(rate).limit_denominator(NTSC)]
    yield from filter(None, finer)
