"""The corrections of a run folder: ``corrections.jsonl``, and in ``revisions/`` what was computed for each."""

from __future__ import annotations

import os
import re
from pathlib import Path

from pydantic import ValidationError

from alref.errors import InputError, RecordError
from alref.output.job_folder import format_short_error
from alref.output.run_folder import CORRECTIONS_FILE, RESULT_FILE, REVISIONS_FOLDER, load_result
from alref.records import Correction, Record, TrackChange
from alref.result import Result
from alref.utils import atomic

VIEWS_FILE = "views"
_REVISION = re.compile(rb'"revision": ?(\d+)')


class RevisionData(Record):
    """What was computed for one correction: the change of a track, or the result of a run that added an object."""

    revision: int
    change: TrackChange | None = None
    added: Result | None = None


class RevisionFiles:
    """The files of the corrections of one run folder. Each is written whole, but for the lines of ``corrections.jsonl``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.path = folder / CORRECTIONS_FILE

    def read_lines(self) -> list[Correction]:
        """Read the corrections in order; the incomplete last line of a killed process is left out. Raises InputError."""
        return read_corrections(self.path) if self.path.exists() else []

    def append_line(self, correction: Correction) -> None:
        """Append a correction and flush it to the disk, before anything is computed for it. Raises OutputError."""
        line = correction.model_dump_json().encode() + b"\n"
        try:
            with self.path.open("ab", buffering=0) as file:
                content = self.path.read_bytes()
                file.truncate(content.rfind(b"\n") + 1)
                file.write(line)
                os.fsync(file.fileno())
        except OSError as error:
            raise atomic.make_write_error(self.path, error) from error

    def read_base(self) -> Result:
        """Read the result as the run wrote it. Raises InputError."""
        stored = self._get_path(0)
        return load_result(self._folder) if not stored.exists() else Result.model_validate_json(stored.read_bytes())

    def store_base(self) -> None:
        """Store the result that the run wrote, unless it is stored already. Raises OutputError."""
        if not self._get_path(0).exists():
            atomic.make_folder(self._folder / REVISIONS_FOLDER)
            atomic.write_bytes(self._get_path(0), (self._folder / RESULT_FILE).read_bytes())

    def read_data(self, revision: int) -> RevisionData | None:
        """Read what was computed for a correction; None if it is not complete."""
        path = self._get_path(revision)
        try:
            return RevisionData.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValidationError, RecordError) as error:
            raise InputError(
                f"{path}: cannot be read ({format_short_error(error)}); remove it: alref computes it again"
            ) from None

    def write_data(self, data: RevisionData) -> None:
        """Write what was computed for a correction. Raises OutputError."""
        atomic.write_text(self._get_path(data.revision), data.model_dump_json())

    def read_written_revision(self) -> int:
        """Return the revision of ``result.json``, and so of the masks."""
        found = _REVISION.search((self._folder / RESULT_FILE).read_bytes())
        return int(found[1]) if found else 0

    def read_views_revision(self) -> int:
        """Return the revision that ``overlay.mp4`` and ``report.html`` show."""
        path = self._folder / REVISIONS_FOLDER / VIEWS_FILE
        return int(path.read_text()) if path.exists() else 0

    def store_views_revision(self, revision: int) -> None:
        """Store the revision that ``overlay.mp4`` and ``report.html`` show."""
        atomic.write_text(self._folder / REVISIONS_FOLDER / VIEWS_FILE, str(revision))

    def _get_path(self, revision: int) -> Path:
        return self._folder / REVISIONS_FOLDER / f"{revision:05d}.json"


def read_corrections(path: Path) -> list[Correction]:
    """Read a ``corrections.jsonl``, or that of a run folder. Raises InputError with the line that cannot be read."""
    file = path / CORRECTIONS_FILE if path.is_dir() else path
    try:
        content = file.read_bytes()
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror}); expected the corrections.jsonl of a run") from None
    lines = content[: content.rfind(b"\n") + 1].splitlines()
    corrections = []
    for number, line in enumerate(lines, 1):
        try:
            corrections.append(Correction.model_validate_json(line))
        except (ValidationError, RecordError) as error:
            raise InputError(f"{file}, line {number}: is not a correction ({format_short_error(error)})") from None
        if corrections[-1].revision != number:
            raise InputError(f"{file}, line {number}: expected revision {number}, got {corrections[-1].revision}")
    return corrections


def list_active_revisions(lines: list[Correction]) -> list[list[Correction]]:
    """Return for each revision, from 0, the corrections that its result has: those that were undone are left out."""
    active: list[list[Correction]] = [[]]
    for line in lines:
        active.append(active[line.restored] if line.restored is not None else [*active[-1], line])
    return active
