"""Run a pipeline on many videos concurrently. Each video is predicted, written and scored before it counts as done."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter

from alref.components.dataset import Dataset
from alref.components.protocol import EvaluationProtocol
from alref.errors import AlrefError, PluginErrorContext
from alref.evaluation.change_detection import compute_fingerprint, find_unchanged_row
from alref.evaluation.folder import EvaluationFolder
from alref.evaluation.scoring import score_with_protocol
from alref.models import cpu_tuning
from alref.pipeline.engine import Pipeline
from alref.pipeline.stage_cache import StageCache
from alref.result import Usage
from alref.utils.thread_pool import run_in_threads

MIN_CACHED_SECONDS = 0.05
"""Minimum duration of a stage whose output is cached; faster stages are recomputed after a kill."""


@dataclass(frozen=True)
class VideoOutcome:
    """The outcome of one video: duration in seconds, usage of language models, and the error if it failed.

    ``already_done`` is True if an earlier call finished it.
    """

    video: str
    seconds: float
    already_done: bool = False
    usage: tuple[Usage, ...] = ()
    error: AlrefError | None = None


@dataclass(frozen=True)
class EvaluationRunner:
    """One evaluation: pipeline, dataset, folder and protocols; ``jobs`` videos run concurrently.

    ``stage_cache`` holds stage outputs. The default is the cache of the folder, which skips fast stages.
    """

    pipeline: Pipeline
    dataset: Dataset
    folder: EvaluationFolder
    protocols: Sequence[EvaluationProtocol]
    jobs: int = 4
    stage_cache: StageCache | None = None

    def run_videos(self, videos: Sequence[str]) -> Iterator[VideoOutcome]:
        """Yield the outcome of each video as it finishes. A failed video is an outcome too, and the others continue."""
        cpu_tuning.share_cores(min(self.jobs, len(videos)))
        for _, outcome in run_in_threads(self.run_video, videos, self.jobs):
            yield outcome

    def run_video(self, video: str) -> VideoOutcome:
        """Predict, write and score one video, unless it is done. A video that fails is an outcome too."""
        started = perf_counter()
        already_done = False
        usage: tuple[Usage, ...] = ()
        error: AlrefError | None = None
        try:
            with PluginErrorContext(f"dataset {self.dataset.name!r}"):
                already_done = find_unchanged_row(self.folder, self.dataset, video) is not None
            if not already_done:
                usage = self._predict_video(video)
            for protocol in self.protocols:
                if self.folder.read_scores(video, protocol.name) is None:
                    scores = score_with_protocol(self.dataset, video, self.folder.masks, protocol)
                    self.folder.write_scores(video, scores)
            self.folder.clear_error(video)
        except AlrefError as problem:
            error = problem
            self.folder.write_error(video, str(problem))
        return VideoOutcome(video, perf_counter() - started, already_done, usage, error)

    def _predict_video(self, video: str) -> tuple[Usage, ...]:
        who = f"dataset {self.dataset.name!r}"
        with PluginErrorContext(f"{who}, open"):
            seen = compute_fingerprint(self.dataset, video)
            opened, references = self.dataset.open_video(video), self.dataset.read_references(video)
        self.folder.reset_video(video)
        result = self.pipeline.run(
            opened, references, self.stage_cache or StageCache(self.folder.stages, min_seconds=MIN_CACHED_SECONDS)
        )
        with PluginErrorContext(f"{who}, write"):
            self.dataset.write_masks(result, video, self.folder.masks, self.pipeline.match_names)
        self.folder.write_result(video, result, seen)
        return result.usage
