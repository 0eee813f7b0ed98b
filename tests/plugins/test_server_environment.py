"""What environment variables do to a connection: the one to blame is named, and no password is shown."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("openai")

from alref.cli import run_command
from alref.components.options import build_options
from alref.errors import ConfigError, MissingError, Problem
from alref.llm.messages import Message, Question
from alref.llm.reasoner import ChatReasoner
from alref.plugins import manager as plugins_module
from alref.testing import make_moving_square, write_frames
from alref_ollama import Ollama
from alref_openai import GPT4, OpenAI
from support.llm_run import ServerScript, arguments, right, settings
from support.llm_server import ChatServer, serving

VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")
CLOSED = "127.0.0.1:9"
"""A place where nothing listens."""
PASSWORD = "hunter2-secret"
REASONERS: list[type[ChatReasoner]] = [OpenAI, Ollama]


@pytest.fixture
def chat_server() -> Iterator[ChatServer]:
    with serving(right) as server:
        yield server


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*VARIABLES, "OPENAI_API_KEY", "OPENAI_BASE_URL", "OLLAMA_HOST", "OLLAMA_API_KEY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def make(cls: type[ChatReasoner], server: ChatServer, **given: Any) -> ChatReasoner:
    place = {"base_url": server.base_url} if cls is OpenAI else {"host": server.root}
    return cls(build_options(cls.Options, {"model": "tiny", "retries": 0, **place, **given}, "reasoner"))


def find_problem(reasoner: ChatReasoner) -> Problem:
    (problem,) = reasoner.problems()
    return problem


@pytest.mark.parametrize("cls", REASONERS)
@pytest.mark.parametrize(
    ("variables", "hint"),
    [
        ({"ALL_PROXY": f"http://{CLOSED}"}, "export NO_PROXY=127.0.0.1"),
        ({"HTTP_PROXY": f"http://me:{PASSWORD}@{CLOSED}"}, "export NO_PROXY=127.0.0.1"),
        ({"http_proxy": CLOSED}, "export NO_PROXY=127.0.0.1"),
        ({"HTTP_PROXY": "http://127.0.0.1:port"}, "http://HOST:PORT"),
        ({"ALL_PROXY": "ftp://127.0.0.1"}, "http://HOST:PORT"),
        ({"SSL_CERT_FILE": "/no/such/file"}, "unset"),
        ({"SSL_CERT_FILE": __file__}, "unset"),
    ],
)
def test_the_variable_to_blame_is_named(
    chat_server: ChatServer, cls: type[ChatReasoner], variables: dict[str, str], hint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    problem = find_problem(make(cls, chat_server))
    assert next(iter(variables)) in problem.message
    assert hint in problem.hint
    assert PASSWORD not in str(problem)
    assert chat_server.asked == []


@pytest.mark.parametrize("cls", REASONERS)
@pytest.mark.skipif(find_spec("socksio") is not None, reason="socksio is installed")
def test_a_socks_proxy_needs_an_extra_or_no_proxy(
    chat_server: ChatServer, cls: type[ChatReasoner], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", f"socks5://{CLOSED}")
    problem = find_problem(make(cls, chat_server))
    assert "ALL_PROXY" in problem.message
    assert "httpx2[socks]" in problem.hint
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert make(cls, chat_server).problems() == []


@pytest.mark.parametrize("cls", REASONERS)
@pytest.mark.parametrize("entry", ["[::1],127.0.0.1", "127.0.0.0/8", "*", "127.0.0.1:8000", "[::1]:80,[fe80::,127.0.0.1"])
def test_a_server_that_no_proxy_names_is_asked_without_a_proxy(
    chat_server: ChatServer, cls: type[ChatReasoner], entry: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", entry)
    monkeypatch.setenv("ALL_PROXY", f"socks5://{CLOSED}")
    assert make(cls, chat_server).problems() == []


@pytest.mark.parametrize("cls", REASONERS)
def test_an_ipv6_address_in_no_proxy_does_no_harm(
    chat_server: ChatServer, cls: type[ChatReasoner], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "[::1],localhost")
    assert make(cls, chat_server).problems() == []


def test_a_server_is_started_only_where_it_can_be(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as stopped:
        pass
    assert "start it" in find_problem(make(OpenAI, stopped)).hint
    monkeypatch.setenv("OPENAI_API_KEY", "key")
    hosted = OpenAI(build_options(OpenAI.Options, {"base_url": "https://no-such-host.invalid/v1"}, "reasoner"))
    assert "network" in find_problem(hosted).hint


def test_the_address_of_a_gateway_is_taken_from_the_environment(
    chat_server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", f"{chat_server.base_url}/")
    chat_server.models = ["gpt-4o"]
    for cls in (OpenAI, GPT4):
        reasoner = cls(build_options(cls.Options, {}, "reasoner"))
        assert reasoner.options.base_url == chat_server.base_url
        assert reasoner.problems() == []
    given = build_options(OpenAI.Options, {"base_url": "http://host/v1"}, "reasoner")
    assert given.base_url == "http://host/v1"


@pytest.mark.parametrize("value", [f"http://me:{PASSWORD}@host/v1", "host:99/v1", "http://host:port/v1", "http://[::1/v1"])
def test_an_address_in_the_environment_that_cannot_be_used_is_a_problem_only_for_who_needs_it(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", value)
    monkeypatch.setenv("OPENAI_API_KEY", "key")
    problem = find_problem(OpenAI(build_options(OpenAI.Options, {}, "reasoner")))
    assert problem.option == "base_url"
    assert "OPENAI_BASE_URL" in problem.message
    assert PASSWORD not in str(problem)


def test_a_host_in_the_environment_that_cannot_be_used_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_HOST", f"http://me:{PASSWORD}@host:port")
    problem = find_problem(Ollama(build_options(Ollama.Options, {}, "reasoner")))
    assert problem.option == "host"
    assert "OLLAMA_HOST" in problem.message
    assert PASSWORD not in str(problem)


@pytest.mark.parametrize(("cls", "option"), [(OpenAI, "base_url"), (Ollama, "host")])
@pytest.mark.parametrize(
    "address", [f"http://me:{PASSWORD}@host/v1", f"https://{PASSWORD}@host", f"http://a:b@{PASSWORD}@host"]
)
def test_a_password_in_an_option_is_refused_and_not_shown(cls: type[ChatReasoner], option: str, address: str) -> None:
    with pytest.raises(ConfigError, match=option) as caught:
        build_options(cls.Options, {option: address}, "reasoner")
    assert PASSWORD not in str(caught.value)


def test_a_password_of_ollama_is_sent_and_written_nowhere(
    chat_server: ChatServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OLLAMA_HOST", chat_server.root.replace("://", f"://me:{PASSWORD}@"))
    script = ServerScript()
    monkeypatch.setattr(plugins_module, "entry_points", lambda group: script.entries)
    clip = write_frames(make_moving_square(frames=4, size=(32, 48), side=8)[0], tmp_path / "clip")
    asked = settings(chat_server, "ollama", tmp_path / "answers.sqlite")
    del asked["host"]
    assert run_command([*arguments(clip, tmp_path / "out", asked), "-v"]) == 0
    assert all(each.headers["authorization"].startswith("Basic ") for each in chat_server.asked)
    chat_server.http.shutdown()
    chat_server.http.server_close()
    assert run_command([*arguments(clip, tmp_path / "other", asked | {"seed": 1}), "-v"]) == 5
    shown = capfd.readouterr()
    assert PASSWORD not in shown.out + shown.err
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(written) > 5
    assert not [path for path in written if PASSWORD.encode() in path.read_bytes()]


def test_a_proxy_that_goes_away_during_a_run_is_named(chat_server: ChatServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://{CLOSED}")
    for cls in REASONERS:
        reasoner = make(cls, chat_server)
        reasoner.load()
        with pytest.raises(MissingError, match="HTTP_PROXY"):
            reasoner.chat(Question(messages=(Message(text="Which frame?"),)))
        reasoner.close()


@pytest.mark.parametrize("cls", REASONERS)
def test_an_address_that_redirects_is_to_be_replaced(chat_server: ChatServer, cls: type[ChatReasoner]) -> None:
    with serving() as old:
        old.moved = chat_server.root
        assert chat_server.root in find_problem(make(cls, old)).message
        reasoner = make(cls, old)
        reasoner.load()
        with pytest.raises(MissingError, match=chat_server.root):
            reasoner.chat(Question(messages=(Message(text="Which frame?"),)))
        reasoner.close()
    assert chat_server.asked == []


@pytest.mark.parametrize(("cls", "name"), [(OpenAI, "OPENAI_API_KEY"), (Ollama, "OLLAMA_API_KEY")])
def test_a_key_in_two_lines_is_named(
    chat_server: ChatServer, cls: type[ChatReasoner], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, f"{PASSWORD}\n")
    assert make(cls, chat_server).problems() == []
    monkeypatch.setenv(name, f"{PASSWORD}\nmore")
    problem = find_problem(make(cls, chat_server))
    assert name in problem.message
    assert PASSWORD not in str(problem)
