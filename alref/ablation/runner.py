"""Run rows one after the other; each is an evaluation that can resume, and all share stage outputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from alref.ablation.folder import ROWS_FOLDER
from alref.ablation.grid import Ablation, AblationRow
from alref.ablation.summary import AblationSummary, RowSummary, summarize_row
from alref.ablation.user_videos import UserVideoDataset
from alref.components.dataset import Dataset
from alref.components.protocol import EvaluationProtocol
from alref.components.runner import Runner
from alref.errors import AlrefError, InputError
from alref.evaluation.change_detection import find_unchanged_row
from alref.evaluation.folder import EvaluationFolder, EvaluationSpec, load_evaluation
from alref.evaluation.report import write_evaluation_report
from alref.evaluation.runner import EvaluationRunner, VideoOutcome
from alref.evaluation.summary import summarize_evaluation
from alref.evaluation.workers import run_on_workers
from alref.pipeline.engine import Pipeline
from alref.pipeline.stage_cache import StageCache
from alref.plugins.manager import PluginManager

VideoCallback = Callable[[AblationRow, VideoOutcome], None]


@dataclass
class AblationRunner:
    """Runs an ablation in ``path`` and calls ``on_video`` for each video of each row; ``errors`` collects failures.

    With ``runner``, videos run on its workers. A ``shared`` ablation is one share of several: nothing is summarized.
    """

    ablation: Ablation
    plugins: PluginManager
    path: Path
    stage_cache: StageCache
    on_video: VideoCallback
    videos: Sequence[str]
    protocols: Sequence[EvaluationProtocol]
    jobs: int = 4
    force: bool = False
    runner: Runner | None = None
    shared: bool = False
    errors: list[AlrefError] = field(default_factory=list)

    def run_rows(self) -> AblationSummary:
        """Run all rows and return their summary. A row that fails stores the reason, and the others continue."""
        base = self.ablation.rows[0]
        data = make_dataset(self.ablation, base, self.plugins)
        return AblationSummary(
            dataset=data.name,
            split=data.split,
            columns=self.ablation.columns,
            protocols=tuple(each.name for each in self.protocols),
            rows=tuple(self._run_row(row, base) for row in self.ablation.rows),
        )

    def get_row_folder(self, row: AblationRow) -> Path:
        """Return the folder of a row."""
        return self.path / ROWS_FOLDER / row.folder_name

    def _run_row(self, row: AblationRow, base: AblationRow) -> RowSummary:
        bare = RowSummary(
            name=row.name, values=row.values, folder=f"{ROWS_FOLDER}/{row.folder_name}", requested=len(self.videos)
        )
        data = make_dataset(self.ablation, row, self.plugins)
        name = self.plugins.get_dataset_name(data)
        try:
            with EvaluationFolder.open(
                self.get_row_folder(row),
                EvaluationSpec.from_command(data, row.config, name),
                force=self.force,
                shared=self.shared,
            ) as folder:
                why = self._run_videos(row, data, folder)
                if self.shared:
                    return bare.model_copy(update={"why": why})
                done = summarize_evaluation(folder, self.videos, self.protocols)
                write_evaluation_report(folder, data, done, self.protocols)
                first = self._find_base_folder(base, EvaluationSpec.from_command(data, base.config, name))
                return summarize_row(bare, folder, done, self.protocols, first).model_copy(update={"why": why})
        except AlrefError as error:
            self.errors.append(error)
            return bare.model_copy(update={"why": str(error)})

    def _find_base_folder(self, base: AblationRow, spec: EvaluationSpec) -> EvaluationFolder | None:
        """Return the folder of the baseline, None if it holds other settings."""
        try:
            there = load_evaluation(self.get_row_folder(base))
        except InputError:
            return None
        return None if there.describe_differences(spec) else EvaluationFolder(self.get_row_folder(base), spec)

    def _run_videos(self, row: AblationRow, data: Dataset, folder: EvaluationFolder) -> str:
        """Run the videos of a row; return the reason if none can be run."""
        with Pipeline.from_config(row.config, self.plugins) as pipe:
            try:
                self._check_components(pipe, data, folder)
            except AlrefError as error:
                self.errors.append(error)
                return str(error)
            work = EvaluationRunner(pipe, data, folder, self.protocols, self.jobs, self.stage_cache)
            on_workers = run_on_workers(work, self.videos, self.runner) if self.runner else None
            for outcome in on_workers or work.run_videos(self.videos):
                self.on_video(row, outcome)
                if outcome.error is not None:
                    self.errors.append(outcome.error)
        return ""

    def _check_components(self, pipe: Pipeline, data: Dataset, folder: EvaluationFolder) -> None:
        """Raise MissingError before the first video if a row lacks a requirement; each video reports its other errors."""
        waiting = [video for video in self.videos if find_unchanged_row(folder, data, video) is None]
        try:
            if waiting:
                pipe.check(data.open_video(waiting[0]), data.read_references(waiting[0]))
        except InputError:
            return


def make_dataset(ablation: Ablation, row: AblationRow, plugins: PluginManager) -> Dataset:
    """Return the dataset of an ablation as a row reads it. Raises ConfigError."""
    if ablation.data is None:
        return UserVideoDataset(ablation.path.parent, ablation.grid.videos, row.config.video)
    return plugins.get_dataset(ablation.data.dataset)(ablation.data.root, ablation.data.split)
