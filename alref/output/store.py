"""A store of objects by name: a folder, or any URL that fsspec opens. Each object is written once and whole.

An object is written by a rename in a folder, and by one upload elsewhere. A reader never sees a half-written object.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import uniform
from time import sleep, time
from typing import Any, TypeVar
from uuid import uuid4

from alref.errors import InputError, MissingError, OutputError, Problem, format_exception, mask_passwords
from alref.utils import atomic
from alref.utils.text import format_path

Output = TypeVar("Output")
STORE_HINT = "pip install 'alref[store]'"
FIRST_WAIT, LONGEST_WAIT, RETRIES = 0.2, 10.0, 5
"""Seconds before the first retry of an operation, the longest wait, and the number of retries."""
STALE_SECONDS = 3600.0
"""Age in seconds at which an incomplete file belongs to a killed process."""
_FINAL_ERRORS = (FileNotFoundError, FileExistsError, PermissionError, NotImplementedError, IsADirectoryError, ValueError)
"""Errors of a file system that come again when the operation is repeated."""


@dataclass(frozen=True)
class StoredObject:
    """An object of a store: its name below the listed folder, and its size in bytes."""

    name: str
    size: int


class ObjectStore(ABC):
    """Objects of bytes by name, ``units/1f.tar``. ``address`` is the folder or the URL, without a password.

    Methods may be called from several threads. They raise OutputError when the store cannot be read or written.
    """

    address: str

    @abstractmethod
    def read_bytes(self, name: str, length: int | None = None) -> bytes | None:
        """Return an object, or its first ``length`` bytes; None if there is no such object."""

    @abstractmethod
    def write_bytes(self, name: str, data: bytes) -> None:
        """Write an object whole; an existing one is replaced."""

    @abstractmethod
    def create_bytes(self, name: str, data: bytes) -> bool:
        """Write an object unless there is one of this name; return whether it was written."""

    @abstractmethod
    def list_objects(self, folder: str) -> list[StoredObject]:
        """List the objects of a folder, not of its subfolders; a missing folder has none."""

    @abstractmethod
    def remove(self, name: str) -> None:
        """Remove an object if it exists."""

    def join_address(self, name: str) -> str:
        """Return where an object is, as messages and the index show it."""
        return f"{self.address}/{name}"

    def check_access(self) -> None:
        """Write, read and remove a small object. Raises OutputError when one of these is not allowed."""
        name = f"access-{os.getpid()}-{uniform(0, 1):.12f}"  # noqa: S311 - not for secrets
        self.write_bytes(name, b"alref")
        if self.read_bytes(name) != b"alref":
            raise OutputError(f"{self.address}: what is written cannot be read back; name another store")
        self.remove(name)


class FolderStore(ObjectStore):
    """A store in a folder of a local or shared disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.address = format_path(path)
        self._folders: set[Path] = set()

    def read_bytes(self, name: str, length: int | None = None) -> bytes | None:
        """Return an object, or its first ``length`` bytes; None if there is no such object."""
        try:
            with (self.path / name).open("rb") as file:
                return file.read() if length is None else file.read(length)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise make_store_error(self.join_address(name), error) from error

    def write_bytes(self, name: str, data: bytes) -> None:
        """Write an object whole; an existing one is replaced."""
        atomic.write_bytes(self._make_parent(name), data)

    def create_bytes(self, name: str, data: bytes) -> bool:
        """Write an object unless there is one of this name; return whether it was written."""
        path = self._make_parent(name)
        part = path.with_name(f".{path.name}.{uuid4().hex}")
        try:
            part.write_bytes(data)
            os.link(part, path)  # a link is made whole, and only once
        except FileExistsError:
            return False
        except OSError as error:
            raise atomic.make_write_error(path, error, "choose another store") from error
        finally:
            part.unlink(missing_ok=True)
        return True

    def list_objects(self, folder: str) -> list[StoredObject]:
        """List the objects of a folder; incomplete files of killed processes are removed when they are old."""
        try:
            return list(self._iterate_objects(self.path / folder))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise make_store_error(self.join_address(folder), error) from error

    def _iterate_objects(self, folder: Path) -> Iterator[StoredObject]:
        with os.scandir(folder) as entries:
            for entry in entries:
                with suppress(FileNotFoundError):
                    if not entry.is_file():
                        continue
                    facts = entry.stat()
                    if not entry.name.startswith("."):
                        yield StoredObject(entry.name, facts.st_size)
                    elif time() - facts.st_mtime > STALE_SECONDS:
                        Path(entry.path).unlink(missing_ok=True)

    def remove(self, name: str) -> None:
        """Remove an object if it exists."""
        try:
            (self.path / name).unlink(missing_ok=True)
        except OSError as error:
            raise make_store_error(self.join_address(name), error) from error

    def _make_parent(self, name: str) -> Path:
        path = self.path / name
        if path.parent not in self._folders:
            atomic.make_folder(path.parent, "choose another store")
            self._folders.add(path.parent)
        return path


class RemoteStore(ObjectStore):
    """A store at a URL that fsspec opens; ``options`` are passed to its file system. Credentials are those of fsspec.

    An operation that fails for a moment, as when a server is busy, is repeated. ``create_bytes`` is exclusive where the file
    system can create exclusively, as those of S3 and Google Cloud Storage can.
    """

    def __init__(self, url: str, **options: Any) -> None:
        self.address = mask_passwords(url.rstrip("/"))
        self._files, self._root = open_file_system(url.rstrip("/"), **options)

    def read_bytes(self, name: str, length: int | None = None) -> bytes | None:
        """Return an object, or its first ``length`` bytes; None if there is no such object."""
        path, end = f"{self._root}/{name}", length
        try:
            data: bytes = self._repeat(name, lambda: self._files.cat_file(path, start=None if end is None else 0, end=end))
        except FileNotFoundError:
            return None
        return data

    def write_bytes(self, name: str, data: bytes) -> None:
        """Write an object in one upload; an existing one is replaced."""
        try:
            self._repeat(name, lambda: self._files.pipe_file(f"{self._root}/{name}", data))
        except FileNotFoundError as error:
            raise OutputError(f"{self.address}: there is no such bucket or folder; create it, or name another store") from error

    def create_bytes(self, name: str, data: bytes) -> bool:
        """Write an object unless there is one of this name; return whether it was written."""
        try:
            self._repeat(name, lambda: self._files.pipe_file(f"{self._root}/{name}", data, mode="create"))
        except FileExistsError:
            return False
        except FileNotFoundError as error:
            raise OutputError(f"{self.address}: there is no such bucket or folder; create it, or name another store") from error
        return True

    def list_objects(self, folder: str) -> list[StoredObject]:
        """List the objects of a folder, not of its subfolders; a missing folder has none."""
        try:
            found = self._repeat(folder, lambda: self._files.ls(f"{self._root}/{folder}", detail=True, refresh=True))
        except FileNotFoundError:
            return []
        files = [entry for entry in found if entry["type"] == "file"]
        return [StoredObject(str(file["name"]).rpartition("/")[2], int(file["size"] or 0)) for file in files]

    def remove(self, name: str) -> None:
        """Remove an object if it exists."""
        with suppress(FileNotFoundError):
            self._repeat(name, lambda: self._files.rm_file(f"{self._root}/{name}"))

    def _repeat(self, name: str, operate: Callable[[], Output]) -> Output:
        """Call ``operate``, and again after an error that may pass."""
        for number in range(RETRIES + 1):
            try:
                return operate()
            except (FileNotFoundError, FileExistsError):
                raise
            except Exception as error:  # each file system has errors of its own
                if is_conflict(error):
                    raise FileExistsError(name) from error
                if isinstance(error, _FINAL_ERRORS) or number == RETRIES:
                    raise make_store_error(self.join_address(name), error) from error
                sleep(min(FIRST_WAIT * 2**number, LONGEST_WAIT) * uniform(0.5, 1))  # noqa: S311 - not for secrets
        raise AssertionError("the loop returns or raises")


def open_store(address: str | Path) -> ObjectStore:
    """Open a folder, or a URL such as ``s3://bucket/run``. Nothing is created.

    Raises MissingError when fsspec, or the file system of the URL, is not installed, and InputError for an unknown one.
    """
    text = os.fspath(address)
    if "://" not in text:
        return FolderStore(Path(text))
    return FolderStore(Path(text.removeprefix("file://"))) if text.startswith("file://") else RemoteStore(text)


def open_file_system(url: str, **options: Any) -> tuple[Any, str]:
    """Return the file system of a URL and the path in it. Raises MissingError or InputError."""
    address = mask_passwords(url)
    try:
        import fsspec
    except ImportError:
        raise MissingError(Problem(message=f"{address}: needs fsspec", hint=STORE_HINT)) from None
    try:
        files, root = fsspec.core.url_to_fs(url, **options)
    except ImportError as error:
        raise MissingError(Problem(message=f"{address}: {error}", hint="install the package that it names")) from None
    except ValueError as error:
        raise InputError(f"{address}: cannot be opened ({format_exception(error)}); name a folder or a URL of fsspec") from None
    return files, str(root).rstrip("/")


def is_conflict(error: BaseException) -> bool:
    """Return whether an error says that an object exists already: status 412 of a conditional upload."""
    response = getattr(error.__cause__ or error, "response", None)
    code = response.get("Error", {}).get("Code", "") if isinstance(response, dict) else ""
    return code in ("PreconditionFailed", "412") or getattr(error, "code", None) == 412


def make_store_error(where: str, error: Exception) -> OutputError:
    """Return the error for an object that cannot be read or written, with its reason and the next step."""
    if isinstance(error, PermissionError):
        return OutputError(f"{where}: permission denied; grant the rights to list, read and write, or name another store")
    return OutputError(f"{where}: the store cannot be used ({format_exception(error)}); run the same command again to resume")
