"""``alref compare``: compare evaluations."""

from __future__ import annotations

from pathlib import Path

import click
from rich.markup import escape
from rich.table import Column, Table

from alref.cli.console import make_console
from alref.cli.plugin_option import add_plugin_option
from alref.cli.progress import emit_event
from alref.evaluation.comparison import RunComparison, VideoChange, compare_runs
from alref.evaluation.folder import load_evaluation
from alref.evaluation.summary import read_summaries
from alref.evaluation.tables import build_paper_table, format_table_file, read_published_results
from alref.plugins.manager import PluginManager
from alref.utils import atomic

MAX_CHANGES = 5


@click.command("compare")
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--protocol", help="Evaluation protocol; default: the first one of the dataset.")
@click.option(
    "--table", type=click.Path(path_type=Path), help="File for the table of all runs, .md or .tex, as papers print it."
)
@click.option("--published", is_flag=True, help="Also list published results of this split, with their sources, in --table.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per run.")
@add_plugin_option
def command(
    runs: tuple[Path, ...],
    protocol: str | None,
    table: Path | None,
    published: bool,
    as_json: bool,
    plugin_files: tuple[Path, ...],
) -> None:
    """Compare evaluations in the folders RUNS with the first one, on the videos that all of them scored.

    \b
    alref compare runs/top-score runs/gpt4
    alref compare runs/top-score runs/gpt4 --table table.tex --published

    Differences have 95 % intervals from a paired bootstrap over videos. Of runs with repeats, the mean and the standard
    deviation are listed too.
    """
    plugins = PluginManager(files=plugin_files)
    spec = load_evaluation(runs[0])
    dataset = plugins.get_dataset(spec.dataset)(Path(spec.root), spec.split)
    if not (protocol or dataset.protocols):
        dataset.require_ground_truth()
    used = plugins.get_protocol(protocol or dataset.protocols[0])()
    found = compare_runs(runs, used)
    if table is not None:
        others = read_published_results(spec.dataset, spec.split) if published else []
        columns = used.paper_columns or (found[0].main_metric,)
        built = build_paper_table(read_summaries(runs, used.name), columns, others)
        atomic.write_text(table, format_table_file(built, table))
    if as_json:
        for each in found:
            emit_event("comparison", **each.model_dump(mode="json"))
        return
    console = make_console()
    console.print(_build_table(found))
    for each in found[1:]:
        console.print(_build_references_table(each) if each.references else _build_videos_table(each))
        console.print(f"images and reasons: {Path(each.run) / 'report.html'}", soft_wrap=True, markup=False)
    if table is not None:
        console.print(table, soft_wrap=True)


def _build_table(comparisons: list[RunComparison]) -> Table:
    first = comparisons[0]
    title = f"{first.protocol}, {first.main_metric} in percent, {first.videos} common videos"
    spread = ["mean ± std of runs"] if any(each.spread for each in comparisons) else []
    columns: list[Column | str] = [
        Column("run", overflow="fold"),
        "value",
        "95 % interval",
        *spread,
        "difference",
        "95 % interval",
    ]
    table = Table(*columns, title=title)
    for each in comparisons:
        difference = ("", "") if each is first else (f"{100 * each.difference[0]:+.2f}", _format_interval(each, True))
        repeats = [_format_spread(each)] if spread else []
        table.add_row(escape(each.run), f"{100 * each.value[0]:.2f}", _format_interval(each), *repeats, *difference)
    return table


def _build_videos_table(comparison: RunComparison) -> Table:
    table = Table("video", "first run", "this run", "difference", title=f"videos that differ most in {escape(comparison.run)}")
    for each in comparison.changes[:MAX_CHANGES]:
        table.add_row(escape(each.video), *_format_change(each))
    return table


def _build_references_table(comparison: RunComparison) -> Table:
    title = f"references that differ most in {escape(comparison.run)}"
    table = Table("video", "id", "words", "first run", "this run", "difference", "verdict", title=title)
    for each in (each for each in comparison.references[:MAX_CHANGES] if each.difference or each is comparison.references[0]):
        same = each.base_verdict == each.other_verdict
        verdict = each.other_verdict if same else f"{each.base_verdict}, now {each.other_verdict}"
        table.add_row(escape(each.video), escape(each.id), escape(each.text or "sound"), *_format_change(each), verdict)
    return table


def _format_change(change: VideoChange) -> tuple[str, str, str]:
    return f"{100 * change.base:.1f}", f"{100 * change.other:.1f}", f"{100 * change.difference:+.1f}"


def _format_spread(comparison: RunComparison) -> str:
    if comparison.spread is None:
        return ""
    mean, deviation = comparison.spread
    return f"{100 * mean:.2f} ± {100 * deviation:.2f} of {len(comparison.repeats)}"


def _format_interval(comparison: RunComparison, of_difference: bool = False) -> str:
    """Format the bounds of the value or of the difference; a single video has none."""
    if comparison.videos < 2:
        return ""
    sign, (_, low, high) = ("+", comparison.difference) if of_difference else ("", comparison.value)
    return f"{100 * low:{sign}.1f} to {100 * high:{sign}.1f}"
