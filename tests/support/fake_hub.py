"""A model hub on the loopback address: enough of the protocol for downloads, with faults on request."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class FakeHub:
    """The models of the hub, its faults, and the requests that it got."""

    address: str
    models: dict[str, dict[str, bytes]] = field(default_factory=dict)
    license: str = "apache-2.0"
    gated: bool = False
    closed: bool = False
    ranges: bool = True
    cuts: list[int] = field(default_factory=list)
    """Numbers of bytes after which the next downloads of weights are cut off."""
    requests: list[str] = field(default_factory=list)
    """Method, path and range of each request."""

    def hold(self, model: str, folder: Path) -> None:
        self.models[model] = {path.name: path.read_bytes() for path in folder.iterdir()}

    def downloads(self, name: str) -> list[str]:
        return [request for request in self.requests if request.startswith("GET") and name in request]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: FakeHub

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self.hub.requests.append(f"{self.command} {self.path} {self.headers.get('Range', '')}".strip())
        path = self.path.partition("?")[0]
        asked = re.fullmatch(r"/api/models/([\w.-]+/[\w.-]+)(/auth-check|/tree/.*|/revision/(.*))?", path)
        file = re.fullmatch(r"/([\w.-]+/[\w.-]+)/resolve/(\w+)/(.+)", path)
        model = (asked or file or [None, "lone/files"])[1]
        if model not in self.hub.models:
            self._refuse(404, "RepoNotFound")
        elif self.hub.gated and self.hub.closed and (file or path.endswith("auth-check")):
            self._refuse(403, "GatedRepo")
        elif ((asked and asked[3]) or (file and file[2]) or "main") not in ("main", COMMIT):
            self._refuse(404, "RevisionNotFound")
        elif asked:
            self._answer_json(self._tree(model) if "/tree/" in path else self._info(model))
        else:
            self._give(model, file[3] if file else path.removeprefix("/"))

    def _info(self, model: str) -> object:
        siblings = [{"rfilename": name, "size": len(data)} for name, data in self.hub.models[model].items()]
        card = {"license": self.hub.license}
        return {
            "id": model,
            "sha": COMMIT,
            "siblings": siblings,
            "gated": "manual" if self.hub.gated else False,
            "cardData": card,
        }

    def _tree(self, model: str) -> object:
        held = self.hub.models[model].items()
        return [{"type": "file", "path": name, "size": len(data), "oid": _etag(data)} for name, data in held]

    def _answer_json(self, value: object) -> None:
        self._begin(200, body := json.dumps(value).encode())
        self.wfile.write(body)

    def _refuse(self, status: int, code: str) -> None:
        self._begin(status, b"", {"X-Error-Code": code})

    def _give(self, model: str, name: str) -> None:
        if name not in self.hub.models[model]:
            return self._refuse(404, "EntryNotFound")
        data = self.hub.models[model][name]
        wanted = self.headers.get("Range") if self.hub.ranges else None
        start = int((wanted or "bytes=0-").removeprefix("bytes=").rstrip("-"))
        if start and start >= len(data):
            return self._refuse(416, "")
        rest = data[start:]
        span = {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"} if start else {}
        self._begin(206 if start else 200, rest, {"ETag": f'"{_etag(data)}"', "X-Repo-Commit": COMMIT, **span})
        if self.command == "GET":
            cut = self.hub.cuts.pop(0) if self.hub.cuts and name.endswith((".safetensors", ".pt")) else len(rest)
            self.close_connection = cut < len(rest)
            self.wfile.write(rest[:cut])
        return None

    def _begin(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *given: object) -> None:
        pass


def _etag(data: bytes) -> str:
    return hashlib.sha1(data).hexdigest()


@contextmanager
def run_fake_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeHub]:
    """Run a hub in place of the real one; its empty cache and ALREF_HOME are in ``tmp_path``."""
    handler = type("Handler", (_Handler,), {})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        handler.hub = FakeHub(f"http://127.0.0.1:{server.server_port}")
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        disable_hub(monkeypatch, tmp_path)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
        monkeypatch.setenv("HF_HUB_OFFLINE", "0")
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", handler.hub.address)
        template = handler.hub.address + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", template)
        yield handler.hub
        server.shutdown()


def disable_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Make the hub unreachable, with an empty cache."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_PROGRESS_BARS", True)
    monkeypatch.setenv("ALREF_HOME", str(tmp_path / "home"))
