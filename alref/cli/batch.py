"""``alref batch``: segment many videos on many processes or machines, into one store."""

from __future__ import annotations

import shlex
import sys
from functools import partial
from pathlib import Path
from typing import Any

import click

from alref.batch.plan import plan_batch
from alref.batch.question_batches import open_question_batches
from alref.batch.report import BatchSummary, render_batch_report
from alref.batch.runner import BatchRunner
from alref.batch.shards import Shard
from alref.batch.source import COLUMNS, STANDARD_INPUT, BatchSource
from alref.batch.unit_reader import UnitReader
from alref.batch.unit_store import UnitStore
from alref.batch.units import UnitBuilder, get_row_id
from alref.batch.video_files import DEFAULT_CACHE_BYTES, ContentDigests
from alref.batch.worker import WorkerSettings, choose_overlap
from alref.cli.batch_output import BatchProgress, print_batch_plan, print_batch_summary, report_waiting
from alref.cli.byte_size import ByteSize
from alref.cli.common_options import add_window_options, add_worker_options, resolve_configuration
from alref.cli.progress import reserve_stdout
from alref.components.runner import Runner
from alref.config import Configuration
from alref.errors import ConfigError
from alref.output.export import make_exporters
from alref.output.store import open_store
from alref.pipeline.references import make_references, read_references
from alref.plugins.manager import PluginManager
from alref.utils.text import format_path

WINDOW = ("start", "end", "every", "max_size", "audio_track", "video_track", "fps")


@click.command("batch")
@click.argument("source")
@click.argument("expressions", nargs=-1, metavar="[EXPRESSION]...")
@click.option("--out", required=True, metavar="STORE", help="Folder or URL (s3://bucket/run) for the results.")
@click.option("-r", "--reference", "file", type=click.Path(path_type=Path), help="YAML file with references for all videos.")
@click.option("--sound", is_flag=True, help="Segment what makes the sound; can be combined with an expression.")
@click.option(
    "--spoken", multiple=True, type=click.Path(path_type=Path), help="Audio file with a spoken expression; repeatable."
)
@click.option("--column", "columns", multiple=True, metavar="NAME=COLUMN", help="Name a column of a table; repeatable.")
@add_worker_options
@add_window_options
@click.option(
    "--replay", type=click.Path(path_type=Path), help="Replay recorded LLM answers from this store instead of calling a model."
)
@click.option("--export", "formats", multiple=True, metavar="FORMAT", help="Also write each result in this format; repeatable.")
@click.option("--runner", default="local", show_default=True, help="What runs the workers; `alref plugins` lists runners.")
@click.option("--jobs", type=click.IntRange(min=1), help="Number of workers; default: one for each device.")
@click.option("--shard", metavar="I/N", help="Compute only share I of N, counted from 0.")
@click.option("--limit", type=click.IntRange(min=1), help="Use only the first N rows.")
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), metavar="SECONDS", help="Maximum time for one video.")
@click.option("--retry-failed", is_flag=True, help="Try the videos again that failed in earlier runs.")
@click.option("--video-cache", type=ByteSize(), default=DEFAULT_CACHE_BYTES, help="Maximum size of local copies; default 20GB.")
@click.option("--plan", "planned", is_flag=True, help="Count what is left and estimate time and cost; do not run.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON event per line.")
@click.option("--quiet", is_flag=True, help="Print only errors.")
def command(**flags: Any) -> int:
    """Segment what each EXPRESSION refers to in all videos of SOURCE.

    SOURCE is a folder, a glob, a table (.csv, .jsonl, .parquet) with a column video and columns such as expressions,
    or - for lines of standard input.

    \b
    alref batch "videos/*.mp4" "the dog" --out results
    alref batch videos.csv --out s3://bucket/run --shard 0/4
    alref batch videos --sound --out results --plan

    Re-run the same command to resume. A video that fails is reported with its reason; the others complete.
    """
    with reserve_stdout(flags["as_json"]):
        return _run_batch(flags)


def _run_batch(flags: dict[str, Any]) -> int:
    plugins = PluginManager(files=flags["plugin_files"])
    runner_class = plugins.get_runner(flags["runner"])
    make_exporters(plugins, flags["formats"], {})  # names a wrong format before anything is computed
    devices = split_devices(flags)
    config = resolve_configuration(plugins, flags, {name: flags[name] for name in WINDOW}, flags["replay"])
    source = BatchSource(flags["source"], columns=_parse_columns(flags["columns"]))
    rows = source.read_rows()
    shard = Shard.from_text(flags["shard"]) if flags["shard"] else Shard()
    total = None
    if flags["source"] != STANDARD_INPUT:
        listed = list(rows)
        rows, total = iter(listed), sum(row is not None and shard.holds(get_row_id(row)) for row in listed)
        total = min(total, flags["limit"] or total)
    runner = runner_class(flags["jobs"], devices, flags["timeout"], choose_overlap(config))
    with UnitStore(open_store(flags["out"])) as store:
        common = make_references(flags["expressions"], flags["spoken"], flags["sound"])
        common += read_references(flags["file"]) if flags["file"] else []
        builder = UnitBuilder(config.get_output_settings(), common, ContentDigests())
        reader = UnitReader(rows, builder, shard, flags["limit"])
        batch = BatchRunner(reader, store, flags["retry_failed"], _format_retry(), flags["formats"])
        if flags["planned"]:
            print_batch_plan(plan_batch(batch, runner.jobs), flags["as_json"])
            return 0
        store.objects.check_access()
        batch.questions = open_question_batches(config, plugins, store, partial(report_waiting, flags=flags))
        return _compute_units(batch, runner, config, total, flags)


def split_devices(flags: dict[str, Any]) -> tuple[str, ...]:
    """Return the devices of a list, and set the kind that they share as the device of the configuration."""
    devices = tuple((flags["device"] or "").split(","))
    kinds = {each.partition(":")[0] for each in devices}
    if len(kinds) > 1:
        raise ConfigError(f"--device {flags['device']}: expected devices of one kind, as in cuda:0,cuda:1")
    if devices in (("",), ("auto",)):
        return ()
    flags["device"] = kinds.pop()
    return devices


def _compute_units(batch: BatchRunner, runner: Runner, config: Configuration, total: int | None, flags: dict[str, Any]) -> int:
    """Compute the units, write the page, print the end, and return the exit code: that of the first failure."""
    settings = WorkerSettings(config.to_dict(), flags["plugin_files"], flags["out"], flags["video_cache"], flags["formats"])
    summary = BatchSummary(batch.store.objects.address)
    with BatchProgress(summary, total, flags) as progress:
        for outcome in batch.run(runner, settings.make_factory()):
            progress.add_outcome(outcome)
    name = f"report-{flags['shard'].replace('/', '-of-')}.html" if flags["shard"] else "report.html"
    page = render_batch_report(summary, format_path(shlex.join(["alref", *sys.argv[1:]])))
    batch.store.objects.write_bytes(name, page.encode("utf-8", "backslashreplace"))
    print_batch_summary(summary, batch.store.objects.join_address(name), flags)
    return summary.failures[0].exit_code if summary.failures else 0


def _parse_columns(texts: tuple[str, ...]) -> dict[str, str]:
    """Return a table's columns by their meaning. Raises ConfigError."""
    columns = {}
    for text in texts:
        name, equals, column = text.partition("=")
        if not (equals and column):
            raise ConfigError(f"--column {text}: expected NAME=COLUMN, with NAME one of {', '.join(COLUMNS)}")
        columns[name.strip()] = column
    return columns


def _format_retry() -> str:
    """Return the command that tries failures again."""
    words = [word for word in sys.argv[1:] if word != "--retry-failed"]
    return format_path(shlex.join(["alref", *words, "--retry-failed"]))
