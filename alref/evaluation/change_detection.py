"""Detect changes of the files and references of a video without reading the files."""

from __future__ import annotations

from contextlib import suppress

from alref.components.dataset import Dataset
from alref.evaluation.folder import EvaluationFolder, EvaluationRow
from alref.pipeline.stage_cache import compute_key


def compute_fingerprint(dataset: Dataset, video: str) -> str:
    """Return a digest of a video's index entry, its references, and the name, size and modification time of its files.

    Empty if all files are missing. Raises InputError if the references cannot be read.
    """
    files, facts = dataset.list_files(video), []
    for path in files:
        with suppress(OSError):
            stat = path.stat()
            facts.append((path.name, stat.st_size, stat.st_mtime_ns))
    return compute_key(dataset.read_references(video), dataset.get_index_entry(video), facts) if facts or not files else ""


def find_unchanged_row(folder: EvaluationFolder, dataset: Dataset, video: str) -> EvaluationRow | None:
    """Return the row of a finished video, None if its files or references have changed."""
    row = folder.read_row(video)
    return row if row is not None and compute_fingerprint(dataset, video) in ("", row.fingerprint) else None
