"""Archives for servers: complete, in the order of the data set, and of the same bytes whenever the masks are the same."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from alref.errors import InputError
from alref.evaluation.folder import ROWS
from alref.output.job_folder import shortened
from alref.utils import atomic

_EPOCH = (1980, 1, 1, 0, 0, 0)
_UNIX, _READABLE = 3, 0o100644 << 16


def pack(folder: Path, files: Sequence[Path], archive: Path, top: str) -> None:
    """Write ``files`` of ``folder``, the masks of an evaluation, below ``top`` in a zip.

    Pictures are compressed already, so they are stored. Raises InputError that says which files are missing, OutputError.
    """
    missing = [file.as_posix() for file in files if not (folder / file).is_file()]
    if missing:
        lacking = f"{len(missing)} of {len(files)} masks are missing ({shortened(missing)})"
        anew = f"remove {folder.with_name(ROWS)}/NAME.json of their videos and run the same alref eval again"
        raise InputError(f"{folder}: {lacking}; the server takes complete results only: {anew}, or run it with --force")
    atomic.make_folder(archive.parent)
    with atomic.whole(archive) as part, ZipFile(part, "w", ZIP_STORED) as target:
        for file in files:
            entry = ZipInfo(f"{top}{file.as_posix()}", _EPOCH)
            entry.create_system, entry.external_attr = _UNIX, _READABLE
            target.writestr(entry, (folder / file).read_bytes())
