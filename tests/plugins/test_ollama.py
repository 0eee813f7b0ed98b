from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.llm_server import CUT, HTML, INVALID, RESET, SILENT, TOKENS, ChatServer, Reply, busy, serving

pytest.importorskip("openai")

from alref.components.options import build_options
from alref.errors import AlrefError, InputError, MissingError
from alref.llm.messages import Answer, Message, Question
from alref.testing import ReasonerContract
from alref_ollama import Ollama

SCHEMA = {"type": "object", "properties": {"frame": {"type": "integer"}}, "required": ["frame"]}
pytestmark = pytest.mark.usefixtures("hurried")


def made(server: ChatServer, **given: Any) -> Ollama:
    values = {"host": server.root, "model": "tiny", "retries": 2, **given}
    return Ollama(build_options(Ollama.Options, values, "reasoner"))


def ask_once(server: ChatServer, **given: Any) -> Answer:
    reasoner = made(server, **given)
    reasoner.load()
    try:
        return reasoner.chat(Question(messages=(Message(text="Which frame?"),), answer_schema=SCHEMA))
    finally:
        reasoner.close()


def failed(server: ChatServer, kind: type[AlrefError], **given: Any) -> str:
    with pytest.raises(kind) as caught:
        ask_once(server, **given)
    return str(caught.value)


def test_an_answer_says_what_it_took(chat_server: ChatServer) -> None:
    answer = ask_once(chat_server)
    assert (answer.text, answer.model, answer.finish_reason, answer.retries, answer.cost) == ("frame 3", "tiny", "stop", 0, 0.0)
    assert (answer.prompt_tokens, answer.completion_tokens) == TOKENS
    assert answer.seconds > 0


def test_what_is_sent(chat_server: ChatServer) -> None:
    reasoner = made(chat_server, keep_alive="-1", num_ctx=4096, max_tokens=99)
    reasoner.load()
    messages = (Message(role="system", text="be brief"), Message(text="which?"), Message(role="assistant", text="hm"))
    reasoner.chat(Question(messages=messages, images=(b"one", b"two"), answer_schema=SCHEMA))
    reasoner.close()
    (body,) = chat_server.questions
    assert (body["model"], body["format"], body["keep_alive"], body["stream"]) == ("tiny", SCHEMA, -1, False)
    assert body["options"] == {"temperature": 0, "seed": 0, "num_ctx": 4096, "num_predict": 99}
    assert [message["role"] for message in body["messages"]] == ["system", "user", "assistant"]
    assert [base64.b64decode(picture) for picture in body["messages"][1]["images"]] == [b"one", b"two"]


def test_an_answer_that_was_cut_short_says_so(chat_server: ChatServer) -> None:
    chat_server.queue.append(Reply(finish="length"))
    assert ask_once(chat_server).finish_reason == "length"


@pytest.mark.parametrize("fault", [busy(429), busy(500), busy(503), HTML, INVALID, CUT, RESET, SILENT])
def test_a_fault_is_tried_again(chat_server: ChatServer, fault: Reply) -> None:
    chat_server.queue.append(fault)
    answer = ask_once(chat_server, timeout=1)
    assert (answer.text, answer.retries) == ("frame 3", 1)
    assert len(chat_server.questions) == 2


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (busy(429), "busy"),
        (HTML, "Sign in"),
        (INVALID, "no usable answer"),
        (CUT, "ollama serve"),
        (RESET, "ollama serve"),
        (SILENT, "within 1 s"),
        (Reply(data={"hello": 1}), "no usable answer"),
    ],
)
def test_a_fault_that_stays_is_one_clear_error(chat_server: ChatServer, fault: Reply, said: str) -> None:
    chat_server.queue += [fault] * 3
    message = failed(chat_server, MissingError, timeout=1)
    assert said in message
    assert chat_server.root in message
    assert len(message.splitlines()) == 1


def test_the_wait_that_a_server_asks_for_is_kept_unless_it_is_too_long(
    chat_server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("alref.llm.server_connection.sleep", waits.append)
    chat_server.queue += [Reply(503, {}, headers={"Retry-After": "7"}), Reply(503, {}, headers={"Retry-After": "soon"})]
    ask_once(chat_server)
    assert waits[0] == 7
    assert 0 < waits[1] < 1
    chat_server.queue.append(Reply(503, {"error": "down"}, headers={"Retry-After": "3600"}))
    assert "down" in failed(chat_server, MissingError)
    assert len(waits) == 2


def test_a_question_that_is_refused_is_not_tried_again(chat_server: ChatServer) -> None:
    chat_server.queue.append(Reply(400, {"error": "picture too large"}))
    assert "picture too large" in failed(chat_server, InputError)
    assert len(chat_server.questions) == 1


def test_a_model_that_went_away_is_to_be_pulled(chat_server: ChatServer) -> None:
    assert "ollama pull other" in failed(chat_server, MissingError, model="other")


def test_problems_are_known_before_any_work(chat_server: ChatServer) -> None:
    assert made(chat_server).problems() == []
    assert "ollama pull other" in made(chat_server, model="other").problems()[0].hint
    chat_server.sees = False
    assert "-o vision=false" in made(chat_server).problems()[0].format_hint()
    assert made(chat_server, vision=False).problems() == []
    chat_server.sees = None
    assert made(chat_server).problems() == []
    assert chat_server.questions == []


def test_a_server_that_does_not_run_is_to_be_started(chat_server: ChatServer) -> None:
    with serving() as stopped:
        pass
    (problem,) = made(stopped).problems()
    assert problem.hint == "ollama serve"
    assert stopped.root in problem.message
    assert "ollama serve" in failed(stopped, MissingError, retries=0)


def test_a_replay_needs_no_server(tmp_path: Any) -> None:
    with serving() as stopped:
        pass
    reasoner = made(stopped, replay=str(tmp_path))
    assert reasoner.problems() == []
    reasoner.load()
    reasoner.close()


@pytest.mark.parametrize(
    ("variable", "host", "expected"),
    [
        ("", None, "http://127.0.0.1:11434"),
        ("box:99", None, "http://box:99"),
        ("box:99", "other", "http://other:11434"),
        ("", ":99", "http://127.0.0.1:99"),
        ("", "[::1]/", "http://[::1]:11434"),
        ("", "https://box/", "https://box"),
    ],
)
def test_where_the_server_is(monkeypatch: pytest.MonkeyPatch, variable: str, host: str | None, expected: str) -> None:
    from alref_ollama.server import resolve_address

    monkeypatch.setenv("OLLAMA_HOST", variable)
    assert resolve_address(Ollama.Options(host=host)) == expected  # type: ignore[call-arg]


class TestContract(ReasonerContract):
    @pytest.fixture(autouse=True)
    def _served(self, tmp_path: Path) -> Iterator[None]:
        with serving('{"why": "it is large", "finding": "found", "frame": 1}') as self.server:
            self.store = tmp_path / "answers.sqlite"
            self.made: list[Ollama] = []
            yield
            for reasoner in self.made:
                reasoner.close()

    def make_component(self) -> Ollama:
        self.made.append(Ollama(Ollama.Options(host=self.server.root, model="tiny", answers=self.store, image_size=224)))
        return self.made[-1]
