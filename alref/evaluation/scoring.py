"""Masks that any program made, scored with all processors: one process for each, videos handed to whoever is free."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from signal import SIG_BLOCK, SIG_SETMASK, SIGINT, pthread_sigmask

from alref.datasets import Dataset
from alref.errors import AlrefError
from alref.protocols import Protocol
from alref.scoring import VideoScores


@dataclass(frozen=True)
class Scored:
    """The scores of one video under each protocol, or why there are none."""

    video: str
    scores: tuple[VideoScores, ...] = ()
    error: AlrefError | None = None


def score(
    dataset: Dataset, videos: Sequence[str], masks: Path, protocols: Sequence[Protocol], jobs: int = 0
) -> Iterator[Scored]:
    """Yield the scores of each video as they come; ``jobs`` processes, as many as there are processors for 0."""
    width = min(jobs or os.cpu_count() or 1, len(videos))
    if width <= 1:
        yield from (one(dataset, video, masks, protocols) for video in videos)
        return
    with ProcessPoolExecutor(width, mp_context=get_context("spawn")) as pool:
        with _deaf():
            waiting = [pool.submit(one, dataset, video, masks, protocols) for video in videos]
        try:
            for done in as_completed(waiting):
                yield done.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


@contextmanager
def _deaf() -> Iterator[None]:
    """Start processes that Ctrl-C does not reach: they end when this one ends them, without a word."""
    before = pthread_sigmask(SIG_BLOCK, {SIGINT})
    try:
        yield
    finally:
        pthread_sigmask(SIG_SETMASK, before)


def one(dataset: Dataset, video: str, masks: Path, protocols: Sequence[Protocol]) -> Scored:
    """Score one video."""
    try:
        return Scored(video, tuple(each.score_video(video, dataset.cases(video, masks)) for each in protocols))
    except AlrefError as error:
        return Scored(video, error=error)
