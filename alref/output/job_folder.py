"""A folder that belongs to one job: it says what was asked for, one process at a time writes there, the same job goes on."""

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
from alref.records import Record, format_validation_error
from alref.utils import atomic


class JobSpec(Record):
    """What was asked for. Two are the same job when their settings agree."""

    @abstractmethod
    def iterate_settings(self) -> Iterator[tuple[str, Any]]:
        """Yield what makes one job another, by name."""

    def describe_differences(self, other: JobSpec) -> list[str]:
        """Say in what ``other`` is another job, a phrase for each setting; none when it is the same."""
        there, here = dict(self.iterate_settings()), dict(other.iterate_settings())
        names = [name for name in {**there, **here} if there.get(name) != here.get(name)]
        return [f"{name}: {there.get(name, 'nothing')} there, {here.get(name, 'nothing')} here" for name in names]


Job = TypeVar("Job", bound=JobSpec)


class JobFolder(ABC, Generic[Job]):
    """A folder taken for one job until ``close``: use it as a context manager. ``FILE`` holds what was asked for."""

    SPEC_FILE: ClassVar[str]
    JOB_NAME: ClassVar[str]
    spec_type: type[Job]

    def __init__(self, path: Path, spec: Job) -> None:
        self.path = path
        self.spec = spec
        self._lock: FileLock | None = None

    @classmethod
    def open(cls, path: Path, spec: Job, *, force: bool = False) -> Self:
        """Create the folder of a job, or go on in it when it holds the same one; ``force`` starts it anew whatever it holds.

        ``force`` removes only what alref wrote there, outputs of stages excepted. Raises OutputError when the folder holds
        another job, or files that are not alref's, or cannot be written, or is in use by another process.
        """
        folder = cls(path, spec)
        known = folder._has_same_job(force)
        if force or not (known and folder.finished):
            folder._prepare_folder(force)
        return folder

    @property
    @abstractmethod
    def finished(self) -> bool:
        """Whether every part is there."""

    @abstractmethod
    def remove_files(self, everything: bool) -> None:
        """Remove what killed processes left half written, or all results."""

    def close(self) -> None:
        """Let other processes have the folder."""
        if self._lock:
            self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _has_same_job(self, force: bool) -> bool:
        """Whether the folder holds this job already. Raises OutputError when it may not become this job's."""
        there = self._read_spec()
        differences = there.describe_differences(self.spec) if there else []
        if differences and not force:
            other = f"{self.path}: holds another {self.JOB_NAME} ({join_shortened(differences)})"
            raise OutputError(f"{other}; choose another folder", code="folder-of-another-job")
        return there is not None and not differences

    def _prepare_folder(self, force: bool) -> None:
        """Lock the folder, look again at what it holds now, clear it and write what was asked for."""
        atomic.make_folder(self.path)
        with ExitStack() as undo:
            self._lock = atomic.lock_folder(self.path)
            undo.callback(self.close)
            known = self._has_same_job(force)
            self.remove_files(force)
            if not known:
                asked = self.spec.model_dump(mode="json")
                atomic.write_text(self.path / self.SPEC_FILE, yaml.safe_dump(asked, sort_keys=False, allow_unicode=True))
            undo.pop_all()

    def _read_spec(self) -> Job | None:
        """Read what job the folder holds, None when it is empty or not there. Raises OutputError for something else."""
        try:
            names = sorted(path.name for path in self.path.iterdir()) if self.path.exists() else []
            own = [name for name in names if not name.startswith(".")]
            return self.spec_type.model_validate(yaml.safe_load((self.path / self.SPEC_FILE).read_bytes())) if own else None
        except FileNotFoundError:
            problem = f"{self.path}: holds files that are no {self.JOB_NAME} ({join_shortened(own)})"
        except (OSError, ValueError, RecordError, yaml.YAMLError) as error:
            problem = f"{self.path / self.SPEC_FILE}: cannot be read as a {self.JOB_NAME} ({format_short_error(error)})"
        raise OutputError(f"{problem}; choose another folder", code="folder-of-others")


def format_short_error(error: Exception) -> str:
    """Say in one short line why something could not be read."""
    text = (
        format_validation_error(error) if isinstance(error, ValidationError) else str(getattr(error, "strerror", None) or error)
    )
    return join_shortened([" ".join(text.split())])


def join_shortened(parts: list[str]) -> str:
    """Join the first three, each cut to 160 characters, and say how many more there are."""
    short = [part if len(part) <= 160 else f"{part[:159]}…" for part in parts[:3]]
    return "; ".join(short) + (f"; and {len(parts) - 3} more" if len(parts) > 3 else "")


def iterate_leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Walk nested data: each plain value under its dotted name; empty lists and mappings are plain."""
    if not value or not isinstance(value, (dict, list)):
        yield name, value
        return
    for key, each in value.items() if isinstance(value, dict) else enumerate(value):
        yield from iterate_leaves(each, f"{name}.{key}" if name else str(key))


def remove_file(path: Path) -> None:
    """Remove a file that may not be there. Raises OutputError."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise atomic.make_write_error(path, error) from error
