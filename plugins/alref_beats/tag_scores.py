"""Combine the logits of windows into tags of the whole audio."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from alref import TimeSpan, merge_windows

Floats = npt.NDArray[np.float32]


class TagScores:
    """Scores of all classes: per network, the maximum over windows; per second of the video, the maximum over networks."""

    def __init__(self, step: float) -> None:
        self._step = step
        self._start, self._end = np.inf, -np.inf
        self._second_scores: dict[int, Floats] = {}
        self._best_scores: Floats | None = None

    def add_window(self, window: TimeSpan, logits: Floats) -> None:
        """Add a window with its ``logits`` (networks, steps, classes)."""
        start, end = window
        self._start, self._end = min(self._start, start), max(self._end, end)
        scores = _compute_sigmoid(logits.mean(axis=1))
        self._best_scores = scores if self._best_scores is None else np.maximum(self._best_scores, scores)
        middles = start + self._step * (np.arange(logits.shape[1]) + 0.5)
        numbers = np.floor(np.minimum(middles, np.nextafter(end, start))).astype(int)
        for second in np.unique(numbers).tolist():
            score = _compute_sigmoid(logits[:, numbers == second].mean(axis=1)).max(axis=0)
            self._second_scores[second] = np.maximum(self._second_scores.get(second, score), score)

    def rank_classes(self, count: int, threshold: float, ignored_class: int | None) -> list[tuple[int, float]]:
        """Return the classes that are among the ``count`` best of a network and score at least ``threshold``, best first.

        The score of a class is its maximum over networks. ``ignored_class`` is excluded.
        """
        if self._best_scores is None:
            return []
        found: set[int] = set()
        for scores in self._best_scores:
            ranked = [each for each in np.argsort(-scores, kind="stable").tolist() if each != ignored_class]
            found.update(ranked[:count])
        maxima = self._best_scores.max(axis=0)
        best = [(each, float(maxima[each])) for each in sorted(found) if maxima[each] >= threshold]
        return sorted(best, key=lambda each: -each[1])

    def find_active_spans(self, class_index: int, share: float) -> tuple[TimeSpan, ...]:
        """Return the intervals of ``class_index``: the seconds whose score is at least ``share`` of its maximum."""
        seconds = sorted(self._second_scores)
        scores = np.array([self._second_scores[second][class_index] for second in seconds])
        found = merge_windows([float(second) for second in seconds], scores >= share * scores.max(), 1.0)
        return tuple((max(start, self._start), min(end, self._end)) for start, end in found)


def _compute_sigmoid(logits: Floats) -> Floats:
    return np.asarray(0.5 + 0.5 * np.tanh(0.5 * logits), np.float32)
