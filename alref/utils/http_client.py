"""HTTP clients: without a proxy where none is used, and with responses that end."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress
from threading import Timer
from time import monotonic
from typing import TYPE_CHECKING, Any

from alref.errors import MissingError, Problem, sanitize_line
from alref.utils import network

if TYPE_CHECKING:
    import httpx2

MAX_BYTES = 64 << 20
"""The most bytes of one response that are read."""


def make_client(address: str, timeout: float, **settings: Any) -> httpx2.Client:
    """Return an HTTP client for one address, without a proxy where none is used.

    Raises MissingError if an environment variable keeps a client from being made.
    """
    import httpx2

    try:
        transport = None if network.find_proxy_variable(address) else httpx2.HTTPTransport()
        return httpx2.Client(timeout=timeout, transport=transport, follow_redirects=True, **settings)
    except Exception as error:  # a client reads only the environment, and its library raises errors of five kinds
        raise MissingError(network.explain_environment(error, address)) from error


def open_client(address: str, timeout: float, **settings: Any) -> httpx2.Client:
    """Return an HTTP client for short responses, each of which ends within ``timeout`` seconds. Raises MissingError."""
    import httpx2

    class LimitedStream(httpx2.SyncByteStream):
        """The bytes of a response within a time and a size; a timer ends a read that receives bytes without an end."""

        def __init__(self, response: httpx2.Response) -> None:
            assert isinstance(response.stream, httpx2.SyncByteStream)
            self._stream, self._deadline = response.stream, monotonic() + timeout
            self._late = httpx2.ReadTimeout("the response does not end", request=response.request)
            self._timer = Timer(timeout, _shut_connection, [response.extensions.get("network_stream")])
            self._timer.daemon = True

        def __iter__(self) -> Iterator[bytes]:
            size = 0
            self._timer.start()
            try:
                for block in self._stream:
                    size += len(block)
                    if size > MAX_BYTES:
                        raise self._late
                    yield block
            except httpx2.TransportError as error:
                raise (self._late if monotonic() > self._deadline else error) from None
            finally:
                self._timer.cancel()
            if monotonic() > self._deadline:
                raise self._late

        def close(self) -> None:
            self._stream.close()

    def read_response(response: httpx2.Response) -> None:
        response.stream = LimitedStream(response)
        response.read()
        check_redirect(response)

    return make_client(address, timeout, base_url=address, event_hooks={"response": [read_response]}, **settings)


def _shut_connection(stream: Any) -> None:
    """End the reads of a connection, in all threads."""
    connection = stream.get_extra_info("socket") if stream is not None else None
    if connection is not None:
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)


def check_redirect(response: httpx2.Response) -> None:
    """Raise MissingError for a redirect to another server: a question would arrive there without its words or its key."""
    import httpx2

    if not response.has_redirect_location:
        return
    url = response.request.url
    try:
        target = url.join(response.headers["location"])
    except httpx2.InvalidURL as error:
        raise httpx2.RemoteProtocolError(f"a redirect to nowhere: {error}", request=response.request) from None
    if (url.scheme, url.netloc) != (target.scheme, target.netloc):
        message = sanitize_line(f"{url} redirects to {target}, and a question does not follow")
        raise MissingError(Problem(message=message, hint="name the new address"))
