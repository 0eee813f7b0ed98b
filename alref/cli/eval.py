"""``alref eval``: run a pipeline on a benchmark and score it; an interrupted run resumes."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import click

from alref.batch.shards import read_shard
from alref.cli.common_options import add_config_options, resolve_configuration
from alref.cli.eval_output import EvaluationProgress, print_plan, print_summary
from alref.cli.progress import reserve_stdout
from alref.cli.verbose_option import is_verbose
from alref.cli.video_selection import select_videos
from alref.components.runner import Runner
from alref.errors import AlrefError
from alref.evaluation.breakdown import read_attributes
from alref.evaluation.folder import EvaluationFolder, EvaluationSpec
from alref.evaluation.plan import plan_evaluation
from alref.evaluation.report import write_evaluation_report
from alref.evaluation.runner import EvaluationRunner
from alref.evaluation.summary import summarize_evaluation
from alref.evaluation.workers import run_on_workers
from alref.llm.shared_limits import sharing_limits
from alref.output.store import FolderStore
from alref.output.stored_tally import StoredTally
from alref.pipeline.engine import Pipeline
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
    config = resolve_configuration(plugins, flags)
    shard = read_shard(flags["shard"], flags["force"])
    videos = [video for video in select_videos(dataset, flags["videos"], flags["limit"]) if shard.holds(video)]
    path = flags["out"] or Path("alref-out") / f"{dataset.name}-{dataset.split}"
    spec = EvaluationSpec.from_command(dataset, config, plugins.get_dataset_name(dataset))
    if flags["planned"]:
        print_plan(plan_evaluation(spec, dataset, videos, path, flags["jobs"]), flags["as_json"])
        return 0
    with (
        EvaluationFolder.open(path, spec, force=flags["force"], shared=shard.count > 1) as folder,
        Pipeline.from_config(config, plugins) as pipe,
        sharing_limits(partial(StoredTally, FolderStore(path))) if shard.count > 1 else nullcontext(),
    ):
        runner = plugins.get_runner(flags["runner"])(flags["jobs"]) if flags["runner"] else None
        work = EvaluationRunner(pipe, dataset, folder, protocols, flags["jobs"])
        failed = _process_videos(work, videos, flags, runner)
        if shard.count > 1:  # the run without --shard writes the numbers of all
            return failed[0].exit_code if failed else 0
        done = summarize_evaluation(folder, videos, protocols)
        files = write_evaluation_report(folder, dataset, done, protocols, attributes)
    print_summary(done, path, files, flags)
    return failed[0].exit_code if failed else 0


def _process_videos(
    work: EvaluationRunner, videos: Sequence[str], flags: dict[str, Any], runner: Runner | None
) -> list[AlrefError]:
    """Run all videos, report each and return the errors. An interruption prints the progress so far."""
    failed: list[AlrefError] = []
    with EvaluationProgress(
        len(videos), min(flags["jobs"], len(videos)), flags["as_json"], flags["quiet"], is_verbose()
    ) as tally:
        for outcome in run_on_workers(work, videos, runner) if runner else work.run_videos(videos):
            tally.add_outcome(outcome)
            if outcome.error is not None:
                failed.append(outcome.error)
    return failed
