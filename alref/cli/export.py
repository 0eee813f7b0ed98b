"""``alref export``: write finished runs in the formats of other programs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from alref.cli.common_options import parse_option
from alref.cli.plugin_option import add_plugin_option
from alref.cli.progress import ProgressBar, emit_event, reserve_stdout
from alref.errors import ConfigError
from alref.output.export import EXPORTS_FOLDER, Export, ExportProgress, export_run, make_exporters
from alref.plugins.manager import PluginManager
from alref.utils.text import format_path


def _suggest_formats(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    before, comma, last = incomplete.rpartition(",")
    names = [name for name in PluginManager().exporters if name.startswith(last)]
    return [CompletionItem(f"{before}{comma}{name}") for name in names]


@click.command("export")
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--as",
    "formats",
    multiple=True,
    required=True,
    metavar="FORMAT,…",
    shell_complete=_suggest_formats,
    help="Formats to write; repeatable. `alref plugins` lists them, `alref plugins FORMAT` shows the options of one.",
)
@click.option(
    "-o", "--option", "options", multiple=True, metavar="FORMAT.OPTION=VALUE", help="Set an option of a format; repeatable."
)
@click.option("--out", type=click.Path(path_type=Path), help="Folder to write to; default RUN/exports.")
@click.option(
    "--object",
    "ids",
    metavar="OBJECT",
    multiple=True,
    help="Export only this object: its words or its id, such as `2` or `2.1`. Repeatable.",
)
@click.option("--video", type=click.Path(path_type=Path), help="The segmented video, if it was moved.")
@click.option("--force", is_flag=True, help="Replace what is in the way in the folder of --out.")
@click.option("--quiet", is_flag=True, help="Print only errors.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON event per line.")
@add_plugin_option
def command(
    runs: tuple[Path, ...],
    formats: tuple[str, ...],
    options: tuple[str, ...],
    out: Path | None,
    ids: tuple[str, ...],
    video: Path | None,
    force: bool,
    quiet: bool,
    as_json: bool,
    plugin_files: tuple[Path, ...],
) -> None:
    """Write the finished runs in the folders RUNS in the formats of editors and annotation tools.

    \b
    alref export alref-out/clip-the-dog --as coco -o coco.images=none

    An export in RUN/exports is replaced when it is written again, so that it has the latest corrections.
    """
    with reserve_stdout(as_json):
        if video is not None and len(runs) > 1:
            raise ConfigError(f"--video: expected one run, got {len(runs)}; export each with its own video")
        values: dict[str, dict[str, Any]] = {}
        for text in options:
            for name, option in parse_option(
                text, "FORMAT.OPTION=VALUE, for example coco.images=none; see: alref plugins FORMAT"
            ).items():
                values.setdefault(name, {}).update(option)
        names = [name.strip() for text in formats for name in text.split(",") if name.strip()]
        exporters = make_exporters(PluginManager(files=plugin_files), names, values)
        for run, folder in _choose_folders(runs, out):
            with _show_progress(run, quiet, as_json) as advance:
                done = export_run(
                    run, exporters, folder, video=video, ids=ids, overwrite=force or out is None, on_progress=advance
                )
                exports = list(_report(run, done, as_json))
            for each in exports if not (quiet or as_json) else ():
                click.echo(_format_export(each))


def _choose_folders(runs: Iterable[Path], out: Path | None) -> Iterator[tuple[Path, Path]]:
    """Yield each run with the folder of its exports: ``--out``, or with several runs a folder in it for each."""
    runs = list(dict.fromkeys(runs))
    names = [run.resolve().name for run in runs]
    if out is not None and len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ConfigError(f"--out: several runs are called {twice!r}; export them one by one to folders of their own")
    for run, name in zip(runs, names, strict=True):
        yield run, run / EXPORTS_FOLDER if out is None else out if len(runs) == 1 else out / name


@contextmanager
def _show_progress(run: Path, quiet: bool, as_json: bool) -> Iterator[ExportProgress | None]:
    if as_json:
        yield lambda names, done, total: emit_event("exporting", run=format_path(run), format=names, done=done, total=total)
    elif quiet:
        yield None
    else:
        with ProgressBar() as bar:
            yield lambda names, done, total: bar.show_progress(done, total, f"{format_path(run.name)}, {names}")


def _report(run: Path, exports: Iterable[Export], as_json: bool) -> Iterator[Export]:
    """Yield exports as they are written, each also as an event of ``--json``."""
    for each in exports:
        if as_json:
            facts = {"format": each.format, "path": format_path(each.path), "files": each.files}
            emit_event("exported", run=format_path(run), **facts, bytes=each.bytes, seconds=round(each.seconds, 3))
        yield each


def _format_export(export: Export) -> str:
    files = "" if export.files == 1 else f"{export.files:,} files, "
    return f"{format_path(export.path)}  {files}{export.bytes / 1e6:,.1f} MB, {export.seconds:.1f} s"
