"""An evaluation on the workers of a runner: each has a pipeline of its own, and writes to the folder of the evaluation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from alref.components.dataset import Dataset
from alref.components.protocol import EvaluationProtocol
from alref.components.runner import Runner, RunnerTask
from alref.config import resolve_config
from alref.evaluation.folder import EvaluationFolder, EvaluationSpec
from alref.evaluation.runner import EvaluationRunner, VideoOutcome
from alref.llm.shared_limits import share_limits
from alref.output.store import FolderStore
from alref.output.stored_tally import StoredTally
from alref.pipeline.engine import Pipeline
from alref.pipeline.stage_cache import StageCache
from alref.plugins.manager import PluginManager


@dataclass(frozen=True)
class EvaluationSettings:
    """What a worker of an evaluation is made from; all of it can be pickled."""

    config: Mapping[str, Any]
    plugin_files: tuple[Path, ...]
    dataset: Dataset
    path: Path
    spec: EvaluationSpec
    protocols: Sequence[EvaluationProtocol]
    stage_cache: StageCache | None


class EvaluationWorker:
    """Predicts, writes and scores one video after the other."""

    def __init__(self, settings: EvaluationSettings, device: str = "") -> None:
        share_limits(partial(StoredTally, FolderStore(settings.path)))
        plugins = PluginManager(files=settings.plugin_files)
        chosen = {"device": device} if device else {}
        pipeline = Pipeline.from_config(resolve_config(plugins, [settings.config, chosen]), plugins)
        folder = EvaluationFolder(settings.path, settings.spec)
        self._runner = EvaluationRunner(
            pipeline, settings.dataset, folder, settings.protocols, stage_cache=settings.stage_cache
        )

    def __call__(self, video: str) -> VideoOutcome:
        """Run one video. A video that fails is an outcome too."""
        return self._runner.run_video(video)


def run_on_workers(work: EvaluationRunner, videos: Sequence[str], runner: Runner) -> Iterator[VideoOutcome]:
    """Yield the outcome of each video of an evaluation as a worker finishes it."""
    settings = EvaluationSettings(
        config=work.pipeline.config.to_dict(),
        plugin_files=tuple(path.absolute() for path in work.pipeline.plugins.files),
        dataset=work.dataset,
        path=work.folder.path.absolute(),
        spec=work.folder.spec,
        protocols=work.protocols,
        stage_cache=work.stage_cache,
    )
    for outcome in runner.run_tasks(partial(EvaluationWorker, settings), (RunnerTask(video, video) for video in videos)):
        if outcome.error is None:
            yield outcome.output
        else:
            work.folder.write_error(outcome.task.key, str(outcome.error))
            yield VideoOutcome(outcome.task.key, outcome.seconds, error=outcome.error)
