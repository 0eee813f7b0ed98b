"""What servers answer: with fields left out, under other names, as a stream, or with an error inside a success."""

from __future__ import annotations

import json
from typing import Any

import pytest

from support.llm_server import SOON, ChatServer, Reply, openai_data, serving

pytest.importorskip("openai")

from alref.components.options import build_options
from alref.errors import AlrefError, InputError, MissingError
from alref.llm.messages import Answer, Message, Question, strip_thoughts
from alref_ollama import Ollama
from support.openai_calls import ask_once

BODY = {"model": "tiny"}
CHOICE = '{"frame": 3}'
pytestmark = pytest.mark.usefixtures("hurried")


def changed(**fields: Any) -> Reply:
    """Return a complete answer with some fields replaced; a field that is ``...`` is left out."""
    data = {**openai_data(BODY, "frame 3", Reply()), **fields}
    return Reply(data={name: value for name, value in data.items() if value is not ...}, headers=SOON)


def with_message(message: Any, finish: str | None = "stop") -> Reply:
    return changed(choices=[{"index": 0, "message": message, "finish_reason": finish}])


@pytest.mark.parametrize(
    ("usage", "prompt", "written"),
    [
        ({"input_tokens": 7, "output_tokens": 2}, 7, 2),
        ({"prompt_tokens": 7.0, "completion_tokens": 2}, 7, 2),
        ({"prompt_tokens": 7, "total_tokens": 9}, 7, None),
        ({"completion_tokens": 2}, None, 2),
        ({"prompt_tokens": "many", "completion_tokens": -1}, None, None),
        ({}, None, None),
        ("none", None, None),
        (None, None, None),
        (..., None, None),
    ],
)
def test_tokens_that_a_server_does_not_count_are_estimated(
    chat_server: ChatServer, usage: Any, prompt: int | None, written: int | None
) -> None:
    chat_server.queue.append(changed(usage=usage))
    answer = ask_once(chat_server, input_price=1.0, output_price=1.0)
    assert answer.text == "frame 3"
    assert answer.estimated == (None in (prompt, written))
    assert answer.prompt_tokens == prompt or (prompt is None and 10 < answer.prompt_tokens < 100)
    assert answer.completion_tokens == written or (written is None and 0 < answer.completion_tokens < 100)
    assert answer.cost == pytest.approx((answer.prompt_tokens + answer.completion_tokens) / 1e6)
    assert len(chat_server.questions) == 1


@pytest.mark.parametrize("left_out", ["id", "object", "created", "model", "usage"])
def test_a_field_that_is_left_out_is_not_missed(chat_server: ChatServer, left_out: str) -> None:
    chat_server.queue.append(changed(**{left_out: ...}))
    assert (ask_once(chat_server).text, ask_once(chat_server).model) == ("frame 3", "tiny")


@pytest.mark.parametrize(
    ("message", "finish", "expected"),
    [
        ({"content": [{"type": "thinking", "thinking": "5?"}, {"type": "text", "text": "frame 3"}]}, "stop", "frame 3"),
        ({"content": ["frame ", {"text": "3"}]}, None, "frame 3"),
        ({"content": "", "reasoning_content": CHOICE}, "stop", CHOICE),
        ({"content": None, "reasoning": CHOICE}, "stop", CHOICE),
        ("frame 3", "stop", "frame 3"),
    ],
)
def test_a_message_of_another_form_is_read(chat_server: ChatServer, message: Any, finish: str | None, expected: str) -> None:
    chat_server.queue.append(with_message(message, finish))
    answer = ask_once(chat_server)
    assert (strip_thoughts(answer.text), answer.finish_reason) == (expected, "stop")


@pytest.mark.parametrize("finish", ["content_filter", "content_filter_hate", "SAFETY"])
def test_an_answer_that_a_filter_holds_back_says_so(chat_server: ChatServer, finish: str) -> None:
    chat_server.queue.append(with_message(None, finish))
    assert ask_once(chat_server).finish_reason == "filter"


OUTAGE = {"message": "the provider is down", "code": 502}
OUTAGES = [
    changed(choices=None, message="the provider is down", code="rate_limit_daily"),
    changed(choices=[None], status="FAILED", error="the provider is down"),
    changed(choices=[], error=OUTAGE),
    changed(choices=..., error="the provider is down"),
    changed(error=OUTAGE),
    changed(choices=[{"error": OUTAGE, "finish_reason": "error", "message": {"content": ""}}]),
    changed(choices=[{"finish_reason": "error", "message": {"content": "the provider is down"}}]),
    Reply(raw=b'data: {"error": {"message": "the provider is down"}}\n\n', headers=SOON),
]


@pytest.mark.parametrize("outage", OUTAGES)
def test_an_error_inside_a_success_is_an_error(chat_server: ChatServer, outage: Reply) -> None:
    chat_server.queue.append(outage)
    answer = ask_once(chat_server)
    assert (answer.text, answer.retries) == ("frame 3", 1)
    chat_server.queue += [outage] * 3
    with pytest.raises(MissingError):
        ask_once(chat_server)
    assert len(chat_server.questions) == 5


def test_the_words_of_the_provider_are_in_the_error(chat_server: ChatServer) -> None:
    chat_server.queue += [OUTAGES[0]] * 3
    with pytest.raises(MissingError, match="the provider is down"):
        ask_once(chat_server)


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(429, {"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}}), MissingError),
        (Reply(429, {"error": {"message": "Insufficient Balance", "type": "unknown_error"}}), MissingError),
        (Reply(402, {"error": {"message": "more credits, please"}}), MissingError),
        (Reply(400, {"error": {"message": "Your credit balance is too low"}}), MissingError),
        (changed(choices=[], error={"message": "Insufficient credits", "code": 402}), MissingError),
        (changed(choices=[], error={"message": "no such picture", "code": 400}), InputError),
        (Reply(400, {"error": "maximum context length is 4096 tokens; max_tokens is too large"}), InputError),
        (Reply(413, raw=b"<html><h1>413 Request Entity Too Large</h1></html>"), InputError),
    ],
)
def test_a_request_that_cannot_succeed_is_sent_once(chat_server: ChatServer, reply: Reply, kind: type[AlrefError]) -> None:
    chat_server.queue.append(reply)
    with pytest.raises(kind):
        ask_once(chat_server)
    assert len(chat_server.questions) == 1


def events(*parts: dict[str, Any], end: str = "data: [DONE]\n\n") -> Reply:
    lines = "".join(f"data: {json.dumps(part)}\n\n" for part in parts)
    return Reply(raw=(": waiting\n\n" + lines + end).encode(), headers={"Content-Type": "text/event-stream", **SOON})


def delta(text: str, finish: str | None = None, **more: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish}], **more}


USAGE = {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 2}}
STREAM = events(delta("fra"), delta("me \x853"), delta("", "length"), USAGE)


def test_a_server_that_only_streams_is_read(chat_server: ChatServer) -> None:
    chat_server.queue.append(STREAM)
    answer = ask_once(chat_server)
    assert (answer.text, answer.finish_reason, answer.prompt_tokens) == ("frame \x853", "length", 7)


@pytest.mark.parametrize("before", [b": PROCESSING\n\n: PROCESSING\n", b"\n\n  \n"])
def test_what_keeps_a_connection_alive_is_not_the_answer(chat_server: ChatServer, before: bytes) -> None:
    body = openai_data(BODY, "frame 3", Reply())
    chat_server.queue.append(Reply(raw=before + json.dumps(body).replace("frame 3", "frame\n3").encode()))
    assert (ask_once(chat_server).text, len(chat_server.questions)) == ("frame\n3", 1)


def test_a_server_that_wants_to_stream_is_asked_for_a_stream(chat_server: ChatServer) -> None:
    chat_server.queue += [Reply(400, {"error": {"message": "This model only supports streaming"}}), STREAM]
    assert ask_once(chat_server).prompt_tokens == 7
    first, second = chat_server.questions
    assert "stream" not in first
    assert (second["stream"], second["stream_options"]) == (True, {"include_usage": True})


def test_a_stream_that_breaks_off_is_no_answer(chat_server: ChatServer) -> None:
    chat_server.queue.append(events(delta("frame 1"), end="data: {"))
    assert (ask_once(chat_server).text, len(chat_server.questions)) == ("frame 3", 2)


@pytest.mark.parametrize(("thinking", "sent"), [(None, False), (False, False), (True, True)])
def test_whether_to_think_is_sent_to_a_server_of_open_models(chat_server: ChatServer, thinking: bool, sent: bool) -> None:
    ask_once(chat_server, thinking=thinking)
    ask_ollama(chat_server, thinking=thinking)
    first, second = chat_server.questions
    assert first["chat_template_kwargs"] == {"enable_thinking": sent}
    assert second["think"] is sent


def ask_ollama(server: ChatServer, **given: Any) -> Answer:
    reasoner = Ollama(build_options(Ollama.Options, {"host": server.root, "model": "tiny", "retries": 2, **given}, "reasoner"))
    reasoner.load()
    try:
        return reasoner.chat(Question(messages=(Message(text="Which frame?"),), answer_schema={"type": "object"}))
    finally:
        reasoner.close()


@pytest.mark.parametrize(("thinking", "sent"), [(None, "low"), (True, "medium")])
def test_how_much_gpt_oss_thinks_is_sent(thinking: bool | None, sent: str) -> None:
    with serving("frame 3", models=["gpt-oss:20b"]) as server:
        ask_ollama(server, model="gpt-oss:20b", thinking=thinking)
        assert server.questions[0]["think"] == sent


def ollama_part(text: str | None, **more: Any) -> dict[str, Any]:
    return {"model": "tiny", "message": {"role": "assistant", "content": text}, **more}


def ollama_lines(*parts: dict[str, Any]) -> Reply:
    return Reply(raw="\n".join(json.dumps(part) for part in parts).encode(), headers=SOON)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(data={"error": "the model runner has stopped"}, headers=SOON),
        ollama_lines(ollama_part("frame"), {"error": "the model runner has stopped"}),
        ollama_lines(ollama_part("frame"), ollama_part(" 5")),
    ],
)
def test_an_error_of_ollama_inside_a_success_is_an_error(chat_server: ChatServer, reply: Reply) -> None:
    chat_server.queue.append(reply)
    assert (ask_ollama(chat_server).text, len(chat_server.questions)) == ("frame 3", 2)


@pytest.mark.parametrize(
    ("reply", "text", "finish", "estimated"),
    [
        (Reply(data=ollama_part("frame 3")), "frame 3", "stop", True),
        (Reply(data=ollama_part("frame 3", prompt_eval_count=7, eval_count=2)), "frame 3", "stop", False),
        (Reply(data=ollama_part(None, thinking=CHOICE)), "", "stop", True),
        (Reply(data={"message": {"content": "", "thinking": CHOICE}}), CHOICE, "stop", True),
        (Reply(data={"message": {"content": [{"type": "text", "text": "frame 3"}]}}), "frame 3", "stop", True),
        (ollama_lines(ollama_part("fra"), ollama_part("me", done=True, done_reason="length")), "frame", "length", True),
        (Reply(raw=json.dumps(ollama_part("frame 3"), indent=1).encode()), "frame 3", "stop", True),
    ],
)
def test_fields_that_ollama_leaves_out_are_not_missed(
    chat_server: ChatServer, reply: Reply, text: str, finish: str, estimated: bool
) -> None:
    chat_server.queue.append(reply)
    answer = ask_ollama(chat_server)
    assert (strip_thoughts(answer.text), answer.finish_reason, answer.estimated) == (text, finish, estimated)
    assert answer.model == "tiny"
