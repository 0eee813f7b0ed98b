"""An S3-compatible server on the loopback address, which refuses, delays or cuts requests when a test says so."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock, Thread
from time import sleep
from typing import Any

import pytest
from moto.backends import get_backend
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

BUSY = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
BROKEN = b"<Error><Code>InternalError</Code><Message>We encountered an internal error.</Message></Error>"
CONFLICT = b"<Error><Code>ConditionalRequestConflict</Code><Message>A conflicting operation occurred.</Message></Error>"
REPLIES = {
    "busy": ("503 Slow Down", BUSY),
    "broken": ("500 Internal Server Error", BROKEN),
    "conflict": ("409 Conflict", CONFLICT),
}


@dataclass
class S3Server:
    """The server: ``queue`` holds what the next requests get instead of an answer, ``asked`` the method and path of each."""

    address: str = ""
    queue: deque[str] = field(default_factory=deque)
    asked: list[tuple[str, str]] = field(default_factory=list)
    delay: float = 0.0
    methods: tuple[str, ...] = ("PUT", "GET", "POST", "DELETE", "HEAD")
    lock: Lock = field(default_factory=Lock)

    def refuse(self, environ: dict[str, Any]) -> tuple[str, bytes] | None:
        with self.lock:
            self.asked.append((environ["REQUEST_METHOD"], environ["PATH_INFO"]))
            if not self.queue or environ["REQUEST_METHOD"] not in self.methods:
                return None
            return REPLIES[self.queue.popleft()]

    def make_app(self) -> Callable[..., Iterable[bytes]]:
        inner = DomainDispatcherApplication(create_backend_app)

        def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            sleep(self.delay)
            refused = self.refuse(environ)
            if refused is None:
                found: Iterable[bytes] = inner(environ, start_response)
                return found
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            start_response(refused[0], [("Content-Type", "application/xml"), ("Content-Length", str(len(refused[1])))])
            return [refused[1]]

        return answer


class QuietHandler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, type: str, message: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def run_s3_server(monkeypatch: pytest.MonkeyPatch, bucket: str = "bucket") -> Iterator[S3Server]:
    """Run a server with one bucket, which fsspec finds by the environment as users set it."""
    import boto3
    import s3fs

    get_backend("s3").reset()
    served = S3Server()
    http = make_server("127.0.0.1", 0, served.make_app(), threaded=True, request_handler=QuietHandler)
    served.address = f"http://127.0.0.1:{http.server_port}"
    thread = Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    for name, value in {
        "AWS_ACCESS_KEY_ID": "loopback",
        "AWS_SECRET_ACCESS_KEY": "loopback",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL_S3": served.address,
        "AWS_MAX_ATTEMPTS": "1",
        "NO_PROXY": "127.0.0.1",
    }.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    client = boto3.client("s3", endpoint_url=served.address)
    client.create_bucket(Bucket=bucket)
    client.close()
    served.asked.clear()
    try:
        yield served
    finally:
        s3fs.S3FileSystem.clear_instance_cache()
        http.shutdown()
        http.server_close()
        thread.join()
