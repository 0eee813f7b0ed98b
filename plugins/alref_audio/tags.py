"""Combine scores of windows of ten seconds into tags of the whole audio."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from alref import Phrase, TimeSpan, Video, merge_windows
from alref.audio.windows import Samples, cut_windows, split_into_batches

if TYPE_CHECKING:
    from alref_audio import TagOptions

Floats = npt.NDArray[np.float32]
WINDOW = 10.0
"""Length in seconds of the audio that AST and CLAP were trained on."""


class LabelScorer(Protocol):
    """A model that scores labels."""

    rate: int
    labels: tuple[str, ...]

    def score_labels(self, sounds: Sequence[Samples]) -> Floats:
        """Return float32 (N, labels) of 0 to 1 for N waveforms of equal length, at most a window."""


def tag_video(scorer: LabelScorer, video: Video, reference: str, options: TagOptions) -> list[Phrase]:
    """Return the labels with the highest scores as phrases, each with the windows in which it is heard."""
    times, scores = _score_windows(scorer, video, options)
    if not len(times):
        return []
    maxima = scores.max(axis=0)
    best = np.argsort(-maxima, kind="stable")[: options.top_k].tolist()
    starts, step, share = [start for start, _ in times], times[0][1] - times[0][0], options.relative_threshold
    return [
        Phrase(
            reference=reference,
            text=scorer.labels[index],
            score=float(maxima[index]),
            sound=True,
            heard=None if share is None else merge_windows(starts, scores[:, index] >= share * maxima[index], step),
        )
        for index in best
        if maxima[index] >= options.threshold
    ]


def _score_windows(scorer: LabelScorer, video: Video, options: TagOptions) -> tuple[list[TimeSpan], Floats]:
    """Return the windows in seconds and their scores (W, labels)."""
    times: list[TimeSpan] = []
    scores: list[Floats] = []
    for group in split_into_batches(cut_windows(video.read_audio_blocks(scorer.rate), WINDOW, options.hop), options.batch_size):
        times += [(start, start + len(samples) / scorer.rate) for start, samples in group]
        scores.append(scorer.score_labels([samples for _, samples in group]))
    return times, np.concatenate(scores) if scores else np.zeros((0, len(scorer.labels)), np.float32)
