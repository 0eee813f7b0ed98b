"""Masks that any program made, scored with all processors: one process for each, videos handed to whoever is free."""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from signal import SIG_BLOCK, SIG_SETMASK, SIGINT, pthread_sigmask
from traceback import format_exc
from typing import TypeVar

from alref.components.dataset import Dataset
from alref.components.protocol import Protocol
from alref.components.scores import Case, VideoScores
from alref.errors import AlrefError, Blamed, ContractError
from alref.plugins.discovery import from_file

Frame = TypeVar("Frame")


@dataclass(frozen=True)
class Scored:
    """The scores of one video under each protocol, or why there are none, and ``where``: the traceback."""

    video: str
    scores: tuple[VideoScores, ...] = ()
    error: AlrefError | None = None
    where: str = ""


def score(
    dataset: Dataset,
    videos: Sequence[str],
    masks: Path,
    protocols: Sequence[Protocol],
    jobs: int = 0,
    files: Sequence[Path] = (),
) -> Iterator[Scored]:
    """Yield the scores of each video as they come; ``jobs`` processes, as many as there are processors for 0.

    ``files`` are the Python files that data set and protocols may come from: each process loads them. Raises ContractError for
    one that cannot be sent to a process.
    """
    width = min(jobs or os.cpu_count() or 1, len(videos))
    if width <= 1:
        yield from (one(dataset, video, masks, protocols) for video in videos)
        return
    for who, each in ((f"data set {dataset.name!r}", dataset), *((f"protocol {each.name!r}", each) for each in protocols)):
        with Blamed(f"{who}, to be sent to other processes (with --jobs 1 there are none)"):
            pickle.dumps(each)
    with ProcessPoolExecutor(width, get_context("spawn"), _load, (files,)) as pool:
        with _deaf():
            waiting = [pool.submit(one, dataset, video, masks, protocols) for video in videos]
        try:
            for done in as_completed(waiting):
                yield done.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _load(files: Sequence[Path]) -> None:
    """Load plugins that are files, so that what their classes made can be received; what they print is no result."""
    with redirect_stdout(sys.stderr):
        for file in files:
            from_file(file)


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
        return Scored(video, tuple(measured(dataset, video, masks, each) for each in protocols))
    except AlrefError as error:
        return Scored(video, error=error, where=format_exc())


def measured(dataset: Dataset, video: str, masks: Path, protocol: Protocol) -> VideoScores:
    """Score one video by one protocol. Raises AlrefError, and ContractError that names whichever of the two is wrong."""
    with Blamed(f"protocol {protocol.name!r}"):
        scores = protocol.score_video(video, _cases(dataset, video, masks))
        if not isinstance(scores, VideoScores):
            raise ContractError(f"score_video: expected VideoScores, got {type(scores).__name__}")
        if scores.protocol != protocol.name:
            raise ContractError(f"score_video: expected scores of this protocol, got those of {scores.protocol!r}")
    return scores


def _cases(dataset: Dataset, video: str, masks: Path) -> Iterator[Case]:
    """Give the cases of a video; what goes wrong while they or their frames are read is the data set's."""
    who = f"data set {dataset.name!r}, cases"
    with Blamed(who):
        for case in dataset.cases(video, masks):
            predicted = None if case.predicted is None else _frames(case.predicted, who)
            yield replace(case, truth=_frames(case.truth, who), predicted=predicted)


def _frames(frames: Iterable[Frame], who: str) -> Iterator[Frame]:
    with Blamed(who):
        yield from frames
