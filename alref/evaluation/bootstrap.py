"""Bootstrap intervals over videos (Efron and Tibshirani, 1993): the uncertainty of a score over videos."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from alref.components.protocol import EvaluationProtocol
from alref.components.scores import VideoScores

RESAMPLES = 2000
CONFIDENCE_LEVEL = 0.95
SEED = 20240828
BATCH_SIZE = 50
"""Number of draws per batch; memory is 16 bytes for each draw and video."""
TOLERANCE = 1e-5
"""How far the mean over videos may be from the official number, which can be in float32."""
FloatArray = npt.NDArray[np.float64]
ScoreTerms = tuple[FloatArray, FloatArray, bool]


@dataclass(frozen=True)
class ConfidenceInterval:
    """A value with the bounds of its 95 % interval; NaN if there is nothing to count."""

    value: float
    low: float
    high: float


def estimate_interval(protocol: EvaluationProtocol, scores: Sequence[VideoScores]) -> ConfidenceInterval:
    """Return the main metric of a protocol over videos with its percentile interval. The result is deterministic."""
    terms = _stack_terms(protocol, scores)
    return _build_interval(
        _compute_score(terms), np.concatenate([_score_resamples(terms, picks) for picks in _draw_resamples(len(scores))])
    )


def estimate_intervals(
    protocol: EvaluationProtocol, scores: Sequence[VideoScores], values: Mapping[str, float]
) -> dict[str, tuple[float, float]]:
    """Return the bounds of the intervals of the metrics ``values`` that are means over videos."""
    terms = [protocol.compute_metric_terms(each) for each in scores]
    names = [name for name in values if any(name in each for each in terms)]
    sums, counts = (np.array([[each.get(name, (0.0, 0.0))[place] for name in names] for each in terms]) for place in (0, 1))
    with np.errstate(invalid="ignore", divide="ignore"):
        means = dict(zip(names, (sums.sum(0) / counts.sum(0)).tolist(), strict=True))
        drawn = np.concatenate([(picks @ sums) / (picks @ counts) for picks in _draw_resamples(len(scores))])
    intervals = {name: _build_interval(np.float64(means[name]), each) for name, each in zip(names, drawn.T, strict=True)}
    return {name: (each.low, each.high) for name, each in intervals.items() if abs(each.value - values[name]) < TOLERANCE}


def estimate_mean_interval(sums: FloatArray, counts: FloatArray) -> tuple[float, float]:
    """Return the bounds of the interval of a mean over videos, from the sum and the count of each, (N,)."""
    terms = sums[:, None], counts[:, None], True
    drawn = np.concatenate([_score_resamples(terms, picks) for picks in _draw_resamples(len(sums))])
    interval = _build_interval(_compute_score(terms), drawn)
    return interval.low, interval.high


def estimate_difference(
    protocol: EvaluationProtocol, base: Sequence[VideoScores], other: Sequence[VideoScores]
) -> ConfidenceInterval:
    """Return the difference ``other`` minus ``base`` on the same videos, in the same order, with its interval."""
    old, new = _stack_terms(protocol, base), _stack_terms(protocol, other)
    drawn = [_score_resamples(new, picks) - _score_resamples(old, picks) for picks in _draw_resamples(len(base))]
    return _build_interval(_compute_score(new) - _compute_score(old), np.concatenate(drawn))


def _stack_terms(protocol: EvaluationProtocol, scores: Sequence[VideoScores]) -> ScoreTerms:
    """Stack the terms of all videos: two arrays (N, K), and whether a ratio without a count is 0."""
    terms = [protocol.compute_terms(each) for each in scores]
    stacked = np.stack([sums for sums, _ in terms]), np.stack([counts for _, counts in terms])
    return *stacked, protocol.counts_empty_terms


def _draw_resamples(videos: int) -> Iterator[FloatArray]:
    """Yield batches of draws: how often each draw picks each video, (batch, N)."""
    random = np.random.default_rng(SEED)
    for _ in range(RESAMPLES // BATCH_SIZE):
        yield random.multinomial(videos, np.full(videos, 1 / videos), BATCH_SIZE).astype(np.float64)


def _compute_score(terms: ScoreTerms) -> FloatArray:
    sums, counts, counts_empty = terms
    return _compute_mean_ratio(sums.sum(0), counts.sum(0), counts_empty)


def _score_resamples(terms: ScoreTerms, picks: FloatArray) -> FloatArray:
    sums, counts, counts_empty = terms
    return _compute_mean_ratio(picks @ sums, picks @ counts, counts_empty)


def _compute_mean_ratio(sums: FloatArray, counts: FloatArray, counts_empty: bool) -> FloatArray:
    """Return the mean over K of sum divided by count; a count of 0 gives 0 or is left out. NaN if all counts are 0."""
    counted = counts > 0
    ratios: FloatArray = np.divide(sums, counts, out=np.zeros_like(sums), where=counted)
    total = ratios.shape[-1] if counts_empty else np.maximum(counted.sum(axis=-1), 1)
    return np.where(counted.any(axis=-1), ratios.sum(axis=-1) / total, np.nan)


def _build_interval(value: FloatArray | np.float64, resampled: FloatArray) -> ConfidenceInterval:
    known = resampled[~np.isnan(resampled)]
    low, high = np.quantile(known, [(1 - CONFIDENCE_LEVEL) / 2, (1 + CONFIDENCE_LEVEL) / 2]) if len(known) else (np.nan, np.nan)
    return ConfidenceInterval(float(value), float(low), float(high))
