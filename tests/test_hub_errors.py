"""What the hub refuses, and what stands between: each has one line with what to type."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

pytest.importorskip("huggingface_hub")

import huggingface_hub

from alref.cli import run_command
from alref.errors import MissingError, Problem
from alref.models import hub
from alref.models.weights import Weights

NAME = "someone/tiny"
PASSWORD = "hunter2-secret"
VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "HF_TOKEN", "HF_ENDPOINT")
INVALID = "Invalid credentials in Authorization header"
HTML = {"Content-Type": "text/html"}


class Gate(BaseHTTPRequestHandler):
    """Answers every request in the same way."""

    reply: tuple[int, dict[str, str], bytes]

    def do_GET(self) -> None:
        status, headers, body = self.reply
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(b"" if self.command == "HEAD" else body)

    def do_HEAD(self) -> None:
        self.do_GET()

    def log_message(self, *given: Any) -> None:
        pass


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[type[Gate]]:
    """Run a server in the place of the hub, with an empty cache and a client that is made anew."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    handler = type("Handler", (Gate,), {"reply": (500, {}, b"")})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setenv("HF_HUB_OFFLINE", "0")
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", address)
        template = address + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda seconds: None)
        huggingface_hub.close_session()
        yield handler
        huggingface_hub.close_session()
        server.shutdown()


def find_problem() -> Problem:
    (problem,) = Weights(NAME).problems()
    assert "\n" not in str(problem)
    return problem


def download() -> Problem:
    with pytest.raises(MissingError) as caught:
        hub.download_files(NAME, None, ["config.json"])
    (problem,) = caught.value.problems
    return problem


@pytest.mark.parametrize("request_once", [find_problem, download])
@pytest.mark.parametrize(
    ("status", "headers", "body", "hint"),
    [
        (401, {"X-Error-Message": INVALID}, b"{}", "hf auth login"),
        (429, {}, b"{}", "wait"),
        (503, {}, b"{}", "later"),
        (200, HTML, b"<html>Sign in</html>", "HF_ENDPOINT"),
        (404, {"X-Error-Code": "RepoNotFound"}, b"{}", "hf auth login"),
    ],
)
def test_what_the_hub_refuses_is_said_with_what_to_do(
    gate: type[Gate], request_once: Any, status: int, headers: dict[str, str], body: bytes, hint: str
) -> None:
    gate.reply = (status, headers, body)
    problem = request_once()
    assert hint in problem.hint
    assert "online" not in problem.hint


def test_a_token_of_the_environment_is_named_and_not_shown(gate: type[Gate], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", PASSWORD)
    gate.reply = (401, {"X-Error-Message": INVALID}, b"{}")
    problem = find_problem()
    assert "HF_TOKEN" in problem.hint
    assert PASSWORD not in str(problem)


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"ALL_PROXY": "http://127.0.0.1:9"}, "ALL_PROXY"),
        ({"HTTP_PROXY": f"http://me:{PASSWORD}@127.0.0.1:9"}, "HTTP_PROXY"),
        ({"ALL_PROXY": "ftp://127.0.0.1"}, "ALL_PROXY"),
        ({"SSL_CERT_FILE": "/no/such/file"}, "SSL_CERT_FILE"),
        pytest.param(
            {"ALL_PROXY": "socks5://127.0.0.1:9"},
            "ALL_PROXY",
            marks=pytest.mark.skipif(find_spec("socksio") is not None, reason="socksio is installed"),
        ),
    ],
)
def test_the_variable_to_blame_is_named(
    gate: type[Gate],
    variables: dict[str, str],
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    problem = find_problem()
    assert expected in problem.message
    assert PASSWORD not in str(problem)
    lone = Weights("small", urls={"small": f"{huggingface_hub.constants.ENDPOINT}/x"}, sha256={"x": "0"})
    assert expected in lone.problems()[0].message
    assert run_command(["models", "--reasoner", "transformers"]) in (0, 5)
    assert "unexpected" not in capsys.readouterr().err
