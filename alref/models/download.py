"""Single-file downloads with progress, resume and checksum; a file gets its name only when it is complete."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from alref.errors import MissingError
from alref.models.integrity import compute_sha256
from alref.utils import atomic, http_client, network
from alref.utils.home import get_cache_path

if TYPE_CHECKING:
    from httpx2 import Response

TIMEOUT_SECONDS = 30.0
"""Timeout of a read from a server, in seconds."""


def get_weights_folder() -> Path:
    """Return the folder of downloaded files: ``weights`` in the folder that ALREF_HOME names, else in the user's cache."""
    return get_cache_path("weights")


def request_size(url: str) -> int:
    """Request the size of a file from a server; return it in bytes, 0 when it is unknown. Raises MissingError."""
    with _request_file(url, "HEAD") as response:
        return _get_content_length(response)


def fetch_file(url: str, path: Path, sha256: str) -> None:
    """Download a file to ``path``, with a progress bar on stderr; an interrupted download is resumed.

    Raises MissingError when the server refuses the file, when the connection is cut before any data, or when the checksum
    differs; OutputError when the file cannot be written.
    """
    atomic.make_folder(path.parent, atomic.HOME_FOLDER_HINT)
    part = path.with_name(f"{path.name}.part")
    try:
        with FileLock(path.with_name(f"{path.name}.lock")):
            while not path.is_file():
                if _resume_download(url, part):
                    _verify_sha256(url, part, sha256)
                    part.replace(path)
    except OSError as error:
        raise atomic.make_write_error(part, error, atomic.HOME_FOLDER_HINT) from None


def _resume_download(url: str, part: Path) -> bool:
    """Download the missing part of a file until the connection ends; return whether the file is complete."""
    before = part.stat().st_size if part.is_file() else 0
    with _request_file(url, "GET", before) as response:
        if response.status_code == 416:
            return True
        start = before if response.status_code == 206 else 0
        whole = start + _get_content_length(response)
        have = start + _append_response(response, part, start, whole)
    if have <= before and have < whole:
        raise MissingError(f"{url}: the connection was cut at {have:,} of {whole:,} bytes; re-run the same command to resume")
    return have >= whole


def _append_response(response: Response, part: Path, start: int, total: int) -> int:
    """Append the data of a response to a file from byte ``start`` on; return the number of bytes received."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    came = 0
    with part.open("ab" if start else "wb") as file, Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(part.stem, total=total or None, completed=start)
        for block in _iterate_blocks(response):
            file.write(block)
            came += len(block)
            progress.update(task, advance=len(block))
    return came


def _iterate_blocks(response: Response) -> Iterator[bytes]:
    """Yield the blocks of a response until it ends or the connection breaks."""
    from httpx2 import HTTPError

    try:
        yield from response.iter_raw()
    except HTTPError:
        return


def _get_content_length(response: Response) -> int:
    return int(response.headers.get("Content-Length") or 0)


@contextmanager
def _request_file(url: str, method: str, start: int = 0) -> Iterator[Response]:
    """Request a file from byte ``start`` on. Proxies and certificates are those of the environment.

    Raises MissingError when the server refuses the file; status 416 means that no bytes are left.
    """
    from httpx2 import HTTPError, HTTPStatusError

    headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={start}-"} if start else {})}
    try:
        with http_client.make_client(url, TIMEOUT_SECONDS) as client, client.stream(method, url, headers=headers) as response:
            if response.status_code != 416:
                response.raise_for_status()
            yield response
    except HTTPStatusError as error:
        raise MissingError(f"download failed: {url}: {error.response.status_code} {error.response.reason_phrase}") from None
    except HTTPError as error:
        raise MissingError(network.explain_connection(url, str(error), "start the server")) from None


def _verify_sha256(url: str, part: Path, sha256: str) -> None:
    """Remove a downloaded file whose checksum differs. Raises MissingError."""
    came = compute_sha256(part)
    if came != sha256:
        part.unlink()
        raise MissingError(f"{url} gave another file than expected (SHA-256 {came}, not {sha256}): try again later")
