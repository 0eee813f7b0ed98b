"""Videos of a batch: what identifies their content, and a local copy of those at URLs."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from filelock import FileLock, Timeout

from alref.errors import InputError, OutputError, format_exception, mask_passwords
from alref.media.image_folder import list_images
from alref.output.store import open_file_system
from alref.utils import atomic, http_client
from alref.utils.home import get_cache_path

DEFAULT_CACHE_BYTES = 20 * 1000**3
"""Maximum size of local copies of videos."""
TIMEOUT = 60.0
"""Seconds without a byte after which a download fails."""
MAX_REDIRECTS = 10


def is_http(video: str) -> bool:
    """Return whether a video is at a web address."""
    return video.startswith(("http://", "https://"))


class ContentDigests:
    """Digests of files, remembered in the user's cache by path, size and times, so that a file is read once."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path or get_cache_path("digests.sqlite")
        self._lock = Lock()
        self._database: sqlite3.Connection | None = None

    def compute_digest(self, path: Path) -> str:
        """Return the digest of a file, or of the images of a folder. Raises InputError when it cannot be read."""
        try:
            if path.is_dir():
                parts = [f"{each.name} {self._digest_file(each)}" for each in list_images(path)]
                return hashlib.blake2b("\n".join(parts).encode(errors="surrogateescape"), digest_size=16).hexdigest()
            return self._digest_file(path)
        except FileNotFoundError:
            raise InputError(f"{path}: no such file") from None
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror or error})") from None

    def _digest_file(self, path: Path) -> str:
        facts = path.stat()
        if not stat.S_ISREG(facts.st_mode):
            raise InputError(f"{path}: expected a file or a folder of images, got a pipe or a device")
        known = (os.fsencode(path.absolute()), f"{facts.st_size} {facts.st_mtime_ns} {facts.st_ctime_ns}")
        with self._lock:
            database = self._open_database()
            row = database.execute("SELECT digest FROM files WHERE path = ? AND facts = ?", known).fetchone()
        if row:
            return str(row[0])
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
        with self._lock, suppress(sqlite3.OperationalError):
            self._open_database().execute("INSERT OR REPLACE INTO files VALUES (?, ?, ?)", (*known, digest))
        return digest

    def _open_database(self) -> sqlite3.Connection:
        """Return the open file; one that cannot be used is replaced by memory, since it only saves time."""
        if self._database is None:
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._database = self._prepare(str(self._path))
            except (OSError, sqlite3.Error):
                self._database = self._prepare(":memory:")
        return self._database

    def _prepare(self, path: str) -> sqlite3.Connection:
        database = sqlite3.connect(path, timeout=5.0, check_same_thread=False, isolation_level=None)
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = OFF")
        database.execute("CREATE TABLE IF NOT EXISTS files (path BLOB PRIMARY KEY, facts TEXT, digest TEXT)")
        return database


def identify_video(video: str, digests: ContentDigests) -> list[Any]:
    """Return what identifies the content of a video: a digest, or its URL with the size and the tag that the server names.

    Raises InputError when there is no such video.
    """
    if "://" not in video:
        return ["content", digests.compute_digest(Path(video))]
    if is_http(video):
        return ["url", mask_passwords(video), *_ask_server(video)]
    files, path = open_file_system(video)
    try:
        facts = files.info(path)
    except FileNotFoundError:
        raise InputError(f"{mask_passwords(video)}: no such object") from None
    except Exception as error:  # each file system has errors of its own
        raise InputError(f"{mask_passwords(video)}: cannot be read ({format_exception(error)})") from None
    tag = next(
        (str(facts[name]) for name in ("ETag", "etag", "md5Hash", "checksum", "mtime", "LastModified") if name in facts), ""
    )
    return ["url", mask_passwords(video), facts.get("size"), tag]


def _ask_server(url: str) -> list[str]:
    """Return the size and the tag of a web address."""
    import httpx2

    try:
        with http_client.make_client(url, TIMEOUT, max_redirects=MAX_REDIRECTS) as client:
            response = client.head(url)
            if response.status_code in (403, 405, 501):  # a server that signs or knows only GET
                with client.stream("GET", url) as response:
                    pass
            _check_status(url, response.status_code)
    except httpx2.HTTPError as error:
        raise _make_download_error(url, error) from None
    headers = response.headers
    return [str(headers.get(name, "")) for name in ("content-length", "etag", "last-modified")]


def _check_status(url: str, status: int) -> None:
    if status >= 400:
        reason = {401: "it needs a login", 403: "the server does not allow it", 404: "no such file"}.get(
            status, f"status {status}"
        )
        raise InputError(f"{mask_passwords(url)}: cannot be downloaded ({reason})")


def _make_download_error(url: str, error: Exception) -> InputError:
    import httpx2

    endless = isinstance(error, httpx2.TooManyRedirects)
    reason = f"more than {MAX_REDIRECTS} redirects" if endless else format_exception(error)
    return InputError(f"{mask_passwords(url)}: cannot be downloaded ({reason})")


@dataclass(frozen=True)
class VideoCache:
    """Local copies of videos at URLs, at most ``limit`` bytes: those that were used longest ago are removed first."""

    folder: Path
    limit: int = DEFAULT_CACHE_BYTES

    @contextmanager
    def fetch(self, video: str, identity: str) -> Iterator[Path]:
        """Yield the path of a local copy, which stays until the block ends. Raises InputError or OutputError.

        ``identity`` is a digest of what identifies the content: a copy of other content is not used.
        """
        if "://" not in video:
            yield Path(video)
            return
        suffix = Path(video.partition("?")[0].rpartition("/")[2]).suffix
        path = self.folder / f"{identity}{suffix}"
        atomic.make_folder(self.folder, atomic.HOME_FOLDER_HINT)
        with FileLock(self._get_lock(path)):
            if path.exists():
                os.utime(path)
            else:
                with atomic.atomic_path(path) as part:
                    download_video(video, part)
                self._prune()
            yield path

    def _get_lock(self, path: Path) -> Path:
        return path.with_name(f".{path.name}.lock")

    def _prune(self) -> None:
        """Remove the copies that were used longest ago, except those in use, until the rest fits."""
        copies = [path for path in self.folder.iterdir() if not path.name.startswith(".")]
        files = sorted((path.stat().st_mtime_ns, path, path.stat().st_size) for path in copies)
        total = sum(size for _, _, size in files)
        for _, path, size in files:
            if total <= self.limit:
                return
            try:
                with FileLock(self._get_lock(path), timeout=0):
                    path.unlink(missing_ok=True)
                    total -= size
            except Timeout:
                continue


def download_video(video: str, path: Path) -> None:
    """Write a video at a URL to a file. Raises InputError, or OutputError when the disk is full."""
    import httpx2

    try:
        if not is_http(video):
            files, place = open_file_system(video)
            files.get_file(place, str(path))
            return
        with (
            http_client.make_client(video, TIMEOUT, max_redirects=MAX_REDIRECTS) as client,
            client.stream("GET", video) as response,
            path.open("wb") as file,
        ):
            _check_status(video, response.status_code)
            for block in response.iter_bytes():
                file.write(block)
    except (httpx2.HTTPError, FileNotFoundError, ConnectionError, TimeoutError) as error:
        raise _make_download_error(video, error) from None
    except (InputError, OutputError):
        raise
    except OSError as error:
        if error.filename is not None or error.errno is not None:
            raise atomic.make_write_error(path, error, atomic.HOME_FOLDER_HINT) from error
        raise _make_download_error(video, error) from None
