"""Reproducible archives of results for evaluation servers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from alref.errors import InputError
from alref.evaluation.folder import ROWS_FOLDER
from alref.output.job_folder import join_shortened
from alref.utils import atomic

_EPOCH = (1980, 1, 1, 0, 0, 0)
_UNIX_SYSTEM, _READABLE_MODE = 3, 0o100644 << 16


def write_archive(folder: Path, files: Sequence[Path], archive: Path, prefix: str) -> None:
    """Write ``files`` of ``folder``, the masks of an evaluation, below ``prefix`` in a zip file.

    Images are stored, because they are compressed already. Raises InputError that lists missing files, and OutputError.
    """
    missing = [file.as_posix() for file in files if not (folder / file).is_file()]
    if missing:
        problem = f"{len(missing)} of {len(files)} masks are missing ({join_shortened(missing)})"
        anew = f"remove {folder.with_name(ROWS_FOLDER)}/NAME.json of these videos and run the same alref eval again"
        raise InputError(f"{folder}: {problem}; the server accepts complete results only: {anew}, or run it with --force")
    atomic.make_folder(archive.parent)
    with atomic.atomic_path(archive) as part, ZipFile(part, "w", ZIP_STORED) as target:
        for file in files:
            entry = ZipInfo(f"{prefix}{file.as_posix()}", _EPOCH)
            entry.create_system, entry.external_attr = _UNIX_SYSTEM, _READABLE_MODE
            target.writestr(entry, (folder / file).read_bytes())
