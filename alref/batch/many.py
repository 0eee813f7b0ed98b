"""Batches from Python: ``for result in alref.batch(rows, "the dog")``."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from alref.batch.question_batches import open_question_batches
from alref.batch.runner import BatchRunner
from alref.batch.shards import Shard
from alref.batch.source import BatchSource
from alref.batch.unit_reader import UnitReader
from alref.batch.unit_store import UnitStore
from alref.batch.units import UnitBuilder, UnitFailure, read_result
from alref.batch.video_files import ContentDigests
from alref.batch.worker import WorkerSettings, choose_overlap
from alref.components.runner import Runner
from alref.config import Configuration, resolve_config
from alref.errors import AlrefError, InputError
from alref.output.store import open_store
from alref.pipeline.references import make_references
from alref.plugins.manager import PluginManager
from alref.result import Result

MAX_NAMED = 3
"""Maximum number of failures that one error names."""


def segment_many(
    rows: str | os.PathLike[str] | Iterable[str | os.PathLike[str] | Mapping[str, Any]],
    /,
    *expressions: str,
    sound: bool = False,
    out: str | Path | None = None,
    runner: str = "local",
    jobs: int | None = None,
    devices: Sequence[str] = (),
    timeout: float | None = None,
    shard: str = "",
    retry_failed: bool = False,
    failures: list[UnitFailure] | None = None,
    plugin_files: Sequence[Path] = (),
    preset: str | None = None,
    **settings: Any,
) -> Iterator[Result]:
    """Segment many videos in worker processes, and yield their results as they are finished.

    Args:
        rows: a folder, a glob, a table or a URL, as in ``alref batch``; or paths, or mappings with the keys ``video``,
            ``expressions``, ``references``, ``sound``, ``start``, ``end`` and ``id``.
        expressions: texts for rows that have neither expressions nor references.
        sound: segment what makes the sound, in rows without expressions of their own.
        out: folder or URL that stores the results, so that the next call resumes; default: a temporary folder.
        runner: what runs the workers, ``local`` or ``ray``.
        jobs: number of workers; default: one for each device.
        devices: devices to spread workers over, such as ``("cuda:0", "cuda:1")``.
        timeout: seconds after which a video fails.
        shard: ``I/N``: only share I of N, counted from 0.
        retry_failed: try the videos again that failed in an earlier call.
        failures: a list that receives the failures. Without it, an error names them after the last result.
        plugin_files: Python files that are loaded as plugins.
        preset: a shipped configuration, as in ``alref.segment``.
        settings: settings as in a configuration file, for example ``propagator="sam2"``.

    Yields:
        The result of each video, in any order. ``result.video.path`` is its path, for a URL the name in the URL.

    Raises:
        AlrefError: invalid settings, a missing requirement or a store that cannot be written; InputError at the end if
            videos failed and no list was given.
    """
    plugins = PluginManager(files=tuple(plugin_files))
    config = resolve_config(plugins, [settings], preset)
    made: Runner = plugins.get_runner(runner)(jobs, devices, timeout, choose_overlap(config))
    source = BatchSource(os.fspath(rows)) if isinstance(rows, (str, os.PathLike)) else BatchSource(rows=rows)
    builder = UnitBuilder(config.get_output_settings(), make_references(expressions, (), sound), ContentDigests())
    share = Shard.from_text(shard) if shard else Shard()
    return _iterate_results(source, builder, share, made, config, tuple(plugin_files), out, retry_failed, failures)


def _iterate_results(
    source: BatchSource,
    builder: UnitBuilder,
    shard: Shard,
    runner: Runner,
    config: Configuration,
    plugin_files: tuple[Path, ...],
    out: str | Path | None,
    retry_failed: bool,
    failures: list[UnitFailure] | None,
) -> Iterator[Result]:
    with TemporaryDirectory(prefix="alref-batch-") as temporary:
        place = os.fspath(out or temporary)
        factory = WorkerSettings(config.to_dict(), plugin_files, place).make_factory()
        found: list[UnitFailure] = []
        with UnitStore(open_store(place)) as store:
            store.objects.check_access()
            questions = open_question_batches(config, PluginManager(files=plugin_files), store, lambda line: None)
            reader = UnitReader(source.read_rows(), builder, shard)
            batch = BatchRunner(reader, store, retry_failed, questions=questions)
            for outcome in batch.run(runner, factory):
                if outcome.failure is not None:
                    found.append(outcome.failure)
                else:
                    yield _read_unit(store, outcome.key)
    if failures is not None:
        failures += found
    elif found:
        raise _make_batch_error(found)


def _read_unit(store: UnitStore, key: str) -> Result:
    try:
        return read_result(store.read_unit(key) or b"")
    except ValueError as error:
        where = store.get_address(key)
        raise InputError(
            f"{where}: not whole, or of another version ({error}); run the same again to compute it again"
        ) from None


def _make_batch_error(failures: list[UnitFailure]) -> AlrefError:
    named = "\n".join(f"{each.id}: {each.error}" for each in failures[:MAX_NAMED])
    more = f"\nand {len(failures) - MAX_NAMED} more" if len(failures) > MAX_NAMED else ""
    return InputError(f"{len(failures)} videos failed:\n{named}{more}")
