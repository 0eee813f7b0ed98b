"""A server that fails: the run ends with the right answers or with one clear error, and no answer is paid for twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from alref.cli import run_command
from alref.errors import AlrefError, InputError, MissingError
from alref.llm.answer_store import AnswerStore
from alref.output.run_folder import load_result
from alref.plugins import manager as plugins_module
from alref.records import Reference
from alref.result import Result
from alref.testing import make_moving_square, write_frames
from support.llm_run import QUESTIONS, TEXTS, ServerScript, arguments, asked_about, right, settings
from support.llm_server import (
    CUT,
    EMPTY_TEXT,
    HTML,
    INVALID,
    OUTAGE,
    RESET,
    SILENT,
    Body,
    ChatServer,
    Reply,
    busy,
    hurry,
    serving,
)

pytest.importorskip("openai")

VIDEO = make_moving_square(frames=4, size=(32, 48), side=8)[0]
KEY = "sk-secret-0123456789"
FAULTS = {
    "outage": OUTAGE,
    "429": busy(429),
    "500": busy(500),
    "503": busy(503),
    "cut": CUT,
    "invalid": INVALID,
    "html": HTML,
    "silent": SILENT,
    "reset": RESET,
}
SERVICES = ("openai", "ollama")
CHANGES: dict[str, list[dict[str, Any]]] = {
    "openai": [{"seed": 1}, {"temperature": 1.0}, {"detail": "low"}, {"model": "other"}, {"model": None}],
    "ollama": [{"seed": 1}, {"num_ctx": 4096}],
}


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    hurry(monkeypatch)


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with serving(right) as server:
        yield server


@pytest.fixture
def store(tmp_path: Path) -> AnswerStore:
    return AnswerStore(tmp_path / "answers.sqlite")


def run(server: ChatServer, service: str, store: AnswerStore, fault: str = "", **given: Any) -> Result:
    """Run with one retry; only a server that falls silent is waited for in vain, and a busy machine may answer late."""
    values = settings(server, service, store.path, timeout=1 if fault == "silent" else 60, retries=1, **given)
    references = [Reference(id=text, text=text) for text in TEXTS]
    with ServerScript().pipeline(reasoner=values) as pipeline:
        return pipeline.run(VIDEO, references)


def kept(store: AnswerStore) -> int:
    count = store.get_info().count
    store.close()
    return count


def assert_right(result: Result, fallbacks: int = 0) -> None:
    assert [box.xyxy.tolist() for box in result.boxes if box.xyxy is not None][fallbacks:] == [[20, 4, 40, 24]] * (
        len(TEXTS) - fallbacks
    )
    assert [pivot.frame for pivot in result.pivots] == [1] * len(TEXTS)


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_passes_changes_no_answer(server: ChatServer, store: AnswerStore, service: str, fault: str) -> None:
    server.queue += [Reply(), FAULTS[fault]]
    result = run(server, service, store, fault)
    assert_right(result)
    assert {record.source for record in [*result.pivots, *result.boxes]} == {"model"}
    assert len(server.questions) == QUESTIONS + 1
    assert kept(store) == QUESTIONS


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_stays_loses_no_answer(server: ChatServer, store: AnswerStore, service: str, fault: str) -> None:
    server.queue += [Reply(), Reply(), FAULTS[fault], FAULTS[fault]]
    with pytest.raises(MissingError) as caught:
        run(server, service, store, fault)
    assert server.root in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert kept(store) == 2
    server.asked.clear()
    assert_right(run(server, service, store))
    assert len(server.questions) == QUESTIONS - 2


def test_a_run_that_is_done_asks_nothing_again(server: ChatServer, store: AnswerStore) -> None:
    for _ in range(2):
        assert_right(run(server, "openai", store))
    assert len(server.questions) == QUESTIONS


def test_what_changes_no_answer_asks_nothing_again(server: ChatServer, store: AnswerStore) -> None:
    run(server, "openai", store, model=None)
    run(server, "openai", store, concurrency=3, max_tokens=999, max_cost=9.0, input_price=1.0, output_price=1.0)
    assert len(server.questions) == QUESTIONS


@pytest.mark.parametrize(("service", "given"), [(service, given) for service in SERVICES for given in CHANGES[service]])
def test_what_changes_an_answer_asks_again(server: ChatServer, store: AnswerStore, service: str, given: dict[str, Any]) -> None:
    run(server, service, store)
    server.models = ["other"] if "model" in given else server.models
    run(server, service, store, **given)
    assert len(server.questions) == 2 * QUESTIONS


@pytest.mark.parametrize("reply", [EMPTY_TEXT, Reply(finish="length")])
def test_a_model_that_says_nothing_is_asked_again_and_then_named(server: ChatServer, store: AnswerStore, reply: Reply) -> None:
    server.queue += [*[Reply()] * len(TEXTS), reply, Reply(), Reply(), reply]
    assert_one_fallback(server, store)


@pytest.mark.parametrize("reply", [Reply(refusal="I will not"), Reply(finish="content_filter")])
def test_a_model_that_will_not_answer_is_named_at_once(server: ChatServer, store: AnswerStore, reply: Reply) -> None:
    server.queue += [*[Reply()] * len(TEXTS), reply]
    assert_one_fallback(server, store)


def assert_one_fallback(server: ChatServer, store: AnswerStore) -> None:
    result = run(server, "openai", store)
    assert_right(result, fallbacks=1)
    assert [box.source for box in result.boxes] == ["fallback", "model", "model"]
    assert kept(store) == QUESTIONS - 1
    server.asked.clear()
    assert_right(run(server, "openai", store))
    assert len(server.questions) == 1


def test_a_question_that_fails_takes_none_with_it(server: ChatServer, store: AnswerStore) -> None:
    together, met = Barrier(len(TEXTS)), set[str]()

    def but_for_the_cat(body: Body) -> str:
        text = asked_about(body)
        if text not in met:
            met.add(text)
            together.wait()
        if text == "the cat":
            raise ConnectionAbortedError
        return right(body)

    server.answer = but_for_the_cat
    with pytest.raises(MissingError):
        run(server, "openai", store, concurrency=8)
    assert kept(store) == len(TEXTS) - 1
    server.answer = right
    server.asked.clear()
    assert_right(run(server, "openai", store, concurrency=8))
    assert len(server.questions) == QUESTIONS - (len(TEXTS) - 1)


def test_a_question_that_is_refused_says_so(server: ChatServer, store: AnswerStore) -> None:
    server.queue += [Reply(413, {"error": {"message": "image too large for this model"}})]
    with pytest.raises(InputError, match="image too large for this model"):
        run(server, "openai", store)


def test_money_stops_before_it_is_passed_and_the_same_run_goes_on(server: ChatServer, store: AnswerStore) -> None:
    prices = {"input_price": 100.0, "output_price": 1000.0, "max_tokens": 16}
    with pytest.raises(AlrefError, match="max_cost") as caught:
        run(server, "openai", store, max_cost=0.28, **prices)
    assert caught.value.exit_code == 4
    first = len(server.questions)
    assert 0 < first < QUESTIONS
    assert kept(store) == first
    assert_right(run(server, "openai", store, max_cost=10.0, **prices))
    assert len(server.questions) == QUESTIONS


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_frames(VIDEO, tmp_path / "clip")


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, clip: Path) -> Callable[[ChatServer, str], int]:
    script = ServerScript()
    monkeypatch.setattr(plugins_module, "entry_points", lambda group: script.entries)

    def called(server: ChatServer, service: str = "openai", *flags: str, **given: Any) -> int:
        values = settings(server, service, tmp_path / "answers.sqlite", retries=0, **given)
        return run_command([*arguments(clip, tmp_path / "out", values), *flags])

    return called


def test_the_same_command_with_more_money_goes_on(command: Callable[..., int], server: ChatServer) -> None:
    prices = {"input_price": 100.0, "output_price": 1000.0, "max_tokens": 16}
    assert command(server, max_cost=0.28, **prices) == 4
    assert command(server, "openai", "--force", max_cost=10.0, **prices) == 0
    assert len(server.questions) == QUESTIONS


def test_the_key_is_in_no_file_that_a_run_leaves(
    command: Callable[..., int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    with serving(right, key=KEY) as server:
        server.queue += [Reply(), Reply(401, {"error": {"message": f"{KEY} expired"}})]
        assert command(server, key_variable="MY_KEY") == 5
        assert command(server, key_variable="MY_KEY") == 0
        assert {each.headers["authorization"] for each in server.asked} == {f"Bearer {KEY}"}
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {"run.yaml", "trace.jsonl", "answers.sqlite", "result.json", "report.html"} <= {path.name for path in files}
    assert [path for path in files if KEY.encode() in path.read_bytes()] == []
    assert all(KEY not in text for text in capfd.readouterr())


@pytest.mark.parametrize(
    ("service", "given", "said"),
    [
        ("openai", {"model": "other"}, "no model 'other'"),
        ("openai", {"base_url": "http://127.0.0.1:9/v1"}, "http://127.0.0.1:9/v1"),
        ("openai", {"base_url": "https://api.openai.com/v1"}, "export OPENAI_API_KEY"),
        ("ollama", {"model": "other"}, "ollama pull other"),
        ("ollama", {"host": "127.0.0.1:9"}, "ollama serve"),
    ],
)
def test_what_is_missing_is_said_before_anything_is_read_or_written(
    command: Callable[..., int],
    server: ChatServer,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    service: str,
    given: dict[str, Any],
    said: str,
) -> None:
    assert command(server, service, **given) == 5
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error
    assert not (tmp_path / "out").exists()
    assert server.questions == []


@pytest.mark.parametrize("service", SERVICES)
def test_an_outage_inside_a_success_leaves_nothing_that_looks_done(
    command: Callable[..., int], server: ChatServer, tmp_path: Path, capsys: pytest.CaptureFixture[str], service: str
) -> None:
    server.queue += [OUTAGE] * 20
    assert command(server, service) == 5
    assert "the provider is down" in capsys.readouterr().err
    assert len(server.questions) == 1
    assert not list(tmp_path.rglob("result.json"))
    server.queue.clear()
    assert command(server, service) == 0
    assert_right(load_result(tmp_path / "out"))


def test_a_run_is_replayed_without_a_server_and_without_a_key(
    command: Callable[..., int], monkeypatch: pytest.MonkeyPatch, clip: Path, tmp_path: Path
) -> None:
    with serving(right, key=KEY) as server:
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        assert command(server) == 0
    monkeypatch.delenv("OPENAI_API_KEY")
    values = settings(server, "openai", tmp_path / "other.sqlite")
    again = arguments(clip, tmp_path / "again", values)
    assert run_command([*again, f"--replay={tmp_path / 'out'}"]) == 0
    assert_right(load_result(tmp_path / "again"))


@pytest.mark.parametrize(("service", "last"), [("openai", 4), ("ollama", 6)])
def test_a_run_that_is_killed_goes_on_where_it_was(
    tmp_path: Path, clip: Path, store: AnswerStore, command: Callable[..., int], service: str, last: int
) -> None:
    """The server kills the run when the question number ``last`` comes."""
    killed: list[subprocess.Popen[bytes]] = []

    def deadly(body: Body) -> str:
        if len(server.questions) == last:
            os.kill(killed[0].pid, signal.SIGKILL)
        return right(body)

    with serving(deadly) as server:
        values = settings(server, service, store.path, retries=0)
        driver = [sys.executable, "-m", "support.llm_run", *arguments(clip, tmp_path / "out", values)]
        killed.append(subprocess.Popen(driver))
        assert killed[0].wait() == -signal.SIGKILL
        assert kept(store) == last - 1
        server.answer = right
        server.asked.clear()
        assert command(server, service) == 0
        assert len(server.questions) == QUESTIONS - (last - 1)
    assert_right(load_result(tmp_path / "out"))
