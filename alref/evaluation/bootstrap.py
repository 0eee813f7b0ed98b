"""Bootstrap intervals over videos (Efron and Tibshirani, 1993): how far a score would move with other videos of this kind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from alref.components.protocol import EvaluationProtocol
from alref.components.scores import VideoScores

RESAMPLES = 2000
CONFIDENCE_LEVEL = 0.95
SEED = 20240828
BATCH_SIZE = 50
"""Draws that are made at once: they bound the memory, which is 16 bytes for each of them and each video."""
FloatArray = npt.NDArray[np.float64]
ScoreTerms = tuple[FloatArray, FloatArray]


@dataclass(frozen=True)
class ConfidenceInterval:
    """A number, and the ends of the interval in which it lies in 95 % of the draws; NaN where nothing could be counted."""

    value: float
    low: float
    high: float


def estimate_interval(protocol: EvaluationProtocol, scores: Sequence[VideoScores]) -> ConfidenceInterval:
    """Return the main number of a protocol over videos with its percentile interval; the same videos give the same one."""
    terms = _stack_terms(protocol, scores)
    return _build_interval(
        _compute_score(terms), np.concatenate([_score_resamples(terms, picks) for picks in _draw_resamples(len(scores))])
    )


def estimate_difference(
    protocol: EvaluationProtocol, base: Sequence[VideoScores], other: Sequence[VideoScores]
) -> ConfidenceInterval:
    """Return by how much ``other`` is above ``base`` on the same videos, in the same order, with its interval."""
    old, new = _stack_terms(protocol, base), _stack_terms(protocol, other)
    drawn = [_score_resamples(new, picks) - _score_resamples(old, picks) for picks in _draw_resamples(len(base))]
    return _build_interval(_compute_score(new) - _compute_score(old), np.concatenate(drawn))


def _stack_terms(protocol: EvaluationProtocol, scores: Sequence[VideoScores]) -> ScoreTerms:
    """Stack the terms of all videos: two arrays (N, K)."""
    terms = [protocol.compute_terms(each) for each in scores]
    return np.stack([sums for sums, _ in terms]), np.stack([counts for _, counts in terms])


def _draw_resamples(videos: int) -> Iterator[FloatArray]:
    """Yield how often each of some draws picks each video, (TOGETHER, N), until there are DRAWS of them."""
    random = np.random.default_rng(SEED)
    for _ in range(RESAMPLES // BATCH_SIZE):
        yield random.multinomial(videos, np.full(videos, 1 / videos), BATCH_SIZE).astype(np.float64)


def _compute_score(terms: ScoreTerms) -> FloatArray:
    sums, counts = terms
    return _compute_mean_ratio(sums.sum(0), counts.sum(0))


def _score_resamples(terms: ScoreTerms, picks: FloatArray) -> FloatArray:
    sums, counts = terms
    return _compute_mean_ratio(picks @ sums, picks @ counts)


def _compute_mean_ratio(sums: FloatArray, counts: FloatArray) -> FloatArray:
    """Return the mean over K of sum by count, 0 for one of which nothing was counted, NaN where nothing was counted at all."""
    counted = counts > 0
    ratios: FloatArray = np.divide(sums, counts, out=np.zeros_like(sums), where=counted)
    return np.where(counted.any(axis=-1), ratios.mean(axis=-1), np.nan)


def _build_interval(value: FloatArray, resampled: FloatArray) -> ConfidenceInterval:
    known = resampled[~np.isnan(resampled)]
    low, high = np.quantile(known, [(1 - CONFIDENCE_LEVEL) / 2, (1 + CONFIDENCE_LEVEL) / 2]) if len(known) else (np.nan, np.nan)
    return ConfidenceInterval(float(value), float(low), float(high))
