"""``alref ablate``: run an ablation grid over a dataset and compute shared stages once."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from rich.box import SIMPLE
from rich.table import Table

from alref.ablation import tables
from alref.ablation.folder import AblationFolder, AblationSpec
from alref.ablation.grid import Ablation, read_ablation
from alref.ablation.plan import AblationPlan, plan_ablation
from alref.ablation.report import REPORT_FILES, write_ablation_report
from alref.ablation.runner import AblationRunner, make_dataset
from alref.ablation.summary import AblationSummary
from alref.batch.shards import read_shard
from alref.batch.worker import choose_overlap
from alref.cli.byte_size import ByteSize
from alref.cli.console import make_console
from alref.cli.eval_output import EvaluationProgress, format_duration, format_estimate
from alref.cli.plugin_option import add_plugin_option
from alref.cli.progress import emit_event, reserve_stdout
from alref.cli.verbose_option import is_verbose
from alref.components.dataset import Dataset
from alref.evaluation.summary import format_verdicts
from alref.pipeline import stage_cache
from alref.plugins.manager import PluginManager
from alref.utils.text import escape_controls

WIDTH = 140
"""Width of a table that is not printed to a terminal."""


@click.command("ablate")
@click.argument("grid", type=click.Path(path_type=Path))
@click.option("--plan", "planned", is_flag=True, help="Estimate time and cost; do not run.")
@click.option("--limit", type=click.IntRange(min=1), help="Use only the first N videos.")
@click.option(
    "--jobs", type=click.IntRange(min=1), default=4, help="Number of videos to process concurrently.", show_default=True
)
@click.option("--runner", help="Run videos in workers, `local` or `ray`, of which there are --jobs; default: in threads.")
@click.option("--shard", metavar="I/N", help="Run only share I of N of the videos, counted from 0.")
@add_plugin_option
@click.option(
    "--cache-size",
    type=ByteSize(),
    default=stage_cache.DEFAULT_LIMIT,
    help="Maximum size of the shared cache; default 4GB.",
)
@click.option("--out", type=click.Path(path_type=Path), help="Output folder; default alref-out/GRID.")
@click.option("--force", is_flag=True, help="Overwrite rows and any other ablation in --out.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON event per line.")
@click.option("--quiet", is_flag=True, help="Print only errors.")
def command(grid: Path, **flags: Any) -> int:
    """Run the rows of the YAML file GRID, and compare them with the first.

    \b
    alref ablate grid.yaml --plan
    alref ablate grid.yaml --limit 5
    alref ablate grid.yaml

    Re-run the same command to resume. A row that fails is reported with its reason; the other rows complete.
    """
    with reserve_stdout(flags["as_json"]):
        return _run_ablation(grid, flags)


def _run_ablation(grid: Path, flags: dict[str, Any]) -> int:
    plugins = PluginManager(files=flags["plugin_files"])
    ablation = read_ablation(grid, plugins)
    data = make_dataset(ablation, ablation.rows[0], plugins)
    shard = read_shard(flags["shard"], flags["force"])
    videos = [video for video in _select_videos(ablation, data, flags["limit"]) if shard.holds(video)]
    path = flags["out"] or Path("alref-out") / grid.stem
    named = ablation.data.protocols if ablation.data else ()
    protocols = plugins.make_protocols(named or data.protocols)
    if flags["planned"]:
        _print_plan(plan_ablation(ablation.rows, data, videos, path), flags["as_json"])
        return 0
    cache = stage_cache.open_user_cache(flags["cache_size"])
    spec = AblationSpec(dataset=data.name, split=data.split)
    with (
        AblationFolder.open(path, spec, force=flags["force"], shared=shard.count > 1) as folder,
        EvaluationProgress(
            len(ablation.rows) * len(videos),
            min(flags["jobs"], len(videos)),
            flags["as_json"],
            flags["quiet"],
            is_verbose(),
        ) as tally,
    ):
        overlap = max(choose_overlap(row.config) for row in ablation.rows)
        runner = AblationRunner(
            ablation,
            plugins,
            folder.path,
            cache,
            lambda row, outcome: tally.add_outcome(outcome, row=row.name),
            videos,
            protocols,
            flags["jobs"],
            flags["force"],
            plugins.get_runner(flags["runner"])(flags["jobs"], overlap=overlap) if flags["runner"] else None,
            shard.count > 1,
        )
        done = runner.run_rows()
        if shard.count > 1:  # the run without --shard writes the tables
            return runner.errors[0].exit_code if runner.errors else 0
        write_ablation_report(folder.path, done, grid)
    _print_summary(done, path, flags)
    return runner.errors[0].exit_code if runner.errors else 0


def _select_videos(ablation: Ablation, data: Dataset, limit: int | None) -> list[str]:
    """Return the videos that the file names, cut to the limit."""
    subset = ablation.data
    videos = list(dict.fromkeys(map(data.require_video, subset.videos))) if subset and subset.videos else data.list_videos()
    limits = [each for each in (limit, subset.limit if subset else None) if each is not None]
    return videos[: min(limits)] if limits else videos


def _print_plan(estimate: AblationPlan, as_json: bool) -> None:
    if as_json:
        emit_event("plan", **estimate.model_dump(mode="json"))
        return
    console = make_console()
    rows = Table("row", "videos done", box=SIMPLE, title=f"{len(estimate.rows)} rows of {estimate.videos} videos")
    for name, count in estimate.rows.items():
        rows.add_row(name, str(count))
    calls = Table("stage", "calls, each row alone", "at most, shared", "still to do", box=SIMPLE, title="calls of stages")
    for slot, each in estimate.calls.items():
        calls.add_row(slot, f"{each.alone:,}", f"{each.shared:,}", f"{each.remaining:,}")
    console.print(rows)
    console.print(calls)
    for line in _format_estimates(estimate):
        console.print(line, soft_wrap=True)


def _format_estimates(estimate: AblationPlan) -> Iterator[str]:
    """Yield lines that estimate the remaining time, questions and cost."""
    if estimate.seconds is None:
        yield f"time: unknown for {', '.join(estimate.not_measured)}"
    else:
        yield f"time: about {format_duration(estimate.seconds)} (stages run one after the other)"
    if estimate.questions is None:
        yield "language models: number of questions unknown"
    elif estimate.questions == 0:
        yield "language models: not used"
    else:
        count = f"{'at most' if estimate.is_upper_bound else 'about'} {estimate.questions:,}"
        rule = " (tokens and cost are rough estimates)" if estimate.is_upper_bound else ""
        yield f"questions: {count}; {format_estimate(estimate.tokens, estimate.dollars)}{rule}"
    if estimate.seconds is None or estimate.questions is None or estimate.is_upper_bound:
        yield "run the same command with --limit 1 and without --plan to measure unknown values on one video"


def _print_summary(summary: AblationSummary, path: Path, flags: dict[str, Any]) -> None:
    """Print the table, or one JSON event."""
    if flags["as_json"]:
        emit_event("finished", out=str(path), **summary.model_dump(mode="json"))
        return
    for row in summary.rows:
        if row.problem:
            click.echo(escape_controls(f"{row.name}: {row.problem}"), err=True)
    if flags["quiet"]:
        return
    console = make_console(width=None if sys.stdout.isatty() else WIDTH)
    table = Table(*tables.build_header(summary), box=SIMPLE, title=f"{summary.dataset}, {summary.split}")
    for cells in tables.format_cells(summary):
        table.add_row(*cells)
    console.print(table)
    for row in summary.rows:
        if row.verdicts:
            console.print(f"{row.name}: {format_verdicts(row.verdicts, row.warning)}", markup=False, soft_wrap=True)
    for name in REPORT_FILES:
        console.print(path / name, soft_wrap=True)
