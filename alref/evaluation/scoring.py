"""Masks that any program made, scored with all processors: one process for each, videos handed to whoever is free."""

from __future__ import annotations

import os
import pickle
import signal
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from traceback import format_exc
from typing import TypeVar

from alref.components.dataset import Dataset
from alref.components.protocol import EvaluationProtocol
from alref.components.scores import Case, VideoScores
from alref.errors import AlrefError, ContractError, PluginErrorContext
from alref.plugins.discovery import import_file

AnyFrame = TypeVar("AnyFrame")


@dataclass(frozen=True)
class ScoredVideo:
    """The scores of one video under each protocol, or why there are none, and ``where``: the traceback."""

    video: str
    scores: tuple[VideoScores, ...] = ()
    error: AlrefError | None = None
    traceback: str = ""


def score_videos(
    dataset: Dataset,
    videos: Sequence[str],
    masks: Path,
    protocols: Sequence[EvaluationProtocol],
    jobs: int = 0,
    files: Sequence[Path] = (),
) -> Iterator[ScoredVideo]:
    """Yield the scores of each video as they come; ``jobs`` processes, as many as there are processors for 0.

    ``files`` are the Python files that data set and protocols may come from: each process loads them. Raises ContractError for
    one that cannot be sent to a process.
    """
    width = min(jobs or os.cpu_count() or 1, len(videos))
    if width <= 1:
        yield from (score_video_masks(dataset, video, masks, protocols) for video in videos)
        return
    for who, each in ((f"data set {dataset.name!r}", dataset), *((f"protocol {each.name!r}", each) for each in protocols)):
        with PluginErrorContext(f"{who}, to be sent to other processes (with --jobs 1 there are none)"):
            pickle.dumps(each)
    with ProcessPoolExecutor(width, get_context("spawn"), _load_plugin_files, (files,)) as pool:
        with _ignore_sigint():
            waiting = [pool.submit(score_video_masks, dataset, video, masks, protocols) for video in videos]
        try:
            for done in as_completed(waiting):
                yield done.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _load_plugin_files(files: Sequence[Path]) -> None:
    """Load plugins that are files, so that what their classes made can be received; what they print is no result."""
    with redirect_stdout(sys.stderr):
        for file in files:
            import_file(file)


@contextmanager
def _ignore_sigint() -> Iterator[None]:
    """Start processes that Ctrl-C does not reach: they end when this one ends them, without a word."""
    if not hasattr(signal, "pthread_sigmask"):  # as on Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def score_video_masks(dataset: Dataset, video: str, masks: Path, protocols: Sequence[EvaluationProtocol]) -> ScoredVideo:
    """Score one video."""
    try:
        return ScoredVideo(video, tuple(score_with_protocol(dataset, video, masks, each) for each in protocols))
    except AlrefError as error:
        return ScoredVideo(video, error=error, traceback=format_exc())


def score_with_protocol(dataset: Dataset, video: str, masks: Path, protocol: EvaluationProtocol) -> VideoScores:
    """Score one video by one protocol. Raises AlrefError, and ContractError that names whichever of the two is wrong."""
    with PluginErrorContext(f"protocol {protocol.name!r}"):
        scores = protocol.score_video(video, _iterate_cases(dataset, video, masks))
        if not isinstance(scores, VideoScores):
            raise ContractError(f"score_video: expected VideoScores, got {type(scores).__name__}")
        if scores.protocol != protocol.name:
            raise ContractError(f"score_video: expected scores of this protocol, got those of {scores.protocol!r}")
    return scores


def _iterate_cases(dataset: Dataset, video: str, masks: Path) -> Iterator[Case]:
    """Give the cases of a video; what goes wrong while they or their frames are read is the data set's."""
    who = f"data set {dataset.name!r}, cases"
    with PluginErrorContext(who):
        for case in dataset.read_cases(video, masks):
            predicted = None if case.predicted is None else _iterate_frames(case.predicted, who)
            yield replace(case, truth=_iterate_frames(case.truth, who), predicted=predicted)


def _iterate_frames(frames: Iterable[AnyFrame], who: str) -> Iterator[AnyFrame]:
    with PluginErrorContext(who):
        yield from frames
