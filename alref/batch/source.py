"""Read the rows of a batch: a folder, a glob, a table (CSV, JSON lines, Parquet), or lines of standard input."""

from __future__ import annotations

import csv
import glob
import io
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

from alref.errors import InputError, MissingError, Problem, mask_passwords, suggest_names
from alref.media.image_folder import is_image
from alref.output.store import open_file_system
from alref.utils.text import format_path

COLUMNS = ("video", "expressions", "references", "sound", "start", "end", "id")
"""What a row may say; a table's own columns are named by ``--column NAME=COLUMN``."""
VIDEO_SUFFIXES = frozenset(
    [".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v", ".mpg", ".mpeg", ".ts", ".wmv", ".flv", ".3gp", ".ogv", ".gif", ".webp"]
)
PARQUET_HINT = "pip install 'alref[parquet]'"
STANDARD_INPUT = "-"


@dataclass(frozen=True)
class BatchRow:
    """A row as it is given: its number from 1, its values by column, and the folder or URL that its paths are relative to."""

    number: int
    values: Mapping[str, Any]
    root: str = ""
    problem: str = ""


@dataclass(frozen=True)
class BatchSource:
    """Where rows come from: ``place`` is a path, a glob, a URL, ``-`` for standard input, or empty with ``rows``.

    ``columns`` are the names of a table's columns by what they mean.
    """

    place: str = ""
    rows: Iterable[Any] = ()
    columns: Mapping[str, str] = field(default_factory=dict)

    def read_rows(self) -> Iterator[BatchRow | None]:
        """Yield the rows; None when standard input has none at the moment. Raises InputError for a source without rows."""
        for name in self.columns:
            if name not in COLUMNS:
                raise InputError(f"--column {name}: unknown{suggest_names(name, COLUMNS)}; names: {', '.join(COLUMNS)}")
        if self.place == STANDARD_INPUT:
            yield from self._read_lines(sys.stdin)
            return
        root, listed = self._open() if self.place else ("", iter(self.rows))
        for number, values in enumerate(listed, 1):
            yield self._make_row(number, values, root)

    def _open(self) -> tuple[str, Iterator[Any]]:
        """Return the folder or URL that paths are relative to, and the rows as mappings, paths or lines."""
        suffix = Path(urlsplit(self.place).path if "://" in self.place else self.place).suffix.lower()
        if suffix in READERS and not glob.has_magic(self.place):
            return get_parent(self.place), READERS[suffix](self.place)
        found = list_videos(self.place)
        if not found:
            raise InputError(
                f"{self.place}: no videos; name a folder, a glob such as 'videos/*.mp4', or a table (.csv, .jsonl)"
            )
        return "", iter(found)

    def _make_row(self, number: int, given: Any, root: str) -> BatchRow:
        if isinstance(given, (str, os.PathLike)):
            return BatchRow(number, {"video": os.fspath(given)}, root)
        if not isinstance(given, Mapping):
            return BatchRow(number, {}, root, f"expected a video or columns with their values, got {given!r:.80}")
        values = {name: given.get(self.columns.get(name, name)) for name in COLUMNS}
        return BatchRow(number, {name: value for name, value in values.items() if value not in (None, "", [])}, root)

    def _read_lines(self, stream: io.TextIOBase | Any) -> Iterator[BatchRow | None]:
        """Yield a row for each line as it comes: a path, or a JSON object; None while there is none."""
        lines: SimpleQueue[str | None] = SimpleQueue()

        def forward() -> None:
            for line in stream:
                lines.put(line)
            lines.put(None)

        Thread(target=forward, daemon=True, name="standard-input").start()
        number = 0
        while True:
            try:
                line = lines.get_nowait()
            except Empty:
                yield None
                continue
            if line is None:
                return
            if line.strip():
                number += 1
                yield self._make_row(number, parse_line(line), "")


def parse_line(line: str) -> Any:
    """Return the values of a line, which is a JSON object or the path of a video; a text that is neither is a problem."""
    if not line.lstrip().startswith("{"):
        return line.strip()
    try:
        return json.loads(line)
    except ValueError:
        return [line]


def list_videos(place: str) -> list[str]:
    """List the videos of a folder or a glob, here or at a URL, by name. A folder of images is one video."""
    if "://" in place and not place.startswith(("http://", "https://")):
        files, path = open_file_system(place)
        pattern = path if glob.has_magic(path) else f"{path}/*"
        return sorted(files.unstrip_protocol(each) for each in files.glob(pattern) if _has_video_suffix(each))
    folder = Path(place)
    if folder.is_dir():
        return [format_path(each) for each in sorted(folder.iterdir()) if is_video_path(each)]
    return sorted(each for each in glob.glob(place, recursive=True) if is_video_path(Path(each)))  # noqa: PTH207 - keeps ./


def is_video_path(path: Path) -> bool:
    """Return whether a path looks like a video: by its suffix, or as a folder with images."""
    if path.name.startswith("."):
        return False
    return any(map(is_image, path.iterdir())) if path.is_dir() else _has_video_suffix(path.name)


def _has_video_suffix(name: str) -> bool:
    return Path(name).suffix.lower() in VIDEO_SUFFIXES


def get_parent(place: str) -> str:
    """Return the folder of a path, or the URL without its last part."""
    return place.rpartition("/")[0] if "://" in place else os.path.dirname(place)  # noqa: PTH120 - keeps a relative path


def read_text(place: str) -> str:
    """Read a text file at a path or a URL. Raises InputError."""
    try:
        if "://" not in place:
            return Path(place).read_text(encoding="utf-8-sig")
        files, path = open_file_system(place)
        data: bytes = files.cat_file(path)
        return data.decode("utf-8-sig")
    except FileNotFoundError:
        raise InputError(f"{mask_passwords(place)}: no such file; expected a table of videos") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{mask_passwords(place)}: cannot be read as text ({error})") from None


def read_csv(place: str) -> Iterator[Any]:
    """Yield the rows of a CSV file as mappings; the first line names the columns."""
    text = read_text(place)
    delimiter = "\t" if place.endswith(".tsv") else ","
    yield from csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)


def read_json_lines(place: str) -> Iterator[Any]:
    """Yield the rows of a file with one JSON object, or one path, a line."""
    yield from (parse_line(line) for line in read_text(place).splitlines() if line.strip())


def read_parquet(place: str) -> Iterator[Any]:
    """Yield the rows of a Parquet file, read in parts. Raises MissingError without pyarrow."""
    try:
        from pyarrow import ArrowInvalid, parquet
    except ImportError:
        raise MissingError(Problem(message=f"{place}: Parquet needs pyarrow", hint=PARQUET_HINT)) from None
    try:
        source: Any = Path(place)
        if "://" in place:
            files, path = open_file_system(place)
            source = io.BytesIO(files.cat_file(path))
        with parquet.ParquetFile(source) as file:
            for batch in file.iter_batches(batch_size=1000):
                yield from batch.to_pylist()
    except FileNotFoundError:
        raise InputError(f"{mask_passwords(place)}: no such file; expected a table of videos") from None
    except (OSError, ArrowInvalid) as error:
        raise InputError(f"{mask_passwords(place)}: cannot be read as Parquet ({error})") from None


READERS: dict[str, Callable[[str], Iterator[Any]]] = {
    ".csv": read_csv,
    ".tsv": read_csv,
    ".jsonl": read_json_lines,
    ".ndjson": read_json_lines,
    ".parquet": read_parquet,
}
