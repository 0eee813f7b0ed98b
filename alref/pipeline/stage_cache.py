"""Cache of stage outputs, by the digest of the pixels, options, files and records that they depend on."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from time import time
from typing import Any, Generic, TypeVar

from filelock import FileLock, Timeout
from pydantic import BaseModel, ValidationError
from pydantic_core import to_json

from alref.errors import OutputError, RecordError
from alref.records import WITHOUT_PROVENANCE
from alref.result import Usage
from alref.utils import atomic
from alref.utils.home import get_cache_path

Item = TypeVar("Item", bound=BaseModel)
DEFAULT_LIMIT = 4 * 1000**3
"""Maximum size of the user's own cache in bytes."""
SMALL_FILE_BYTES = 1 << 20
"""Maximum size of a file that is identified by its content; larger ones are identified by path, size and times."""
SWEEP_SHARE, TARGET_SHARE = 0.05, 0.9
"""Share of the limit that is written between two checks of the size, and share that remains after pruning."""
STALE_SECONDS = 3600.0
"""Age in seconds at which an incomplete file belongs to a killed process."""
_OUTPUT_NAME = re.compile(r"\.?[a-z_]+-[a-z_]+-[0-9a-f]{32}(\.\d+)?\.json")
"""Names of outputs, complete and incomplete; other files of a folder are not touched."""
_WRITE_LOCK = Lock()


def get_default_folder() -> Path:
    """Return the user's own cache: ``stages`` in the folder that ALREF_HOME names, else in the user's cache folder."""
    return get_cache_path("stages")


def open_user_cache(limit: int) -> StageCache:
    """Open the user's own cache. Raises OutputError when it cannot be written."""
    folder = get_default_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / atomic.LOCK_FILE, timeout=0):
            return StageCache(folder, limit)
    except Timeout:
        return StageCache(folder, limit)
    except OSError as error:
        raise atomic.make_write_error(folder, error, atomic.HOME_FOLDER_HINT) from error


def compute_key(*parts: Any) -> str:
    """Return a digest of JSON-like values and records without the provenance of decisions, 32 hexadecimal digits."""
    return hashlib.blake2b(to_json(parts, context=WITHOUT_PROVENANCE), digest_size=16).hexdigest()


def file_fingerprints(paths: Iterable[Path]) -> list[list[Any]]:
    """Return fingerprints of files, and of the files below folders, which change with the content.

    The fingerprint of a small file is a digest of its content; that of a large one is its real path, size and times. Hidden
    files in folders and missing files have none.
    """
    return [_compute_fingerprint(file) for path in paths for file in _list_files(path)]


def _list_files(root: Path) -> list[Path]:
    if not root.is_dir():
        return [root] if root.is_file() else []
    below = sorted(root.rglob("*"))
    return [path for path in below if path.is_file() and not any(p.startswith(".") for p in path.relative_to(root).parts)]


def _compute_fingerprint(path: Path) -> list[Any]:
    facts = path.stat()
    if facts.st_size <= SMALL_FILE_BYTES:
        return [path.name, hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()]
    return [str(path.resolve()), facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns]


@dataclass(frozen=True)
class CachedOutput(Generic[Item]):
    """The output of one call of a stage, its duration in seconds, and its usage of language models."""

    output: list[Item]
    seconds: float
    usage: tuple[Usage, ...] = ()


@dataclass(frozen=True)
class CacheInfo:
    """The number of cached outputs and their size in bytes, by stage and method."""

    counts: dict[str, int]
    sizes: dict[str, int]


@dataclass
class StageCache:
    """A folder with one JSON file per cached output; without a folder nothing is cached.

    Files are written atomically, so a killed run leaves complete outputs only. An unreadable file counts as missing and is
    written again. Threads and processes may share a folder. ``limit`` is in bytes: the least recently used outputs are removed
    first. The size is checked after every twentieth of the limit, by which each process may exceed it. An output that took less
    than ``min_seconds``, without a language model, is not cached: computing it again is cheaper.
    """

    folder: Path | None = None
    limit: int | None = None
    min_seconds: float = 0.0
    _written: float = field(default=float("inf"), repr=False)

    def get(self, stage: str, digest: str, record_type: type[Item]) -> CachedOutput[Item] | None:
        """Return a cached output, or None."""
        if self.folder is None:
            return None
        path = self._get_path(self.folder, stage, digest)
        try:
            data = json.loads(path.read_bytes())
            output = [record_type.model_validate(item) for item in data["output"]]
            usage = tuple(Usage.model_validate(usage_data) for usage_data in data.get("usage", ()))
            found = CachedOutput(output, float(data["seconds"]), usage)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecordError, ValidationError):
            return None
        with suppress(OSError):
            os.utime(path)
        return found

    def put(self, stage: str, digest: str, found: CachedOutput[Item]) -> None:
        """Cache the output of a call, unless it was fast. Raises OutputError if the folder cannot be written."""
        if self.folder is None or (found.seconds < self.min_seconds and not found.usage):
            return
        output, usage = ([item.model_dump(mode="json") for item in items] for items in (found.output, found.usage))
        data = json.dumps({"seconds": found.seconds, "usage": usage, "output": output}).encode()
        atomic.make_folder(self.folder)
        with _WRITE_LOCK:
            atomic.write_bytes(self._get_path(self.folder, stage, digest), data)
            self._written += len(data)
        if self.limit is not None and self._written > SWEEP_SHARE * self.limit:
            self._written = 0
            prune_outputs(self.folder, self.limit)

    def _get_path(self, folder: Path, stage: str, digest: str) -> Path:
        return folder / f"{stage}-{digest}.json"


def prune_outputs(folder: Path, limit: int) -> None:
    """If the cache exceeds ``limit``, remove the least recently used outputs until nine tenths of the limit are left.

    Do nothing while another process prunes the folder.
    """
    try:
        with FileLock(folder / atomic.LOCK_FILE, timeout=0):
            entries = sorted((facts.st_mtime_ns, path, facts.st_size) for path, facts in _iterate_outputs(folder))
            total = sum(size for _, _, size in entries)
            room = TARGET_SHARE * limit if total > limit else total
            for _, path, size in entries:
                if total <= room:
                    return
                path.unlink(missing_ok=True)
                total -= size
    except Timeout:
        return
    except OSError as error:
        raise atomic.make_write_error(folder, error) from error


def clear_outputs(folder: Path) -> int:
    """Remove all outputs, and return their number. Raises OutputError."""
    entries = [path for path, _ in _iterate_outputs(folder)]
    try:
        for path in entries:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be emptied: {error.strerror or error}; remove it by hand") from error
    return len(entries)


def count_outputs(folder: Path) -> CacheInfo:
    """Count the cached outputs; a missing folder counts as empty."""
    counts: dict[str, int] = {}
    sizes: dict[str, int] = {}
    for path, facts in _iterate_outputs(folder):
        call = path.name.lstrip(".").rpartition("-")[0]
        counts[call] = counts.get(call, 0) + 1
        sizes[call] = sizes.get(call, 0) + facts.st_size
    return CacheInfo(counts, sizes)


def _iterate_outputs(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Yield outputs, and the incomplete ones of killed processes; an output that disappears meanwhile is skipped."""
    for path in filter(lambda path: _OUTPUT_NAME.fullmatch(path.name), folder.glob("*.json")):
        with suppress(FileNotFoundError):
            facts = path.stat()
            if not path.name.startswith(".") or time() - facts.st_mtime > STALE_SECONDS:
                yield path, facts
