"""Locate phrases with a model that scores each of them many times per second."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from alref import Audio, Phrase, Video, merge_windows
from alref.audio.loudness import SILENCE_THRESHOLD, compute_loudness
from alref.audio.similarity import get_sound_name
from alref.audio.windows import Samples, cut_windows

if TYPE_CHECKING:
    from alref_audio import PeAFrameOptions

Floats = npt.NDArray[np.float32]
Floats64 = npt.NDArray[np.float64]
WINDOW, HOP = 30.0, 20.0
"""Length of a window, and step from one window to the next, in seconds."""


class FrameScorer(Protocol):
    """A model that scores phrases every ``step`` seconds."""

    rate: int
    step: float

    def score_phrases(self, samples: Samples, texts: Sequence[str]) -> Floats:
        """Return float32 (F, texts) of 0 to 1, one row for each step of ``step`` seconds that begins in the audio."""


def locate_phrases(scorer: FrameScorer, video: Video, phrases: Sequence[Phrase], options: PeAFrameOptions) -> list[Phrase]:
    """Return the phrases with the intervals in which each scores above the threshold; none in silence."""
    if not phrases:
        return []
    times, scores, end = _score_video(scorer, video, [get_sound_name(phrase) for phrase in phrases])
    found = [merge_windows(times, each > options.threshold, scorer.step, options.gap) for each in scores.T]
    heard = [tuple((start, min(stop, end)) for start, stop in each) for each in found]
    return [phrase.model_copy(update={"heard": each}) for phrase, each in zip(phrases, heard, strict=True)]


def _score_video(scorer: FrameScorer, video: Video, texts: Sequence[str]) -> tuple[Floats64, Floats, float]:
    """Return the start of each step in seconds (F,), its scores (F, texts), and the end of the audio in seconds.

    Scores of overlapping windows are averaged; a step of silence scores 0.
    """
    total, count = np.zeros((0, len(texts)), np.float32), np.zeros((0, 1), np.float32)
    zero = end = 0.0
    for start, samples in cut_windows(video.read_audio_blocks(scorer.rate), WINDOW, HOP):
        zero = zero if len(count) else start
        end = start + len(samples) / scorer.rate
        made = scorer.score_phrases(samples, texts)
        made[compute_loudness(Audio(samples=samples, rate=scorer.rate), scorer.step)[: len(made)] < SILENCE_THRESHOLD] = 0
        index = round((start - zero) / scorer.step)
        more = max(0, index + len(made) - len(count))
        total, count = (np.pad(each, ((0, more), (0, 0))) for each in (total, count))
        total[index : index + len(made)] += made
        count[index : index + len(made)] += 1
    return zero + scorer.step * np.arange(len(count), dtype=np.float64), np.asarray(total / count, np.float32), end
