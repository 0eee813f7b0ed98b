"""Score masks of any program in parallel, one process per CPU core."""

from __future__ import annotations

import os
import pickle
import signal
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from traceback import format_exc
from typing import TypeVar

from alref.components.dataset import Dataset
from alref.components.protocol import EvaluationProtocol
from alref.components.scores import Case, VideoScores
from alref.errors import AlrefError, ContractError, PluginErrorContext
from alref.models import cpu_tuning
from alref.plugins.discovery import import_file

AnyFrame = TypeVar("AnyFrame")


@dataclass(frozen=True)
class ScoredVideo:
    """The scores of one video under each protocol, or the error, with the traceback in ``where``."""

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
    """Yield the scores of each video as they finish. ``jobs`` is the number of processes; 0 means one per CPU core.

    ``files`` are plugin files that define the dataset or protocols; each process loads them. Raises ContractError if one
    of these cannot be pickled.
    """
    width = min(jobs or os.cpu_count() or 1, len(videos))
    if width <= 1:
        yield from (score_video_masks(dataset, video, masks, protocols) for video in videos)
        return
    from concurrent.futures import ProcessPoolExecutor, as_completed
    from multiprocessing import get_context

    for who, each in ((f"dataset {dataset.name!r}", dataset), *((f"protocol {each.name!r}", each) for each in protocols)):
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
    """Load plugin files, so that their objects can be unpickled; their printed output is dropped."""
    with redirect_stdout(sys.stderr):
        for file in files:
            import_file(file)


@contextmanager
def _ignore_sigint() -> Iterator[None]:
    """Start processes that ignore Ctrl-C; this process stops them silently."""
    if not hasattr(signal, "pthread_sigmask"):  # as on Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def score_video_masks(dataset: Dataset, video: str, masks: Path, protocols: Sequence[EvaluationProtocol]) -> ScoredVideo:
    """Score one video. Frames are small, so without the settings of the allocator each would be paged in anew."""
    cpu_tuning.apply_allocator_settings()
    try:
        return ScoredVideo(video, tuple(score_with_protocol(dataset, video, masks, each) for each in protocols))
    except AlrefError as error:
        return ScoredVideo(video, error=error, traceback=format_exc())


def score_with_protocol(dataset: Dataset, video: str, masks: Path, protocol: EvaluationProtocol) -> VideoScores:
    """Score one video by one protocol. Raises AlrefError, or ContractError that names the faulty dataset or protocol."""
    with PluginErrorContext(f"protocol {protocol.name!r}"):
        scores = protocol.score_video(video, _iterate_cases(dataset, video, masks))
        if not isinstance(scores, VideoScores):
            raise ContractError(f"score_video: expected VideoScores, got {type(scores).__name__}")
        if scores.protocol != protocol.name:
            raise ContractError(f"score_video: expected scores of this protocol, got scores of {scores.protocol!r}")
    return scores


def _iterate_cases(dataset: Dataset, video: str, masks: Path) -> Iterator[Case]:
    """Yield the cases of a video; errors while reading them are attributed to the dataset."""
    who = f"dataset {dataset.name!r}, cases"
    with PluginErrorContext(who):
        for case in dataset.read_cases(video, masks):
            predicted = None if case.predicted is None else _iterate_frames(case.predicted, who)
            yield replace(case, truth=_iterate_frames(case.truth, who), predicted=predicted)


def _iterate_frames(frames: Iterable[AnyFrame], who: str) -> Iterator[AnyFrame]:
    with PluginErrorContext(who):
        yield from frames
