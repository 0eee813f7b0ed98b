"""``alref data``: list the available datasets, or check one on disk."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import click
from rich.box import SIMPLE
from rich.table import Table

from alref.cli.console import make_console
from alref.cli.plugin_option import add_plugin_option
from alref.cli.progress_lines import show_progress
from alref.components.dataset import Dataset, DatasetProblem
from alref.errors import AlrefError, InputError
from alref.plugins.manager import PluginManager
from alref.utils.text import escape_controls


@click.group("data")
def command() -> None:
    """List the available datasets, or check one on disk."""


@command.command("list")
@add_plugin_option
def list_datasets(plugin_files: tuple[Path, ...]) -> None:
    """List the datasets with their splits (the default first), protocols and homepages."""
    table = Table("name", "splits", "scored by", "from", box=SIMPLE)
    table.columns[0].no_wrap = True
    for column in table.columns[1:]:
        column.overflow = "fold"
    for name, cls in sorted(PluginManager(files=plugin_files).datasets.items()):
        table.add_row(name, ", ".join(cls.splits), _format_protocols(cls), cls.homepage)
    make_console().print(table)


def _format_protocols(cls: type[Dataset]) -> str:
    """Format the protocols of a dataset, with the splits of each where they differ."""
    ways: dict[str, list[str]] = {}
    for split in cls.splits:
        ways.setdefault(", ".join(cls.split_protocols.get(split, cls.protocols)) or "its server", []).append(split)
    return "; ".join(f"{way} ({', '.join(splits)})" for way, splits in ways.items()) if len(ways) > 1 else next(iter(ways))


@command.command("check")
@click.argument("name")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--split", default="", help="Split of the dataset; default: its usual one.")
@click.option("--subset", is_flag=True, help="Accept other counts than published, and videos without any file.")
@add_plugin_option
def check_dataset(name: str, folder: Path, split: str, subset: bool, plugin_files: tuple[Path, ...]) -> int:
    """Check all files of the dataset NAME in FOLDER, and list those that are missing, unreadable or not as published.

    Every image and audio file is decoded, which takes a while. Videos without faults can still be evaluated. Of a part that you
    keep deliberately, --subset checks only what is there.
    """
    dataset = PluginManager(files=plugin_files).get_dataset(name)(folder, split)
    videos = dataset.list_videos()
    references, unusable = _count_references(dataset, videos)
    count, bad, lacking = 0, set(), set()
    with show_progress("videos", len(videos)) as advance:
        dataset.on_checked = lambda _: advance()
        for fault in chain(dataset.find_problems(), unusable):
            if subset and fault.in_subset:
                lacking |= {fault.video} - {""}
                continue
            click.echo(escape_controls(f"{fault.video}: {fault.message}" if fault.video else fault.message))
            count += 1
            bad |= {fault.video} - {""}
    faults = f"faults: {count}, videos with faults: {len(bad)}" if count else "no fault"
    left_out = f", {len(lacking)} without files are left out" if lacking else ""
    click.echo(f"{name}, {dataset.split}: {len(videos)} videos{left_out}, {references} references, {faults}", err=bool(count))
    return InputError.exit_code if count else 0


def _count_references(dataset: Dataset, videos: Sequence[str]) -> tuple[int, list[DatasetProblem]]:
    """Count the references of all videos, and list the videos without a usable one."""
    count, unusable = 0, []
    for video in videos:
        try:
            count += len(dataset.read_references(video))
        except AlrefError as error:
            unusable.append(DatasetProblem(str(error), video))
    return count, unusable
