"""A connection to the hosted SAM 3.1: the upload of a video, and requests that are sent once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from time import sleep
from typing import TYPE_CHECKING, Any, TypeVar

import httpx2
import openai
from meta_sam_parser import (
    ParserFinish,
    ResponsesStreamError,
    ResponsesStreamFailedError,
    ResponsesStreamRefusalError,
    ResponseStreamOutcome,
    parse_responses_stream,
)

from alref import AlrefError, Video
from alref.llm.server_errors import ServerError, classify_error, extract_error_text, parse_wait
from alref.media.write import write_video
from alref_sam3 import server

if TYPE_CHECKING:
    from alref_sam3 import Sam3ApiOptions

Result = TypeVar("Result")
TOO_LARGE_STATUS = 413
BUSY_ATTEMPTS = 5
"""How often a request is sent that the service refuses because it is busy, before it has done anything."""
FIRST_WAIT, LONGEST_WAIT = 1.0, 120.0
"""Seconds before the second attempt, doubled each time, unless the service asks for others; and the most that are waited."""


class BilledError(ServerError):
    """A request without a usable answer that may have been billed."""


class TooLargeError(ServerError):
    """A video that is too large for the service."""


@dataclass
class _TextParser:
    """A response format of Meta's stream reader that keeps the text, and counts its lines."""

    count_lines: Callable[[int], None]
    chunks: list[str] = field(default_factory=list)
    lines: int = 0

    def create_parser(self) -> _TextParser:
        return self

    def push(self, chunk: str, *, emit: bool = True) -> tuple[str, ...]:
        self.chunks.append(chunk)
        self.lines += chunk.count("\n")
        self.count_lines(self.lines)
        return ()

    def finish(self, outcome: ResponseStreamOutcome) -> ParserFinish[str, tuple[str, ResponseStreamOutcome]]:
        return ParserFinish((), ("".join(self.chunks), outcome))


@dataclass(frozen=True)
class UploadedVideo:
    """A video at the service: the id of its file, and its size in bytes."""

    file_id: str
    size: int


class HostedConnection:
    """One connection. Each video is uploaded once."""

    def __init__(self, options: Sam3ApiOptions) -> None:
        self._options = options
        self._client = server.open_client(options)
        self._uploaded: dict[str, UploadedVideo] = {}

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def upload_video(self, video: Video, announce_size: Callable[[int], None]) -> UploadedVideo:
        """Encode and upload a video, unless it is there; ``announce_size`` is called before. Raises ServerError.

        The frames are those of ``video``, so that frame numbers of an answer are its own.
        """
        known = self._uploaded.get(video.fingerprint)
        if known is not None:
            announce_size(known.size)
            return known
        with TemporaryDirectory() as folder:
            path = Path(folder) / "video.mp4"
            write_video(path, video, video.times)  # type: ignore[arg-type]
            size = path.stat().st_size
            announce_size(size)
            content = path.read_bytes()
            given: Any = (path.name, content, "video/mp4")
            created = self._send_when_free(lambda: self._client.files.create(file=given, purpose="user_data"))
        self._uploaded[video.fingerprint] = made = UploadedVideo(created.id, size)
        return made

    def stream_text(self, file_id: str, text: str, metadata: dict[str, str], count_lines: Callable[[int], None]) -> str:
        """Send one request about an uploaded video and return the whole text of the answer.

        It is sent again only if the service says that it is busy before it begins. Raises BilledError if an answer was begun,
        or the connection broke after the request was sent; ServerError if the request was refused.
        """
        content = [{"type": "input_text", "text": text}, {"type": "input_video", "file_id": file_id}]
        given: Any = [{"type": "message", "role": "user", "content": content}]
        stream = self._send_when_free(
            lambda: self._client.responses.create(model=self._options.model, input=given, metadata=metadata, stream=True)
        )
        with closing(stream):
            return _collect_text(iter(stream), count_lines)

    def _send_when_free(self, send: Callable[[], Any]) -> Any:
        """Send, again while the service says that it is busy. Raises ServerError, BilledError if an answer may be lost."""
        for attempt in range(1, BUSY_ATTEMPTS + 1):
            try:
                return send()
            except openai.APIError as error:
                failure = _make_error(error)
                wait = failure.wait or FIRST_WAIT * 2 ** (attempt - 1)
                if (
                    failure.kind != "busy"
                    or isinstance(failure, BilledError)
                    or attempt == BUSY_ATTEMPTS
                    or wait > LONGEST_WAIT
                ):
                    raise failure from None
                sleep(wait)
        raise AssertionError("the last attempt returns or raises")


def _make_error(error: openai.APIError) -> ServerError:
    """Return the failure of a request before its answer began."""
    if isinstance(error, openai.APIConnectionError):
        cause = error.__cause__
        if isinstance(cause, AlrefError):
            raise cause
        unsent = isinstance(cause, (httpx2.ConnectError, httpx2.ConnectTimeout))
        kind = BilledError if not unsent else ServerError
        return kind("timeout" if isinstance(error, openai.APITimeoutError) else "connection", str(cause or error))
    if not isinstance(error, openai.APIStatusError):
        return BilledError("failed", str(error))
    said = extract_error_text(error.body) or error.response.text or f"status {error.status_code}"
    if error.status_code == TOO_LARGE_STATUS:
        return TooLargeError("refused", said)
    if error.status_code >= 500:
        return BilledError("failed", f"status {error.status_code}: {said}")
    return ServerError(classify_error(error.status_code, error.body), said, parse_wait(error.response.headers))


def _collect_text(events: Iterator[Any], count_lines: Callable[[int], None]) -> str:
    """Return the text of a stream of events. Raises BilledError unless the answer is complete."""

    async def iterate_events() -> AsyncIterator[Any]:
        for event in events:
            yield event

    async def read_stream() -> tuple[str, ResponseStreamOutcome]:
        return await parse_responses_stream(iterate_events(), _TextParser(count_lines)).final_result()

    try:
        text, outcome = _run_here(read_stream)
    except ResponsesStreamRefusalError as error:
        raise BilledError("filter", str(error)) from None
    except ResponsesStreamFailedError as error:
        raise BilledError("failed", str(error)) from None
    except ResponsesStreamError as error:
        raise BilledError("failed", f"the answer breaks off ({error.__cause__ or error})") from None
    if outcome.status == "incomplete":
        raise BilledError("failed", f"the answer breaks off ({outcome.detail or outcome.reason})")
    return text


def _run_here(coroutine: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
    """Return what a coroutine returns, in a thread of its own if this one runs an event loop, as in a notebook."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine())
    with ThreadPoolExecutor(1, "answer") as thread:
        return thread.submit(lambda: asyncio.run(coroutine())).result()
