"""Rows one after the other, each an evaluation that goes on wherever it was stopped; outputs of stages are shared by all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from alref.ablation.folder import ROWS
from alref.ablation.grid import Ablation, Row
from alref.ablation.summary import AblationSummary, RowSummary, of_row
from alref.ablation.user_videos import Clips
from alref.components.dataset import Dataset
from alref.components.protocol import Protocol
from alref.errors import AlrefError, InputError
from alref.evaluation.change_detection import still_done
from alref.evaluation.folder import Evaluation, EvaluationFolder, load_evaluation
from alref.evaluation.report import write
from alref.evaluation.runner import Outcome, Work
from alref.evaluation.summary import summary
from alref.pipeline.engine import Pipeline
from alref.pipeline.stage_cache import StageCache
from alref.plugins.manager import Plugins

Told = Callable[[Row, Outcome], None]


@dataclass
class Runner:
    """An ablation at work below ``path``; ``told`` hears of each video of each row. ``errors`` are what went wrong so far."""

    ablation: Ablation
    plugins: Plugins
    path: Path
    kept: StageCache
    told: Told
    videos: Sequence[str]
    protocols: Sequence[Protocol]
    jobs: int = 4
    force: bool = False
    errors: list[AlrefError] = field(default_factory=list)

    def summary(self) -> AblationSummary:
        """Run all rows, and sum them up. A row that cannot be run says why, and the others go on."""
        base = self.ablation.rows[0]
        data = dataset(self.ablation, base, self.plugins)
        return AblationSummary(
            dataset=data.name,
            split=data.split,
            columns=self.ablation.columns,
            protocols=tuple(each.name for each in self.protocols),
            rows=tuple(self._row(row, base) for row in self.ablation.rows),
        )

    def place(self, row: Row) -> Path:
        """Return the folder of a row."""
        return self.path / ROWS / row.folder

    def _row(self, row: Row, base: Row) -> RowSummary:
        bare = RowSummary(name=row.name, values=row.values, folder=f"{ROWS}/{row.folder}", asked=len(self.videos))
        data = dataset(self.ablation, row, self.plugins)
        name = self.plugins.whole(data)
        try:
            with EvaluationFolder.open(self.place(row), Evaluation.of(data, row.config, name), force=self.force) as folder:
                why = self._worked(row, data, folder)
                done = summary(folder, self.videos, self.protocols)
                write(folder, data, done)
                first = self._first(base, Evaluation.of(data, base.config, name))
                return of_row(bare, folder, done, self.protocols, first).model_copy(update={"why": why})
        except AlrefError as error:
            self.errors.append(error)
            return bare.model_copy(update={"why": str(error)})

    def _first(self, base: Row, asked: Evaluation) -> EvaluationFolder | None:
        """Return the folder of the base, None when that of other settings stands in its place."""
        try:
            there = load_evaluation(self.place(base))
        except InputError:
            return None
        return None if there.differences(asked) else EvaluationFolder(self.place(base), asked)

    def _worked(self, row: Row, data: Dataset, folder: EvaluationFolder) -> str:
        """Do the videos of a row; return why none can be done, if so."""
        with Pipeline(row.config, self.plugins) as pipe:
            try:
                self._check(pipe, data, folder)
            except AlrefError as error:
                self.errors.append(error)
                return str(error)
            for outcome in Work(pipe, data, folder, self.protocols, self.jobs, self.kept).outcomes(self.videos):
                self.told(row, outcome)
                if outcome.error is not None:
                    self.errors.append(outcome.error)
        return ""

    def _check(self, pipe: Pipeline, data: Dataset, folder: EvaluationFolder) -> None:
        """Raise MissingError for what a row lacks before its first video, and leave to each video what is wrong with it."""
        waiting = [video for video in self.videos if still_done(folder, data, video) is None]
        try:
            if waiting:
                pipe.check(data.open(waiting[0]), data.references(waiting[0]))
        except InputError:
            return


def dataset(ablation: Ablation, row: Row, plugins: Plugins) -> Dataset:
    """Return the data set of an ablation as a row reads it. Raises ConfigError."""
    if ablation.data is None:
        return Clips(ablation.path.parent, ablation.grid.videos, row.config.video)
    return plugins.dataset(ablation.data.dataset)(ablation.data.root, ablation.data.split)
