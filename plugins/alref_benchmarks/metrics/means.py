"""Means, and the statistics that DAVIS takes over the frames of one object: recall and decay."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from math import nan
from operator import add
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Values = npt.NDArray[np.float64]
QuarterBounds = npt.NDArray[np.int64] | npt.NDArray[np.uint8]


def compute_mean(values: Sequence[float] | npt.NDArray[Any]) -> float:
    """Return the mean, NaN without values."""
    return float(np.mean(values)) if len(values) else nan


def compute_torch_mean(values: Sequence[np.float32] | Floats) -> float:
    """Return the mean of up to 500 float32 numbers, added in the order of PyTorch, to match the last published digit.

    Eight numbers are added at a time, if there are eight, in four running sums.
    """
    array = np.asarray(values, np.float32)
    lanes = 8 if len(array) >= 8 else 1
    rows = list(array[: len(array) // lanes * lanes].reshape(-1, lanes))
    fours = len(rows) // 4 * 4
    running = [rows[0:fours:4] + rows[fours:], *(rows[first:fours:4] for first in (1, 2, 3))]
    by_lane = _sum_sequentially([_sum_sequentially(each) for each in running])
    total = _sum_sequentially([*array[len(rows) * lanes :], *np.atleast_1d(by_lane)])
    return float(total / np.float32(len(array)))


def compute_sequential_mean(values: Sequence[np.float32]) -> float:
    """Return the mean of float32 numbers, added one after the other, as the official programs add results of calls."""
    return float(_sum_sequentially(values) / np.float32(len(values)))


def _sum_sequentially(numbers: Sequence[Any]) -> Any:
    return reduce(add, numbers, np.float32(0))


def compute_recall(values: Sequence[float]) -> float:
    """Return the share of frames above 0.5."""
    return compute_mean(np.asarray(values) > 0.5)


def compute_decay(values: Sequence[float]) -> float:
    """Return the mean of the first quarter minus that of the last; neighboring quarters share a frame. NaN without frames."""
    return _compute_decay_between(np.asarray(values), _compute_quarter_bounds(len(values)))


def compute_published_decay(values: Sequence[float]) -> float:
    """Return the decay with 8-bit frame numbers, as in the official code: NaN or a wrong number from 256 frames on."""
    corners = _compute_quarter_bounds(len(values)).astype(np.uint8)
    return _compute_decay_between(np.asarray(values), corners)


def _compute_quarter_bounds(count: int) -> npt.NDArray[np.int64]:
    """Return the first frame of each quarter, and the last frame."""
    return (np.round(np.linspace(1, count, 5) + 1e-10) - 1).astype(np.int64)


def _compute_decay_between(values: Values, quarter_bounds: QuarterBounds) -> float:
    with np.errstate(over="ignore"):
        ends = quarter_bounds + 1
    return compute_mean(values[quarter_bounds[0] : ends[1]]) - compute_mean(values[quarter_bounds[3] : ends[4]])
