from __future__ import annotations

import base64
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from support.llm_server import (
    CUT,
    EMPTY_CHOICE,
    HTML,
    INVALID,
    NO_LIST,
    RESET,
    SILENT,
    TOKENS,
    TRICKLE,
    TRICKLED_CHUNK,
    ChatServer,
    Reply,
    busy,
    refused,
    serving,
    text_of,
)

pytest.importorskip("openai")

from alref.components.options import build_options
from alref.errors import AlrefError, ConfigError, InputError, MissingError
from alref.llm.messages import Message, Question
from alref.testing import ReasonerContract
from alref_openai import GPT4, OpenAI
from support.openai_calls import JPEG, PNG, SCHEMA, ask, ask_once, failed, made

KEY = "sk-secret-0123456789"
pytestmark = pytest.mark.usefixtures("hurried")


def test_an_answer_says_what_it_took(chat_server: ChatServer) -> None:
    answer = ask_once(chat_server)
    assert (answer.text, answer.model, answer.finish_reason, answer.retries) == ("frame 3", "tiny", "stop", 0)
    assert (answer.prompt_tokens, answer.completion_tokens) == TOKENS
    assert answer.seconds > 0
    assert answer.cost is None


def test_what_is_sent(chat_server: ChatServer) -> None:
    reasoner = made(chat_server.base_url, detail="low", max_tokens=99)
    messages = (Message(role="system", text="be brief"), Message(text="which?"), Message(role="assistant", text="hm"))
    reasoner.chat(Question(messages=messages, images=(JPEG, PNG), answer_schema=SCHEMA))
    reasoner.close()
    (body,) = chat_server.questions
    assert (body["model"], body["temperature"], body["seed"], body["max_tokens"]) == ("tiny", 0, 0, 99)
    assert body["response_format"]["json_schema"]["schema"] == SCHEMA
    assert [message["role"] for message in body["messages"]] == ["system", "user", "assistant"]
    words, *pictures = body["messages"][1]["content"]
    assert words == {"type": "text", "text": "which?"}
    kinds = [picture["image_url"]["url"].partition(",")[0] for picture in pictures]
    assert kinds == ["data:image/jpeg;base64", "data:image/png;base64"]
    assert [base64.b64decode(picture["image_url"]["url"].partition(",")[2]) for picture in pictures] == [JPEG, PNG]
    assert {picture["image_url"]["detail"] for picture in pictures} == {"low"}


def test_no_maximum_length_is_sent_where_there_is_none(chat_server: ChatServer) -> None:
    reasoner = made(chat_server.base_url, max_tokens=None)
    ask(reasoner)
    reasoner.close()
    (body,) = chat_server.questions
    assert not {"max_tokens", "max_completion_tokens"} & body.keys()


@pytest.mark.parametrize("parameter", ["temperature", "seed", "max_tokens", "response_format"])
def test_a_parameter_that_the_server_refuses_is_left_out_for_good(chat_server: ChatServer, parameter: str) -> None:
    chat_server.queue.append(refused(parameter))
    reasoner = made(chat_server.base_url)
    assert [ask(reasoner, answer_schema=SCHEMA).text for _ in range(2)] == ["frame 3", "frame 3"]
    reasoner.close()
    assert [parameter in body for body in chat_server.questions] == [True, False, False]
    if parameter == "max_tokens":
        assert chat_server.questions[-1]["max_completion_tokens"] == 2048


def test_a_server_that_does_not_explain_itself_gets_no_schema(chat_server: ChatServer) -> None:
    chat_server.queue += [Reply(400, {"error": {"message": "bad request"}})] * 2
    assert ask_once(chat_server).text == "frame 3"
    assert ["chat_template_kwargs" in body for body in chat_server.questions] == [True, False, False]
    assert ["response_format" in body for body in chat_server.questions] == [True, True, False]


def test_a_question_that_is_refused_whatever_is_left_out_keeps_the_schema_for_others(chat_server: ChatServer) -> None:
    too_large = Reply(413, {"error": {"message": "image too large"}})
    chat_server.queue += [Reply(400, {"error": {"message": "a bad image"}})] * 3 + [too_large]
    reasoner = made(chat_server.base_url)
    for _ in range(2):
        with pytest.raises(InputError, match="image"):
            ask(reasoner, images=(JPEG,), answer_schema=SCHEMA)
    ask(reasoner, answer_schema=SCHEMA)
    reasoner.close()
    assert "response_format" in chat_server.questions[-1]


@pytest.mark.parametrize(
    ("reply", "finish", "text"),
    [
        (Reply(refusal="I cannot help"), "refusal", "I cannot help"),
        (Reply(finish="content_filter"), "filter", "frame 3"),
        (Reply(400, {"error": {"message": "filtered", "code": "content_filter"}}), "filter", ""),
        (Reply(finish="length"), "length", "frame 3"),
    ],
)
def test_not_every_answer_is_an_answer(chat_server: ChatServer, reply: Reply, finish: str, text: str) -> None:
    chat_server.queue.append(reply)
    answer = ask_once(chat_server)
    assert (answer.finish_reason, answer.text) == (finish, text)
    assert len(chat_server.questions) == 1


FAULTS = [busy(429), busy(500), busy(503), EMPTY_CHOICE, HTML, INVALID, CUT, RESET, SILENT, TRICKLE, TRICKLED_CHUNK]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_tried_again(chat_server: ChatServer, fault: Reply) -> None:
    chat_server.queue.append(fault)
    answer = ask_once(chat_server, timeout=1)
    assert (answer.text, answer.retries) == ("frame 3", 1)
    assert len(chat_server.questions) == 2


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (busy(429), "requests_per_minute"),
        (busy(500), "busy"),
        (HTML, "Sign in"),
        (INVALID, "no usable answer"),
        (CUT, "connection"),
        (RESET, "connection"),
        (SILENT, "within 1 s"),
        (Reply(data={"hello": 1}), "no usable answer"),
    ],
)
def test_a_fault_that_stays_is_one_clear_error(chat_server: ChatServer, fault: Reply, said: str) -> None:
    chat_server.queue += [fault] * 3
    message = failed(chat_server, MissingError, timeout=1)
    assert said in message
    assert chat_server.base_url in message
    assert len(message.splitlines()) == 1


def test_the_wait_that_a_server_asks_for_is_kept(chat_server: ChatServer, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr("alref.llm.server_connection.sleep", waits.append)
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    chat_server.queue += [Reply(429, {}, headers={"Retry-After": "7"}), Reply(503, {}), Reply(503, {}, {"Retry-After": later})]
    assert ask_once(chat_server, retries=3).retries == 3
    assert waits[0] == 7
    assert 0 < waits[1] < 1
    assert 50 < waits[2] <= 60


def test_a_long_wait_is_not_sat_through(chat_server: ChatServer) -> None:
    chat_server.queue.append(Reply(429, {"error": {"message": "quota"}}, headers={"Retry-After": "3600"}))
    assert "quota" in failed(chat_server, MissingError)
    assert len(chat_server.questions) == 1


def test_the_only_model_of_a_server_is_asked_unless_named() -> None:
    with serving(models=["one"]) as server:
        assert problems(base_url=server.base_url) == []
        assert ask_once(server, model=None).model == "one"
    with serving(models=["one", "two"]) as server:
        assert ask_once(server, model="two").model == "two"
        assert "one, two" in problems(base_url=server.base_url)[0]
        assert "'three'" in problems(base_url=server.base_url, model="three")[0]
        assert problems(base_url=server.base_url, model="/models/three") == []


def test_a_server_without_a_list_of_models_is_asked_by_name(chat_server: ChatServer) -> None:
    chat_server.listing = NO_LIST
    assert problems(base_url=chat_server.base_url, model="tiny") == []
    assert "-o reasoner.model=NAME" in problems(base_url=chat_server.base_url)[0]
    assert ask_once(chat_server, model="tiny").text == "frame 3"
    assert "not found" in failed(chat_server, MissingError, model="other")


@pytest.mark.parametrize("status", [200, 404, 502])
def test_a_web_page_is_no_server(chat_server: ChatServer, status: int) -> None:
    chat_server.listing = Reply(status, raw=b"<html>Hello</html>", headers={"Content-Type": "text/html; charset=utf-8"})
    assert "/v1" in problems(base_url=chat_server.base_url, model="tiny")[0]


def test_a_server_that_is_silent_is_not_waited_for(chat_server: ChatServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alref_openai.server.LIST_TIMEOUT", 0.1)
    chat_server.listing = SILENT
    assert chat_server.base_url in problems(base_url=chat_server.base_url, model="tiny")[0]
    assert len(chat_server.asked) == 1


def problems(**given: Any) -> list[str]:
    found = OpenAI(build_options(OpenAI.Options, given, "reasoner")).problems()
    return [str(problem.assign_slot("reasoner")) for problem in found]


def test_problems_are_known_before_any_work(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "export OPENAI_API_KEY" in problems()[0]
    assert "export MY_KEY" in problems(key_variable="MY_KEY")[0]
    assert "export OPENAI_API_KEY" in GPT4(GPT4.Options()).problems()[0].hint
    with serving(key=KEY, models=["gpt-4o:x"]) as server:
        assert "export OPENAI_API_KEY" in problems(base_url=server.base_url)[0]
        monkeypatch.setenv("OPENAI_API_KEY", "wrong")
        assert "OPENAI_API_KEY" in problems(base_url=server.base_url)[0]
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        assert problems(base_url=server.base_url) == problems(base_url=server.base_url, model="gpt-4o") == []
        assert "'gpt-5'" in problems(base_url=server.base_url, model="gpt-5")[0]
        assert server.questions == []
    assert server.base_url in problems(base_url=server.base_url)[0]


def test_a_key_that_cannot_be_one_is_named_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", f"{KEY}\nmore")
    (problem,) = problems()
    assert "OPENAI_API_KEY" in problem
    assert KEY not in problem


@pytest.mark.parametrize(
    "text", ["127.0.0.1:8000", "ftp://host/v1", "http://", "http://me:secret@host/v1", "http://host/v1?key=1"]
)
def test_an_address_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"base_url: .*https?://"):
        build_options(OpenAI.Options, {"base_url": text}, "reasoner")


def test_the_address_is_the_same_with_and_without_a_slash() -> None:
    assert build_options(OpenAI.Options, {"base_url": "http://host/v1/"}, "r") == build_options(
        OpenAI.Options, {"base_url": "http://host/v1"}, "r"
    )


@pytest.mark.parametrize("code", [401, 403, 404, 429, 500, 400])
def test_the_key_is_in_no_error_and_no_log(
    code: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    caplog.set_level(logging.DEBUG)
    with serving(key=KEY) as server:
        server.queue += [Reply(code, {"error": {"message": f"what is {KEY}?"}}, headers={"Retry-After": "0.01"})] * 3
        reasoner = made(server.base_url)
        with pytest.raises(AlrefError) as caught:
            ask(reasoner)
        assert server.asked[-1].headers["authorization"] == f"Bearer {KEY}"
        shown = [repr(reasoner), repr(reasoner.options), reasoner.options.model_dump_json(), str(caught.value), caplog.text]
        reasoner.close()
    assert caught.value.__suppress_context__
    assert all(KEY not in text for text in [*shown, *capsys.readouterr()])


@pytest.mark.parametrize(
    ("given", "option"),
    [({"input_price": 1.0}, "output_price"), ({"key_variable": "sk-1-2"}, "key_variable"), ({"max_cost": 0}, "max_cost")],
)
def test_options_that_make_no_sense_are_refused(given: dict[str, Any], option: str) -> None:
    with pytest.raises(ConfigError, match=option):
        build_options(OpenAI.Options, given, "reasoner")


def test_a_replay_needs_no_more_than_the_name_of_the_model(tmp_path: Path) -> None:
    assert problems(replay=tmp_path, model="tiny") == []
    assert "-o reasoner.model=NAME" in problems(replay=tmp_path)[0]


def test_a_wrong_key_that_is_found_late(chat_server: ChatServer) -> None:
    chat_server.queue.append(Reply(401, {"error": {"message": "no"}}))
    assert "export OPENAI_API_KEY" in failed(chat_server, MissingError)


def test_a_server_that_went_away_before_it_named_its_model(chat_server: ChatServer) -> None:
    chat_server.listing = NO_LIST
    assert "-o reasoner.model=NAME" in failed(chat_server, MissingError, model=None)


def test_many_threads_share_one_connection() -> None:
    with serving(text_of) as server:
        reasoner = made(server.base_url)
        answers: dict[int, str] = {}

        def work(number: int) -> None:
            answers[number] = ask(reasoner, f"number {number}").text

        threads = [Thread(target=work, args=[number]) for number in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        reasoner.close()
    assert answers == {number: f"number {number}" for number in range(16)}


class TestContract(ReasonerContract):
    @pytest.fixture(autouse=True)
    def _served(self, tmp_path: Path) -> Iterator[None]:
        with serving('{"why": "it is large", "finding": "found", "frame": 1}') as self.server:
            self.store = tmp_path / "answers.sqlite"
            self.made: list[OpenAI] = []
            yield
            for reasoner in self.made:
                reasoner.close()

    def make_component(self) -> OpenAI:
        self.made.append(
            OpenAI(OpenAI.Options(base_url=self.server.base_url, model="tiny", answers=self.store, image_size=224))
        )
        return self.made[-1]
