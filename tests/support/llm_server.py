"""A server on the loopback address that speaks the OpenAI and the Ollama protocol, and misbehaves on request."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from typing import Any

import pytest

Body = dict[str, Any]
SOON = {"Retry-After": "0.01"}
TOKENS = (100, 10)
"""What each answer says that it took: prompt and completion tokens."""


@dataclass(frozen=True)
class Reply:
    """What to send back: a status, headers, and either data or the very bytes."""

    status: int = 200
    data: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    cut: bool = False
    """Close the connection in the middle of the body."""
    reset: bool = False
    """Reset the connection instead of answering."""
    silent: bool = False
    """Say nothing until the server stops."""
    trickle: bool = False
    """Send the body byte by byte, without an end."""
    finish: str = "stop"
    refusal: str | None = None


@dataclass(frozen=True)
class Asked:
    """One request as it came; the names of headers in small letters."""

    path: str
    headers: dict[str, str]
    body: Body


def busy(status: int = 503) -> Reply:
    return Reply(status, {"error": {"message": "busy"}}, headers=SOON)


def refused(parameter: str, status: int = 400) -> Reply:
    """Refuse a parameter of the request by its name."""
    return Reply(status, {"error": {"message": f"Unsupported parameter: {parameter}", "param": parameter}})


HTML = Reply(raw=b"<html>Sign in</html>", headers={"Content-Type": "text/html", **SOON})
INVALID = Reply(raw=b'{"choices": [', headers=SOON)
CUT = Reply(cut=True, headers=SOON)
RESET = Reply(reset=True)
SILENT = Reply(silent=True)
TRICKLE = Reply(trickle=True)
TRICKLED_CHUNK = Reply(trickle=True, headers={"Transfer-Encoding": "chunked"})
NO_LIST = Reply(500, {"detail": "no list"})
OUTAGE = Reply(data={"choices": [], "error": {"message": "the provider is down", "code": 502}}, headers=SOON)
EMPTY_CHOICE = Reply(data={"id": "1", "object": "chat.completion", "created": 1, "model": "tiny", "choices": []})


class ChatServer:
    """Answers each question with ``answer(body)``, after whatever stands in ``queue``; keeps what it was asked."""

    def __init__(
        self, answer: Callable[[Body], str], models: list[str] | None = None, key: str = "", wait: float = 0.0
    ) -> None:
        self.answer, self.models, self.key, self.wait = answer, models or ["tiny"], key, wait
        self.queue: list[Reply] = []
        self.asked: list[Asked] = []
        self.sees: bool | None = True
        self.listing: Reply | None = None
        self.moved = ""
        self.lock, self.stopped = Lock(), Event()
        server = self

        class Bound(Handler):
            chat = server

        self.http = Listener(("127.0.0.1", 0), Bound)
        self.root = f"http://127.0.0.1:{self.http.server_port}"
        self.base_url = f"{self.root}/v1"

    @property
    def questions(self) -> list[Body]:
        """The bodies of all chat requests, failed ones too."""
        return [each.body for each in self.asked if each.path in ("/v1/chat/completions", "/api/chat")]

    def reply(self, asked: Asked) -> Reply:
        with self.lock:
            self.asked.append(asked)
        if self.moved:
            return Reply(301, headers={"Location": f"{self.moved}{asked.path}"})
        if asked.path == "/v1/models":
            return self._models(asked)
        if asked.path == "/api/show":
            return self._shown(asked.body)
        if self.key and asked.headers.get("authorization") != f"Bearer {self.key}":
            return self._wrong_key(asked)
        with self.lock:
            planned = self.queue.pop(0) if self.queue else Reply()
        if planned.status != 200 or planned.raw is not None or planned.data is not None:
            return planned
        if asked.body["model"] not in self.models:
            return Reply(404, {"error": {"message": f"model {asked.body['model']!r} not found"}})
        self.stopped.wait(self.wait)
        speak = openai_data if asked.path.startswith("/v1") else ollama_data
        return Reply(**{**vars(planned), "data": speak(asked.body, self.answer(asked.body), planned)})

    def _models(self, asked: Asked) -> Reply:
        if self.listing:
            return self.listing
        if self.key and asked.headers.get("authorization") != f"Bearer {self.key}":
            return self._wrong_key(asked)
        return Reply(data={"object": "list", "data": [{"id": name, "object": "model"} for name in self.models]})

    def _wrong_key(self, asked: Asked) -> Reply:
        given = asked.headers.get("authorization", "").removeprefix("Bearer ")
        return Reply(401, {"error": {"message": f"Incorrect API key provided: {given}", "code": "invalid_api_key"}})

    def _shown(self, body: Body) -> Reply:
        if body["model"] not in self.models:
            return Reply(404, {"error": f"model '{body['model']}' not found"})
        known = {"capabilities": ["completion", "vision"] if self.sees else ["completion"]}
        return Reply(data={"model_info": {}, **(known if self.sees is not None else {})})


class Listener(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Overlook a client that went away."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    chat: ChatServer

    def do_GET(self) -> None:
        self._send(self.chat.reply(Asked(self.path, {name.lower(): value for name, value in self.headers.items()}, {})))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._send(self.chat.reply(Asked(self.path, {name.lower(): value for name, value in self.headers.items()}, body)))

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing."""

    def _send(self, reply: Reply) -> None:
        if reply.silent:
            self.chat.stopped.wait()
        if reply.reset or reply.silent:
            self._reset()
            return
        content = json.dumps(reply.data).encode() if reply.raw is None else reply.raw
        self.send_response(reply.status)
        headers = {
            "Content-Type": "application/json",
            "Content-Length": str(len(content) + 10**6 * reply.trickle),
            **reply.headers,
        }
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        while reply.trickle and not self.chat.stopped.wait(0.05):
            self.wfile.write(b" ")
        self.wfile.write(content[: len(content) // 2] if reply.cut else content)
        self.close_connection = self.close_connection or reply.cut

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True


def openai_data(body: Body, text: str, reply: Reply) -> Body:
    message = {"role": "assistant", "content": None if reply.refusal else text, "refusal": reply.refusal}
    return {
        "id": "1",
        "object": "chat.completion",
        "created": 1,
        "model": body["model"],
        "choices": [{"index": 0, "message": message, "finish_reason": reply.finish}],
        "usage": {"prompt_tokens": TOKENS[0], "completion_tokens": TOKENS[1], "total_tokens": sum(TOKENS)},
    }


def ollama_data(body: Body, text: str, reply: Reply) -> Body:
    return {
        "model": body["model"],
        "created_at": "2026-01-01T00:00:00Z",
        "message": {"role": "assistant", "content": text},
        "done": True,
        "done_reason": reply.finish,
        "prompt_eval_count": TOKENS[0],
        "eval_count": TOKENS[1],
    }


def text_of(body: Body) -> str:
    """Return all words of a chat request, of either protocol."""
    contents = [message["content"] for message in body["messages"]]
    parts = [content if isinstance(content, list) else [{"text": content}] for content in contents]
    return "\n".join(part.get("text", "") for listed in parts for part in listed)


EMPTY_TEXT = Reply(data=openai_data({"model": "tiny"}, "", Reply()))


@contextmanager
def serving(answer: Callable[[Body], str] | str = "fine", **facts: Any) -> Iterator[ChatServer]:
    """Run a server for the time of a ``with`` block."""
    server = ChatServer(answer if callable(answer) else lambda body: answer, **facts)
    thread = Thread(target=server.http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.stopped.set()
        server.http.shutdown()
        server.http.server_close()
        thread.join()


def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let clients try again at once, load no certificates, which no test needs, and find no key or address of the user's."""
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OLLAMA_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("alref.llm.server_connection.FIRST_WAIT", 0.001)
    monkeypatch.setattr("ssl.SSLContext.load_verify_locations", lambda *places, **more: None)
