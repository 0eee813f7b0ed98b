"""Bootstrap intervals over videos (Efron and Tibshirani, 1993): how far a score would move with other videos of this kind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from alref.components.protocol import Protocol
from alref.components.scores import VideoScores

DRAWS = 2000
LEVEL = 0.95
SEED = 20240828
TOGETHER = 50
"""Draws that are made at once: they bound the memory, which is 16 bytes for each of them and each video."""
Numbers = npt.NDArray[np.float64]
Terms = tuple[Numbers, Numbers]


@dataclass(frozen=True)
class Interval:
    """A number, and the ends of the interval in which it lies in 95 % of the draws; NaN where nothing could be counted."""

    value: float
    low: float
    high: float


def interval(protocol: Protocol, scores: Sequence[VideoScores]) -> Interval:
    """Return the main number of a protocol over videos with its percentile interval; the same videos give the same one."""
    terms = _terms(protocol, scores)
    return _percentiles(_score(terms), np.concatenate([_drawn(terms, picks) for picks in _picks(len(scores))]))


def paired(protocol: Protocol, base: Sequence[VideoScores], other: Sequence[VideoScores]) -> Interval:
    """Return by how much ``other`` is above ``base`` on the same videos, in the same order, with its interval."""
    old, new = _terms(protocol, base), _terms(protocol, other)
    drawn = [_drawn(new, picks) - _drawn(old, picks) for picks in _picks(len(base))]
    return _percentiles(_score(new) - _score(old), np.concatenate(drawn))


def _terms(protocol: Protocol, scores: Sequence[VideoScores]) -> Terms:
    """Stack the terms of all videos: two arrays (N, K)."""
    terms = [protocol.terms(each) for each in scores]
    return np.stack([sums for sums, _ in terms]), np.stack([counts for _, counts in terms])


def _picks(videos: int) -> Iterator[Numbers]:
    """Yield how often each of some draws picks each video, (TOGETHER, N), until there are DRAWS of them."""
    random = np.random.default_rng(SEED)
    for _ in range(DRAWS // TOGETHER):
        yield random.multinomial(videos, np.full(videos, 1 / videos), TOGETHER).astype(np.float64)


def _score(terms: Terms) -> Numbers:
    sums, counts = terms
    return _ratio(sums.sum(0), counts.sum(0))


def _drawn(terms: Terms, picks: Numbers) -> Numbers:
    sums, counts = terms
    return _ratio(picks @ sums, picks @ counts)


def _ratio(sums: Numbers, counts: Numbers) -> Numbers:
    """Return the mean over K of sum by count, 0 for one of which nothing was counted, NaN where nothing was counted at all."""
    counted = counts > 0
    ratios: Numbers = np.divide(sums, counts, out=np.zeros_like(sums), where=counted)
    return np.where(counted.any(axis=-1), ratios.mean(axis=-1), np.nan)


def _percentiles(value: Numbers, drawn: Numbers) -> Interval:
    known = drawn[~np.isnan(drawn)]
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]) if len(known) else (np.nan, np.nan)
    return Interval(float(value), float(low), float(high))
