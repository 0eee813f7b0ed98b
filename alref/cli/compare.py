"""``alref compare``: compare evaluations."""

from __future__ import annotations

from pathlib import Path

import click
from rich.table import Table

from alref.cli.console import make_console
from alref.cli.plugin_option import add_plugin_option
from alref.cli.progress import emit_event
from alref.evaluation.comparison import RunComparison, compare_runs
from alref.evaluation.folder import load_evaluation
from alref.evaluation.summary import read_summaries
from alref.evaluation.tables import build_paper_table, format_table_file, read_published_results
from alref.plugins.manager import PluginManager
from alref.utils import atomic

MAX_MOVES = 5


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

    Differences have 95 % intervals from a paired bootstrap over videos.
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
        console.print(_build_moves_table(each))
    if table is not None:
        console.print(table, soft_wrap=True)


def _build_table(comparisons: list[RunComparison]) -> Table:
    first = comparisons[0]
    title = f"{first.protocol}, {first.main_metric}, {first.videos} common videos"
    table = Table("run", "value", "95 % interval", "difference", "95 % interval", title=title)
    for each in comparisons:
        difference = ("", "") if each is first else (f"{100 * each.difference[0]:+.2f}", _format_interval(each.difference, "+"))
        table.add_row(each.run, f"{100 * each.value[0]:.2f}", _format_interval(each.value), *difference)
    return table


def _build_moves_table(comparison: RunComparison) -> Table:
    table = Table("video", "base", "here", "difference", title=f"largest differences in {comparison.run}")
    for move in comparison.changes[:MAX_MOVES]:
        table.add_row(move.video, f"{100 * move.base:.1f}", f"{100 * move.other:.1f}", f"{100 * move.difference:+.1f}")
    return table


def _format_interval(numbers: tuple[float, float, float], sign: str = "") -> str:
    return f"{100 * numbers[1]:{sign}.1f} to {100 * numbers[2]:{sign}.1f}"
