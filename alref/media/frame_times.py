"""Seconds of images from time stamps that may repeat, be missing, or start again in the middle of a file."""

from __future__ import annotations

import numpy as np

from alref.media.streams import MAX_CLOCK_STEP_BACK
from alref.media.window import Numbers, Times

UNKNOWN = int(np.iinfo(np.int64).min)
"""Stands for a missing time stamp."""


def find_clock_restarts(stamps: Numbers, tick: float, max_gap: float) -> Numbers:
    """Return the places at which a clock starts again: it goes back, or forward by more than ``max_gap`` seconds.

    ``stamps`` are int64 ticks of ``tick`` seconds in the order of the file; UNKNOWN ones are passed over.
    """
    places = np.flatnonzero(stamps != UNKNOWN)
    steps = np.diff(stamps[places].astype(np.float64)) * tick
    return places[1:][(steps < -MAX_CLOCK_STEP_BACK) | (steps > max_gap)]


def place_in_time(stamps: Numbers, restarts: Numbers, tick: float, step: float) -> tuple[Times, tuple[float, ...]]:
    """Return the increasing seconds of images from 0, and the seconds that are added to the clock after each restart.

    ``stamps`` are in the order in which images are shown. The image at a restart comes ``step`` seconds after the one before.
    """
    seconds = (stamps - stamps[:1]).astype(np.float64) * tick
    shifts: list[float] = []
    for place in restarts:
        shift = seconds[place - 1] + step - seconds[place]
        seconds[place:] += shift
        shifts.append(float(shift) + (shifts[-1] if shifts else 0.0))
    return _spread_equal_times(np.maximum.accumulate(seconds), step), tuple(shifts)


def _spread_equal_times(times: Times, step: float) -> Times:
    """Spread images of the same time evenly over the time up to the next image."""
    firsts = np.flatnonzero(np.diff(times, prepend=-np.inf) > 0)
    if len(firsts) == len(times):
        return times
    counts = np.diff(firsts, append=len(times))
    steps = np.diff(times[firsts]) / counts[:-1]
    steps = np.append(steps, np.median(steps) if len(steps) else step)
    spread: Times = np.repeat(times[firsts], counts) + (np.arange(len(times)) - np.repeat(firsts, counts)) * np.repeat(
        steps, counts
    )
    return spread
