"""What tells the files and references of a video from others, without reading the files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from alref.components.dataset import Dataset
from alref.evaluation.folder import EvaluationFolder, Row
from alref.pipeline.stage_cache import key


def stamp(dataset: Dataset, video: str) -> str:
    """Digest what the index says of a video, with its references, and name, size and time of change of each of its files.

    Empty when all files are gone: nothing can be said then. Raises InputError when the references cannot be read.
    """
    files = dataset.files(video)
    facts = [fact for path in files for fact in _facts(path)]
    return key(dataset.references(video), dataset.entry(video), facts) if facts or not files else ""


def still_done(folder: EvaluationFolder, dataset: Dataset, video: str) -> Row | None:
    """Return the row of a video that is done, None when its files or references have changed since."""
    row = folder.row(video)
    return row if row is not None and stamp(dataset, video) in ("", row.stamp) else None


def _facts(path: Path) -> Iterator[tuple[str, int, int]]:
    with suppress(OSError):
        facts = path.stat()
        yield path.name, facts.st_size, facts.st_mtime_ns
