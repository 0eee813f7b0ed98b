"""From what networks hear in each window to the tags of the whole sound."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from alref.audio.intervals import spans
from alref.records import Span

Floats = npt.NDArray[np.float32]


class Tally:
    """Scores of all classes: by network, the best of all windows; by second of the video's clock, the best of all networks."""

    def __init__(self, step: float) -> None:
        self._step = step
        self._start, self._end = np.inf, -np.inf
        self._seconds: dict[int, Floats] = {}
        self._whole: Floats | None = None

    def add(self, window: Span, logits: Floats) -> None:
        """Add the seconds of a window, heard as ``logits`` (networks, steps, classes)."""
        start, end = window
        self._start, self._end = min(self._start, start), max(self._end, end)
        whole = _score(logits.mean(axis=1))
        self._whole = whole if self._whole is None else np.maximum(self._whole, whole)
        middles = start + self._step * (np.arange(logits.shape[1]) + 0.5)
        numbers = np.floor(np.minimum(middles, np.nextafter(end, start))).astype(int)
        for second in np.unique(numbers).tolist():
            score = _score(logits[:, numbers == second].mean(axis=1)).max(axis=0)
            self._seconds[second] = np.maximum(self._seconds.get(second, score), score)

    def best(self, count: int, least: float, ignored: int | None) -> list[tuple[int, float]]:
        """Return the classes that are among the ``count`` best of a network and score at least ``least``, the best first.

        The score of a class is that of the network that is surest of it. ``ignored`` is left out.
        """
        if self._whole is None:
            return []
        found: set[int] = set()
        for scores in self._whole:
            ranked = [each for each in np.argsort(-scores, kind="stable").tolist() if each != ignored]
            found.update(ranked[:count])
        surest = self._whole.max(axis=0)
        kept = [(each, float(surest[each])) for each in sorted(found) if surest[each] >= least]
        return sorted(kept, key=lambda each: -each[1])

    def heard(self, number: int, share: float) -> tuple[Span, ...]:
        """Return when class ``number`` is heard: in the seconds that score at least ``share`` of its best one."""
        seconds = sorted(self._seconds)
        scores = np.array([self._seconds[second][number] for second in seconds])
        found = spans([float(second) for second in seconds], scores >= share * scores.max(), 1.0)
        return tuple((max(start, self._start), min(end, self._end)) for start, end in found)


def _score(logits: Floats) -> Floats:
    return np.asarray(0.5 + 0.5 * np.tanh(0.5 * logits), np.float32)
