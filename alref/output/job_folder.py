"""A folder of one job: it stores the job's settings, locks out other processes and lets the same job resume."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Generic, Self, TypeVar

import yaml
from filelock import FileLock
from pydantic import ValidationError

from alref.errors import OutputError, RecordError
from alref.records import Record
from alref.utils import atomic
from alref.utils.text import format_validation_error, shorten_text


class JobSpec(Record):
    """The settings of a job. Two jobs are the same if their settings agree."""

    @abstractmethod
    def iterate_settings(self) -> Iterator[tuple[str, Any]]:
        """Yield the names and values of settings that distinguish jobs."""

    def describe_differences(self, other: JobSpec) -> list[str]:
        """Return one phrase for each setting that differs from ``other``; empty if the jobs are the same."""
        there, here = dict(self.iterate_settings()), dict(other.iterate_settings())
        names = [name for name in {**there, **here} if there.get(name) != here.get(name)]
        return [f"{name}: {there.get(name, 'nothing')} there, {here.get(name, 'nothing')} here" for name in names]


Job = TypeVar("Job", bound=JobSpec)


class JobFolder(ABC, Generic[Job]):
    """A folder locked for one job until ``close``: use it as a context manager. ``SPEC_FILE`` holds the settings."""

    SPEC_FILE: ClassVar[str]
    JOB_NAME: ClassVar[str]
    spec_type: type[Job]

    def __init__(self, path: Path, spec: Job) -> None:
        self.path = path
        self.spec = spec
        self._lock: FileLock | None = None

    @classmethod
    def open(cls, path: Path, spec: Job, *, force: bool = False, shared: bool = False) -> Self:
        """Create the folder of a job, or resume if it holds the same job; ``force`` overwrites another job.

        A ``shared`` folder is not locked: other processes do other shares of the same job in it at the same time.
        ``force`` removes only files that alref wrote, except stage outputs. Raises OutputError if the folder holds
        another job, or files that are not alref's, or cannot be written, or is in use by another process.
        """
        folder = cls(path, spec)
        if shared:
            folder._join_job()
            return folder
        known = folder._has_same_job(force)
        if force or not (known and folder.finished):
            folder._prepare_folder(force)
        return folder

    @property
    @abstractmethod
    def finished(self) -> bool:
        """Return whether every part exists."""

    @abstractmethod
    def remove_files(self, everything: bool) -> None:
        """Remove incomplete files of killed processes, or all results."""

    def close(self) -> None:
        """Unlock the folder."""
        if self._lock:
            self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _has_same_job(self, force: bool) -> bool:
        """Return whether the folder holds this job already. Raises OutputError if it holds another job."""
        there = self._read_spec()
        differences = there.describe_differences(self.spec) if there else []
        if differences and not force:
            other = f"{self.path}: holds another {self.JOB_NAME} ({join_shortened(differences)})"
            raise OutputError(f"{other}; choose another folder", code="folder-of-another-job")
        return there is not None and not differences

    def _join_job(self) -> None:
        """Write the settings unless another process did; nothing is removed, since another process may be writing it."""
        atomic.make_folder(self.path)
        if not self._has_same_job(force=False):
            self._write_spec()

    def _write_spec(self) -> None:
        settings = self.spec.model_dump(mode="json")
        atomic.write_text(self.path / self.SPEC_FILE, yaml.safe_dump(settings, sort_keys=False, allow_unicode=True))

    def _prepare_folder(self, force: bool) -> None:
        """Lock the folder, check its content again, clear it and write the settings."""
        atomic.make_folder(self.path)
        with ExitStack() as undo:
            self._lock = atomic.lock_folder(self.path)
            undo.callback(self.close)
            known = self._has_same_job(force)
            self.remove_files(force)
            if not known:
                self._write_spec()
            undo.pop_all()

    def _read_spec(self) -> Job | None:
        """Read the job of the folder, None if it is empty or missing. Raises OutputError for other content."""
        try:
            names = sorted(path.name for path in self.path.iterdir()) if self.path.exists() else []
            own = [name for name in names if not name.startswith(".")]
            return self.spec_type.model_validate(yaml.safe_load((self.path / self.SPEC_FILE).read_bytes())) if own else None
        except FileNotFoundError:
            problem = f"{self.path}: holds files other than those of the {self.JOB_NAME} ({join_shortened(own)})"
        except (OSError, ValueError, RecordError, yaml.YAMLError) as error:
            problem = f"{self.path / self.SPEC_FILE}: cannot be read as a {self.JOB_NAME} ({format_short_error(error)})"
        raise OutputError(f"{problem}; choose another folder", code="folder-of-others")


def format_short_error(error: Exception) -> str:
    """Format an error on one short line."""
    text = (
        format_validation_error(error) if isinstance(error, ValidationError) else str(getattr(error, "strerror", None) or error)
    )
    return join_shortened([" ".join(text.split())])


def join_shortened(parts: list[str]) -> str:
    """Join the first three parts, each cut to 160 characters, and add the number of the others."""
    return "; ".join(shorten_text(part, 160) for part in parts[:3]) + (f"; and {len(parts) - 3} more" if len(parts) > 3 else "")


def iterate_leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each plain value of nested data with its dotted name; empty lists and mappings count as plain."""
    if not value or not isinstance(value, (dict, list)):
        yield name, value
        return
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):
        yield from iterate_leaves(item, f"{name}.{key}" if name else str(key))


def remove_file(path: Path) -> None:
    """Remove a file if it exists. Raises OutputError."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise atomic.make_write_error(path, error) from error
