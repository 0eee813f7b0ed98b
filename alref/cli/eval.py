"""``alref eval``: run a pipeline on a benchmark and score it; an interrupted run resumes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import click

from alref.batch.shards import read_shard
from alref.batch.worker import choose_overlap
from alref.cli.common_options import add_config_options, resolve_configuration
from alref.cli.eval_output import EvaluationProgress, print_logged, print_plan, print_summary
from alref.cli.progress import reserve_stdout
from alref.cli.verbose_option import is_verbose
from alref.cli.video_selection import select_videos
from alref.components.dataset import Dataset
from alref.components.protocol import EvaluationProtocol
from alref.config import MAX_REPEATS, Configuration
from alref.errors import AlrefError
from alref.evaluation.breakdown import Attributes, read_attributes
from alref.evaluation.folder import EvaluationFolder
from alref.evaluation.loggers import build_finished_evaluation, log_evaluation
from alref.evaluation.plan import plan_evaluation
from alref.evaluation.repeats import EvaluationRun, explain_repeats, list_runs, summarize_repeats
from alref.evaluation.report import write_evaluation_report
from alref.evaluation.runner import MIN_CACHED_SECONDS, EvaluationRunner
from alref.evaluation.summary import EvaluationSummary, summarize_evaluation
from alref.evaluation.workers import run_on_workers
from alref.llm.shared_limits import sharing_limits
from alref.output.store import FolderStore
from alref.output.stored_tally import StoredTally
from alref.pipeline.engine import Pipeline
from alref.pipeline.stage_cache import StageCache
from alref.plugins.manager import PluginManager


@click.command("eval")
@click.argument("dataset")
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Folder of the dataset as downloaded.")
@click.option("--split", default="", help="Split of the dataset; default: its usual one.")
@add_config_options
@click.option("--protocol", "protocols", multiple=True, help="Evaluation protocol; default: all of the dataset; repeatable.")
@click.option("--videos", help="Use only these videos, by name: a,b.")
@click.option("--limit", type=click.IntRange(min=1), help="Use only the first N videos.")
@click.option(
    "--jobs", type=click.IntRange(min=1), default=4, help="Number of videos to process concurrently.", show_default=True
)
@click.option(
    "--attributes", type=click.Path(path_type=Path), help="CSV file with a column 'video', perhaps 'id', to group scores by."
)
@click.option("--runner", help="Run videos in workers, `local` or `ray`, of which there are --jobs; default: in threads.")
@click.option("--shard", metavar="I/N", help="Run only share I of N of the videos, counted from 0.")
@click.option(
    "--repeats",
    type=click.IntRange(1, MAX_REPEATS),
    metavar="N",
    help="Run N times, each with the next seeds, and report mean and standard deviation.",
)
@click.option("--logger", "loggers", multiple=True, metavar="NAME", help="Record the result with this logger; repeatable.")
@click.option("--out", type=click.Path(path_type=Path), help="Output folder; default alref-out/DATASET-SPLIT.")
@click.option("--plan", "planned", is_flag=True, help="Count what is left and estimate time and cost; do not run.")
@click.option("--force", is_flag=True, help="Overwrite any other evaluation in --out.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON event per line.")
@click.option("--quiet", is_flag=True, help="Print only errors.")
def command(**flags: Any) -> int:
    """Run DATASET through a pipeline and score it by its published protocol.

    \b
    alref eval ref-davis17 --data ref-davis -c mine.yaml
    alref eval mevis --data mevis --split valid_u --limit 5 --out try

    Re-run the same command to resume. A video that fails is reported with its reason; the others complete.
    """
    with reserve_stdout(flags["as_json"]):
        return _run_evaluation(flags)


def _run_evaluation(flags: dict[str, Any]) -> int:
    plugins = PluginManager(files=flags["plugin_files"])
    dataset = plugins.get_dataset(flags["dataset"])(flags["data"], flags["split"])
    protocols = plugins.make_protocols(flags["protocols"] or dataset.protocols)
    attributes = read_attributes(flags["attributes"]) if flags["attributes"] else {}
    config = _resolve_config(plugins, flags)
    shard = read_shard(flags["shard"], flags["force"])
    videos = [video for video in select_videos(dataset, flags["videos"], flags["limit"]) if shard.holds(video)]
    path = flags["out"] or Path("alref-out") / f"{dataset.name}-{dataset.split}"
    runs = list_runs(config, dataset, plugins.get_dataset_name(dataset), path)
    if flags["planned"]:
        print_plan(plan_evaluation(runs, dataset, videos, flags["jobs"]), flags["as_json"])
        return 0
    loggers = plugins.make_loggers(flags["loggers"])
    evaluation = _Evaluation(plugins, dataset, protocols, attributes, videos, flags, shard.count > 1)
    with (
        EvaluationFolder.open(path, runs[0].spec, force=flags["force"], shared=evaluation.shared) as folder,
        sharing_limits(partial(StoredTally, FolderStore(path))) if evaluation.shared else nullcontext(),
    ):
        done, files = evaluation.run_all(folder, runs)
        failed = evaluation.errors
        if evaluation.shared:  # the run without --shard writes the numbers of all
            return failed[0].exit_code if failed else 0
        print_summary(done, path, files, flags)
        if loggers:
            finished = build_finished_evaluation(folder, dataset, done, protocols, files)
            failed += print_logged(log_evaluation(loggers, finished), flags)
    return failed[0].exit_code if failed else 0


def _resolve_config(plugins: PluginManager, flags: dict[str, Any]) -> Configuration:
    config = resolve_configuration(plugins, flags)
    if flags["repeats"]:
        config = replace(config, repeats=flags["repeats"])
    if (note := explain_repeats(config)) and not flags["quiet"]:
        click.echo(note, err=True)
    return config


@dataclass(frozen=True)
class _Evaluation:
    """What the runs of an evaluation have in common; ``errors`` collects the failures of videos."""

    plugins: PluginManager
    dataset: Dataset
    protocols: Sequence[EvaluationProtocol]
    attributes: Attributes
    videos: Sequence[str]
    flags: Mapping[str, Any]
    shared: bool
    errors: list[AlrefError] = field(default_factory=list)

    def run_all(self, folder: EvaluationFolder, runs: Sequence[EvaluationRun]) -> tuple[EvaluationSummary, list[Path]]:
        """Run all repeats, the first in ``folder``, and return its summary and files, with the metrics of all.

        An interruption prints the progress so far.
        """
        jobs, as_json, quiet = (self.flags[name] for name in ("jobs", "as_json", "quiet"))
        total = len(runs) * len(self.videos)
        stages = StageCache(folder.stages, min_seconds=MIN_CACHED_SECONDS)
        with EvaluationProgress(total, min(jobs, total), as_json, quiet, is_verbose()) as tally:
            first, files = self._run(runs[0], folder, stages, tally)
            summaries = [first]
            for run in runs[1:]:
                with EvaluationFolder.open(run.path, run.spec, force=self.flags["force"], shared=self.shared) as other:
                    summaries.append(self._run(run, other, stages, tally)[0])
        if len(runs) > 1 and not self.shared:
            repeats = summarize_repeats([each.tables for each in summaries], [each.scored_count for each in summaries])
            first = first.model_copy(update={"repeats": repeats})
            files = write_evaluation_report(folder, self.dataset, first, self.protocols, self.attributes)
        return first, files

    def _run(
        self, run: EvaluationRun, folder: EvaluationFolder, stages: StageCache, tally: EvaluationProgress
    ) -> tuple[EvaluationSummary, list[Path]]:
        """Run all videos once, report each, and write the reports, except those of a share."""
        jobs, name = self.flags["jobs"], self.flags["runner"]
        runner = self.plugins.get_runner(name)(jobs, overlap=choose_overlap(run.config)) if name else None
        with Pipeline.from_config(run.config, self.plugins) as pipe:
            work = EvaluationRunner(pipe, self.dataset, folder, self.protocols, jobs, stages)
            for outcome in run_on_workers(work, self.videos, runner) if runner else work.run_videos(self.videos):
                tally.add_outcome(outcome)
                if outcome.error is not None:
                    self.errors.append(outcome.error)
        done = summarize_evaluation(folder, self.videos, self.protocols)
        files = [] if self.shared else write_evaluation_report(folder, self.dataset, done, self.protocols, self.attributes)
        return done, files
