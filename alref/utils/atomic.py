"""Atomic writes, and a lock that lets one process at a time write to a folder."""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import get_native_id
from typing import TYPE_CHECKING

from alref.errors import OutputError

if TYPE_CHECKING:
    from filelock import FileLock

LOCK_FILE = ".lock"
OTHER_FOLDER_HINT, HOME_FOLDER_HINT = "choose another folder", "name another folder in the environment variable ALREF_HOME"
_DISK_FULL_ERRNOS = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC), errno.EFBIG}  # Windows has no EDQUOT


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` to write to. It is renamed to ``path`` at the end, or removed after an error.

    The temporary name is ``.<stem>.<thread><suffix>``: encoders choose the format by the suffix. An OSError of the block
    becomes an OutputError.
    """
    part = path.with_name(_make_temporary_name(path))
    try:
        yield part
        part.replace(path)
    except BaseException as error:
        _remove_partial_file(part, path, error)
        raise


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield an empty temporary folder beside ``path`` to write to. At the end it replaces ``path``; an error removes it.

    An OSError of the block becomes an OutputError.
    """
    part = path.with_name(_make_temporary_name(path))
    try:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        yield part
        if path.exists():
            old = path.with_name(f".{path.name}.{get_native_id()}.old")
            path.rename(old)
            part.rename(path)
            shutil.rmtree(old)
        else:
            part.rename(path)
    except BaseException as error:
        shutil.rmtree(part, ignore_errors=True)
        if isinstance(error, OSError):
            raise make_write_error(path, error) from error
        raise


def remove_partial_siblings(path: Path) -> None:
    """Remove what killed processes left of ``path`` beside it; hold the lock of the folder, so that none is in use."""
    pattern = re.compile(rf"\.{re.escape(path.stem)}\.\d+(\.old|{re.escape(path.suffix)})")
    for sibling in path.parent.iterdir():
        if pattern.fullmatch(sibling.name):
            shutil.rmtree(sibling) if sibling.is_dir() else sibling.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file atomically. Raises OutputError, and does not change an existing file then.

    System calls take a third of the time of ``Path.write_bytes``: an evaluation writes many small masks.
    """
    part = f"{path.parent}/{_make_temporary_name(path)}"
    try:
        _write_file(part, data)
        os.replace(part, path)  # noqa: PTH105
    except BaseException as error:
        _remove_partial_file(part, path, error)
        raise


def _make_temporary_name(path: Path) -> str:
    return f".{path.stem}.{get_native_id()}{path.suffix}"


def _write_file(part: str, data: bytes) -> None:
    file = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    try:
        left = memoryview(data)
        while left:
            left = left[os.write(file, left) :]
    finally:
        os.close(file)


def _remove_partial_file(part: str | Path, path: Path, error: BaseException) -> None:
    """Remove a partial file. An OSError becomes an OutputError."""
    with suppress(OSError):
        os.unlink(part)  # noqa: PTH108
    if isinstance(error, OSError):
        raise make_write_error(path, error) from error


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 file with ``\\n`` line ends, as ``write_bytes`` does."""
    write_bytes(path, text.encode("utf-8", "backslashreplace"))


def make_folder(path: Path, hint: str = OTHER_FOLDER_HINT) -> None:
    """Create a folder and its parents if they are missing. Raises OutputError that ends with ``hint``."""
    if path.is_dir():
        return
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise make_write_error(path, error, hint) from error


def lock_folder(folder: Path) -> FileLock:
    """Lock a folder until ``release()`` or the end of this process, even if it is killed.

    Raises OutputError immediately if another process holds the lock or the folder is not writable.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(folder / LOCK_FILE)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise OutputError(f"{folder}: another run is writing here; wait until it ends, or choose another folder") from None
    except OSError as error:
        raise make_write_error(folder, error) from error
    return lock


def make_write_error(path: Path, error: OSError, hint: str = OTHER_FOLDER_HINT) -> OutputError:
    """Return the error for a file that cannot be written, with its reason and the next step."""
    hint = "free some space and run the same command again" if error.errno in _DISK_FULL_ERRNOS else hint
    return OutputError(f"{path}: cannot be written: {error.strerror or error}; {hint}")
