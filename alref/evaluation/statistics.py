"""Bootstrap intervals over videos (Efron and Tibshirani, 1993): how far a score would move with other videos of this kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from alref.protocols import Protocol
from alref.scoring import VideoScores

DRAWS = 2000
LEVEL = 0.95
SEED = 20240828
Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """A number, and the ends of the interval in which it lies in 95 % of the draws."""

    value: float
    low: float
    high: float


def interval(protocol: Protocol, scores: Sequence[VideoScores]) -> Interval:
    """Return the main number of a protocol over videos with its percentile interval; the same videos give the same one."""
    sums, counts = _terms(protocol, scores)
    return _percentiles(_ratio(sums.sum(0), counts.sum(0)), _drawn(sums, counts, _picks(len(scores))))


def paired(protocol: Protocol, base: Sequence[VideoScores], other: Sequence[VideoScores]) -> Interval:
    """Return by how much ``other`` is above ``base`` on the same videos, in the same order, with its interval."""
    picks = _picks(len(base))
    both = [_terms(protocol, scores) for scores in (base, other)]
    values = [_ratio(sums.sum(0), counts.sum(0)) for sums, counts in both]
    drawn = [_drawn(sums, counts, picks) for sums, counts in both]
    return _percentiles(values[1] - values[0], drawn[1] - drawn[0])


def _terms(protocol: Protocol, scores: Sequence[VideoScores]) -> tuple[Numbers, Numbers]:
    """Stack the terms of all videos: two arrays (N, K)."""
    terms = [protocol.terms(each) for each in scores]
    return np.stack([sums for sums, _ in terms]), np.stack([counts for _, counts in terms])


def _picks(videos: int) -> Numbers:
    """How often each draw picks each video: (DRAWS, N)."""
    chosen = np.random.default_rng(SEED).multinomial(videos, np.full(videos, 1 / videos), DRAWS)
    return chosen.astype(np.float64)


def _drawn(sums: Numbers, counts: Numbers, picks: Numbers) -> Numbers:
    return _ratio(picks @ sums, picks @ counts)


def _ratio(sums: Numbers, counts: Numbers) -> Numbers:
    """Return the mean over K of sum by count, 0 where nothing was counted."""
    ratios: Numbers = np.divide(sums, counts, out=np.zeros_like(sums), where=counts > 0)
    return ratios.mean(axis=-1)  # type: ignore[no-any-return]


def _percentiles(value: Numbers, drawn: Numbers) -> Interval:
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(value), float(low), float(high))
