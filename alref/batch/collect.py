"""Merge a store into one index: a row for each object of each reference of each unit, and one for each failure."""

from __future__ import annotations

import csv
import io
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from alref.batch.source import PARQUET_HINT
from alref.batch.unit_store import UnitStore
from alref.batch.units import RESULT_FILE, SUMMARY_FILE, UnitFailure, UnitSummary, unpack_member
from alref.errors import ConfigError, MissingError, Problem
from alref.utils import atomic

COLUMNS = {
    "id": "string",
    "video": "string",
    "reference": "string",
    "text": "string",
    "object": "string",
    "verdict": "string",
    "why": "string",
    "frames": "int64",
    "video_frames": "int64",
    "flags": "int64",
    "seconds": "float64",
    "cost": "float64",
    "error": "string",
    "path": "string",
}
"""The columns of an index, with their types in Parquet."""
SHARD_BYTES = 1 << 30
"""Size in bytes after which a WebDataset shard is followed by another."""


def collect_rows(store: UnitStore) -> Iterator[dict[str, Any]]:
    """Yield the rows of the index: units by key, then failures of videos that have no finished unit.

    Seconds and cost of a unit are divided equally among its rows; other rows with the same content took none. Columns without
    a value are None.
    """
    aliases = store.read_aliases()
    finished: set[str] = set()
    failures = list(store.read_failures().values())
    for found in store.read_summaries(dict(sorted(store.list_done().items()))):
        if isinstance(found, UnitFailure):
            failures.append(found)
            continue
        finished.add(found.id)
        rows = list(_list_rows(found, store.get_address(found.key)))
        yield from rows
        for alias in aliases.get(found.key, ()):
            finished.add(alias.id)
            yield from ({**row, "id": alias.id, "video": alias.video, "seconds": 0.0, "cost": 0.0} for row in rows)
    also = [
        each.model_copy(update={"id": alias.id, "video": alias.video})
        for each in failures
        for alias in aliases.get(each.key, ())
    ]
    for failure in sorted([*failures, *also], key=lambda each: each.id):
        if failure.id not in finished:
            yield {**dict.fromkeys(COLUMNS), "id": failure.id, "video": failure.video, "error": failure.error}


def _list_rows(unit: UnitSummary, address: str) -> Iterator[dict[str, Any]]:
    count = len(unit.objects)
    for each in unit.objects:
        yield {
            "id": unit.id,
            "video": unit.video,
            "reference": each.reference,
            "text": each.text,
            "object": each.object or None,
            "verdict": each.verdict,
            "why": each.why,
            "frames": each.frames,
            "video_frames": unit.frames,
            "flags": each.flags,
            "seconds": sum(unit.seconds.values()) / count,
            "cost": None if unit.cost is None else unit.cost / count,
            "error": None,
            "path": address,
        }


def write_index(store: UnitStore, path: Path) -> int:
    """Write the index to a ``.parquet`` or ``.csv`` file, and return its number of rows. Raises ConfigError, MissingError."""
    if path.suffix not in (".parquet", ".csv"):
        raise ConfigError(f"--index {path}: expected a file that ends in .parquet or .csv")
    rows = list(collect_rows(store))
    data = format_parquet(rows) if path.suffix == ".parquet" else format_csv(rows).encode("utf-8", "backslashreplace")
    atomic.make_folder(path.absolute().parent)
    atomic.write_bytes(path, data)
    return len(rows)


def format_csv(rows: list[dict[str, Any]]) -> str:
    """Return rows as CSV; a column without a value is empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(COLUMNS), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def format_parquet(rows: list[dict[str, Any]]) -> bytes:
    """Return rows as a Parquet file. Raises MissingError without pyarrow."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise MissingError(Problem(message="Parquet needs pyarrow", hint=f"{PARQUET_HINT}, or name a .csv file")) from None
    schema = pyarrow.schema([(name, getattr(pyarrow, kind)()) for name, kind in COLUMNS.items()])
    file = io.BytesIO()
    parquet.write_table(pyarrow.Table.from_pylist(rows, schema=schema), file)
    return file.getvalue()


def write_shards(store: UnitStore, folder: Path, shard_bytes: int = SHARD_BYTES) -> list[Path]:
    """Write the finished units as WebDataset shards ``units-000000.tar``, ..., and return their paths.

    A sample is a unit; its key is that of the unit, its files are ``unit.json`` and ``result.json``.
    """
    atomic.make_folder(folder)
    paths: list[Path] = []
    keys = iter(sorted(store.list_done()))
    more = True
    while more:
        path = folder / f"units-{len(paths):06d}.tar"
        with atomic.atomic_path(path) as part, tarfile.open(part, "w", format=tarfile.USTAR_FORMAT) as archive:
            more = _fill_shard(store, keys, archive, shard_bytes)
        paths.append(path)
    for stale in folder.glob("units-*.tar"):
        if re.fullmatch(r"units-\d{6}\.tar", stale.name) and stale not in paths:
            stale.unlink()
    return paths


def _fill_shard(store: UnitStore, keys: Iterator[str], archive: tarfile.TarFile, shard_bytes: int) -> bool:
    """Add units until the shard is full; return whether it is."""
    for key in keys:
        data = store.read_unit(key)
        if data is None:
            continue
        try:
            contents = {name: unpack_member(data, name) for name in (SUMMARY_FILE, RESULT_FILE)}
        except ValueError:  # the index names it
            continue
        for name, content in contents.items():
            entry = tarfile.TarInfo(f"{key}.{name}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
        if archive.offset >= shard_bytes:
            return True
    return False
