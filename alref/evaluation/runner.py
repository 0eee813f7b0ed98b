"""Many videos through one pipeline: several under way at once, each predicted, written and scored before it counts as done."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter

from alref.components.dataset import Dataset
from alref.components.protocol import Protocol
from alref.errors import AlrefError, Blamed
from alref.evaluation.change_detection import stamp, still_done
from alref.evaluation.folder import EvaluationFolder
from alref.evaluation.scoring import measured
from alref.pipeline.engine import Pipeline
from alref.pipeline.stage_cache import StageCache
from alref.result import Usage
from alref.utils.thread_pool import in_threads

QUICK = 0.05
"""Seconds below which the output of a stage is not kept: only the videos that a kill cut short would read it."""


@dataclass(frozen=True)
class Outcome:
    """What became of one video: the seconds it took, what was asked of language models, and why it failed, if it did.

    ``kept`` says that it was done before.
    """

    video: str
    seconds: float
    kept: bool = False
    usage: tuple[Usage, ...] = ()
    error: AlrefError | None = None


@dataclass(frozen=True)
class Work:
    """One evaluation: what predicts, what is read, where it is written, how it is scored; ``jobs`` videos at once.

    ``kept`` holds outputs of stages, the folder's own if not given, where quick ones are not kept.
    """

    pipeline: Pipeline
    dataset: Dataset
    folder: EvaluationFolder
    protocols: Sequence[Protocol]
    jobs: int = 4
    kept: StageCache | None = None

    def outcomes(self, videos: Sequence[str]) -> Iterator[Outcome]:
        """Yield what became of each video as it is done. A video that fails is an outcome, and the others go on."""
        for _, outcome in in_threads(self._one, videos, self.jobs):
            yield outcome

    def _one(self, video: str) -> Outcome:
        started = perf_counter()
        kept = False
        usage: tuple[Usage, ...] = ()
        error: AlrefError | None = None
        try:
            with Blamed(f"data set {self.dataset.name!r}"):
                kept = still_done(self.folder, self.dataset, video) is not None
            if not kept:
                usage = self._predicted(video)
            self._score(video)
            self.folder.forgive(video)
        except AlrefError as problem:
            error = problem
            self.folder.keep_fault(video, str(problem))
        return Outcome(video, perf_counter() - started, kept, usage, error)

    def _predicted(self, video: str) -> tuple[Usage, ...]:
        who = f"data set {self.dataset.name!r}"
        with Blamed(f"{who}, open"):
            seen = stamp(self.dataset, video)
            opened, references = self.dataset.open(video), self.dataset.references(video)
        self.folder.forget(video)
        result = self.pipeline.run(opened, references, self.kept or StageCache(self.folder.stages, quick=QUICK))
        with Blamed(f"{who}, write"):
            self.dataset.write(result, video, self.folder.masks, self.pipeline.name_as)
        self.folder.keep(video, result, seen)
        return result.usage

    def _score(self, video: str) -> None:
        for protocol in self.protocols:
            if self.folder.scores(video, protocol.name) is None:
                self.folder.keep_scores(video, measured(self.dataset, video, self.folder.masks, protocol))
