"""Export a finished run: build the exporters, choose the places, and write each file or folder whole."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any

from alref.components.exporter import Exporter
from alref.components.finished_run import FinishedRun
from alref.components.options import build_options
from alref.errors import ConfigError, MissingError, OutputError, suggest_names
from alref.media.video import Video
from alref.output.run_folder import load_result
from alref.output.source_video import open_source_video
from alref.plugins.manager import PluginManager
from alref.result import Result
from alref.utils import atomic
from alref.utils.thread_pool import run_in_threads

EXPORTS_FOLDER = "exports"
"""The folder in a run folder that holds its exports."""
ExportProgress = Callable[[str, int, int], object]


@dataclass(frozen=True)
class Export:
    """One export: its ``format``, the file or folder that was written, its size and the seconds that it took."""

    format: str
    path: Path
    files: int
    bytes: int
    seconds: float


def make_exporters(plugins: PluginManager, names: Iterable[str], values: Mapping[str, Mapping[str, Any]]) -> list[Exporter]:
    """Make exporters by name, with the options in ``values`` by name of the format.

    Raises ConfigError for an unknown format or option, MissingError that lists all missing requirements.
    """
    names = list(dict.fromkeys(names))
    if unused := sorted(values.keys() - set(names)):
        hint = suggest_names(unused[0], names)
        raise ConfigError(f"-o {unused[0]}.…: {unused[0]} is not among the formats to write: {', '.join(names)}{hint}")
    classes = {name: plugins.get_exporter(name) for name in names}
    exporters = [cls(build_options(cls.Options, values.get(name, {}), name)) for name, cls in classes.items()]
    if problems := [replace(problem, slot=exporter.name) for exporter in exporters for problem in exporter.problems()]:
        raise MissingError(*problems)
    return exporters


def load_finished_run(
    run: Result | str | Path,
    video: Video | str | Path | None = None,
    ids: Collection[str] = (),
    on_progress: Callable[[int, int], object] | None = None,
) -> FinishedRun:
    """Return a result, or that of a run folder, for exporters.

    ``video`` is the segmented video, or its place if it was moved; ``ids`` are the objects to export, as ``alref correct``
    names them, all by default. Raises InputError if the run is not finished, or an object is unknown.
    """
    result = run if isinstance(run, Result) else load_result(run)

    def open_source() -> Video:
        return video if isinstance(video, Video) else open_source_video(result, None if video is None else Path(video))

    place = result.video.path
    name = (place.name if place.is_dir() else place.stem) if place else ""
    return FinishedRun(result, name or "video", open_source, ids, on_progress)


def write_export(exporter: Exporter, run: FinishedRun, target: Path, overwrite: bool = False) -> Export:
    """Write one export whole: ``target`` appears at the end, or stays as it was after an error.

    Raises OutputError if it exists and ``overwrite`` is False, or cannot be written.
    """
    _check_target(target, overwrite)
    started = perf_counter()
    atomic.make_folder(target.parent)
    with atomic.atomic_path(target) if exporter.suffix else atomic.atomic_folder(target) as part:
        exporter.write(run, part)
    files = [target] if exporter.suffix else [path for path in target.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files)
    return Export(exporter.name, target, len(files), size, perf_counter() - started)


def export_run(
    run: Result | str | Path,
    exporters: Iterable[Exporter],
    folder: Path,
    *,
    video: Video | str | Path | None = None,
    ids: Collection[str] = (),
    overwrite: bool = False,
    on_progress: ExportProgress | None = None,
) -> Iterator[Export]:
    """Write a run in several formats to ``folder``, each under its name, and yield each when it is written.

    Several formats are written side by side, each in a thread, from one pass over the frames. After an error in one of them,
    those that are not finished are not written. ``on_progress(names, done, total)`` is called after each frame, with the names
    of the formats, separated by commas. The folder is locked, and what a killed export left there is removed. Raises as
    ``load_finished_run`` and ``write_export`` do; if one of the targets exists, none is written.
    """
    targets = [(exporter, folder / f"{exporter.name}{exporter.suffix}") for exporter in exporters]
    names = ",".join(exporter.name for exporter, _ in targets)

    def show_progress(done: int, total: int) -> None:
        if on_progress:
            on_progress(names, done, total)

    finished = load_finished_run(run, video, ids, show_progress)
    for _, target in targets:
        _check_target(target, overwrite)
    atomic.make_folder(folder)
    with atomic.lock_folder(folder):
        for _, target in targets:
            atomic.remove_partial_siblings(target)
        if len(targets) == 1:
            yield write_export(targets[0][0], finished, targets[0][1], overwrite)
        else:
            yield from _write_together(targets, finished, overwrite)


def _write_together(targets: Sequence[tuple[Exporter, Path]], run: FinishedRun, overwrite: bool) -> Iterator[Export]:
    """Write several exports in threads that read each frame once, and yield each when it is written."""
    frames, views = run.share_frames(len(targets))

    def write(reader: int) -> Export:
        exporter, target = targets[reader]
        try:
            return write_export(exporter, views[reader], target, overwrite)
        except BaseException:
            frames.stop()
            raise
        finally:
            frames.leave(reader)

    try:
        for _, done in run_in_threads(write, range(len(targets)), len(targets)):
            yield done
    finally:
        frames.stop()


def _check_target(target: Path, overwrite: bool) -> None:
    if target.exists() and not overwrite:
        raise OutputError(f"{target}: exists already and was not changed", code="export-exists")
