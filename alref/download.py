"""Lone files from the web: fetched with progress, gone on with after a cut, checked, and under their name only when whole."""

from __future__ import annotations

import os
from collections.abc import Iterator
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from filelock import FileLock
from platformdirs import user_cache_path

from alref import atomic
from alref.checkpoints import digest
from alref.errors import MissingError

PATIENCE = 30.0
"""Seconds in which a server has to send something."""
BLOCK = 1 << 20


def folder() -> Path:
    """Return where fetched files are kept: ``weights`` in the folder that ALREF_HOME names, else in the user's cache."""
    home = os.environ.get("ALREF_HOME")
    return (Path(home) if home else user_cache_path("alref", appauthor=False)) / "weights"


def asked(url: str) -> int:
    """Ask a server whether it gives a file; return its size in bytes, 0 when it does not say. Raises MissingError."""
    with _answer(url, "HEAD") as response:
        return int(response.headers.get("Content-Length") or 0)


def fetch(url: str, path: Path, sha256: str) -> None:
    """Fetch a file to ``path``, with a bar on stderr; an earlier fetch that was cut is gone on with.

    Raises MissingError when the server does not give it, when the connection is cut before anything came, or when what came is
    another file than the one expected; OutputError when it cannot be written.
    """
    atomic.make_folder(path.parent)
    part = path.with_name(f"{path.name}.part")
    try:
        with FileLock(path.with_name(f"{path.name}.lock")):
            while not path.is_file():
                if _continued(url, part):
                    _check(url, part, sha256)
                    part.replace(path)
    except OSError as error:
        raise atomic.cannot_write(part, error) from None


def _continued(url: str, part: Path) -> bool:
    """Bring what is missing of a file, as far as the connection holds; return whether it is whole."""
    start = part.stat().st_size if part.is_file() else 0
    with _answer(url, "GET", start) as response:
        if response.status == 416:
            return True
        if response.status != 206:
            start = 0
        whole = start + int(response.headers.get("Content-Length") or 0)
        came = _append(response, part, start, whole)
    if not came and whole > start:
        raise MissingError(
            f"{url}: the connection was cut at {start:,} of {whole:,} bytes; the same command goes on from there"
        )
    return start + came >= whole


def _append(response: HTTPResponse, part: Path, start: int, whole: int) -> int:
    """Write what comes to a file from byte ``start`` on; return how many bytes came."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    came = 0
    with part.open("ab" if start else "wb") as file, Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(part.stem, total=whole or None, completed=start)
        for block in _blocks(response):
            file.write(block)
            came += len(block)
            progress.update(task, advance=len(block))
    return came


def _blocks(response: HTTPResponse) -> Iterator[bytes]:
    """Yield what a connection brings until its end, or until it breaks."""
    try:
        while block := response.read(BLOCK):
            yield block
    except (OSError, HTTPException):
        return


def _answer(url: str, method: str, start: int = 0) -> HTTPResponse:
    """Ask for a file from byte ``start`` on. Raises MissingError when it is not given; status 416 says that nothing is left."""
    headers = {"User-Agent": "alref", **({"Range": f"bytes={start}-"} if start else {})}
    try:
        response: HTTPResponse = urlopen(Request(url, headers=headers, method=method), timeout=PATIENCE)  # noqa: S310
    except HTTPError as error:
        if error.code == 416:
            return error  # type: ignore[return-value]
        raise MissingError(f"{url} is not given: {error.code} {error.reason}") from None
    except (URLError, OSError, HTTPException) as error:
        raise MissingError(f"{url} cannot be reached ({getattr(error, 'reason', error)}): go online and try again") from None
    return response


def _check(url: str, part: Path, sha256: str) -> None:
    """Remove what came if it is not the file expected. Raises MissingError."""
    came = digest(part)
    if came != sha256:
        part.unlink()
        raise MissingError(f"{url} gave another file than expected (SHA-256 {came}, not {sha256}): try again later")
