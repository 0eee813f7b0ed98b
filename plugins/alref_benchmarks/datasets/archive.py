"""Reproducible archives of results for evaluation servers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from PIL import Image

from alref import InputError
from alref.evaluation.folder import ROWS_FOLDER
from alref.media.image_folder import IMAGE_ERRORS
from alref.output.job_folder import join_shortened
from alref.utils import atomic

ImageSize = tuple[int, int]
_EPOCH = (1980, 1, 1, 0, 0, 0)
_UNIX_SYSTEM, _READABLE_MODE = 3, 0o100644 << 16


def write_archive(folder: Path, files: Mapping[Path, ImageSize], archive: Path, prefix: str) -> None:
    """Write ``files`` of ``folder``, the masks of an evaluation with their sizes, below ``prefix`` in a zip file.

    Images are stored, because they are compressed already. Raises InputError that lists missing files, or files that cannot be
    decoded or are not gray or indexed 8-bit images of their size, and OutputError.
    """
    missing = [file.as_posix() for file in files if not (folder / file).is_file()]
    if missing:
        problem = f"{len(missing)} of {len(files)} masks are missing ({join_shortened(missing)})"
        anew = f"remove {folder.with_name(ROWS_FOLDER)}/NAME.json of these videos and run the same alref eval again"
        raise InputError(f"{folder}: {problem}; the server accepts complete results only: {anew}, or run it with --force")
    wrong = [f"{file.as_posix()}: {fault}" for file, size in files.items() if (fault := _find_fault(folder / file, size))]
    if wrong:
        listed = join_shortened(wrong)
        raise InputError(f"{folder}: {len(wrong)} of {len(files)} masks cannot be handed in ({listed}); write them again")
    atomic.make_folder(archive.parent)
    with atomic.atomic_path(archive) as part, ZipFile(part, "w", ZIP_STORED) as target:
        for file in files:
            entry = ZipInfo(f"{prefix}{file.as_posix()}", _EPOCH)
            entry.create_system, entry.external_attr = _UNIX_SYSTEM, _READABLE_MODE
            target.writestr(entry, (folder / file).read_bytes())


def _find_fault(path: Path, size: ImageSize) -> str:
    """Return what is wrong with a mask that should be of ``size``, (width, height); empty if nothing is."""
    try:
        with Image.open(path) as image:
            image.load()
    except IMAGE_ERRORS as error:
        return f"cannot be read ({error})"
    if image.format != "PNG" or image.mode not in ("L", "P", "1"):
        return f"expected a gray or indexed 8-bit PNG, got {image.format} of mode {image.mode}"
    expected, got = ("x".join(map(str, each)) for each in (size, image.size))
    return "" if image.size == size else f"expected {expected}, got {got}"
