"""The OpenAI reasoner made for a server on the loopback address, and asked one question."""

from __future__ import annotations

from typing import Any

import pytest

from alref.components.options import build_options
from alref.errors import AlrefError
from alref.llm.messages import Answer, Message, Question
from alref_openai import OpenAI
from support.llm_server import ChatServer

SCHEMA = {"type": "object", "properties": {"frame": {"type": "integer"}}, "required": ["frame"]}
JPEG, PNG = b"\xff\xd8\xff\xe0 picture", b"\x89PNG\r\n picture"


def made(base_url: str, cls: type[OpenAI] = OpenAI, **given: Any) -> OpenAI:
    reasoner = cls(build_options(cls.Options, {"base_url": base_url, "model": "tiny", "retries": 2, **given}, "reasoner"))
    reasoner.load()
    return reasoner


def ask(reasoner: OpenAI, text: str = "Which frame?", **facts: Any) -> Answer:
    return reasoner.chat(Question(messages=(Message(text=text),), **facts))


def ask_once(server: ChatServer, **given: Any) -> Answer:
    reasoner = made(server.base_url, **given)
    try:
        return ask(reasoner, answer_schema=SCHEMA)
    finally:
        reasoner.close()


def failed(server: ChatServer, kind: type[AlrefError], **given: Any) -> str:
    with pytest.raises(kind) as caught:
        ask_once(server, **given)
    return str(caught.value)
