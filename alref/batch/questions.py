"""Questions of units that wait for a batch of the server, and their replies, as objects of the store.

    questions/LANE-MODEL-KEY.json   a question that waits, with its images
    replies/KEY.json                its answer, or the error; removed with the end of its unit

A lane is the digest of a reasoner's options that change an answer.
"""

from __future__ import annotations

import hashlib
import json
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from pydantic import ValidationError

from alref.errors import InputError, RecordError
from alref.llm.messages import Answer, Question
from alref.output.store import ObjectStore
from alref.records import Record

QUESTIONS, REPLIES = "questions", "replies"
_used_keys: ContextVar[set[str] | None] = ContextVar("used_keys", default=None)


class StoredReply(Record):
    """What a batch replied to one question: an answer, or the error."""

    answer: Answer | None = None
    error: str = ""


class StoredQuestions:
    """The queue of one reasoner, in an object store that all workers share."""

    def __init__(self, objects: ObjectStore, lane: str) -> None:
        self._objects, self._lane = objects, lane

    def read_reply(self, key: str, topic: str) -> Answer | None:
        """Return the reply to a question, None if there is none yet.

        Raises InputError with the error of the server, once: the question is asked again the next time.
        """
        data = self._objects.read_bytes(f"{REPLIES}/{key}.json")
        try:
            reply = StoredReply.model_validate_json(data) if data else None
        except (ValidationError, RecordError):
            reply = None
        if reply is None:
            return None
        if reply.answer is None:
            self._objects.remove(f"{REPLIES}/{key}.json")
            raise InputError(f"the question about {topic!r} got no answer in its batch ({reply.error})")
        if (used := _used_keys.get()) is not None:
            used.add(key)
        return reply.answer

    def put_question(self, key: str, question: Question) -> None:
        """Add a question; one that is there already is written again with the same content."""
        model = hashlib.blake2b(question.model.encode(), digest_size=4).hexdigest()
        self._objects.write_bytes(f"{QUESTIONS}/{self._lane}-{model}-{key}.json", dump_question(question))


@contextmanager
def collect_used_keys() -> Iterator[set[str]]:
    """Yield a set that receives the keys of the replies that this thread reads."""
    used: set[str] = set()
    token = _used_keys.set(used)
    try:
        yield used
    finally:
        _used_keys.reset(token)


def dump_question(question: Question) -> bytes:
    """Return a question as JSON with all that is needed to send it, its images in base 64."""
    data = question.model_dump(mode="json", exclude={"images"})
    images = [b64encode(image).decode() for image in question.images]
    return json.dumps({**data, "images": images, "model": question.model, "topic": question.topic}).encode()


def load_question(data: bytes) -> Question:
    """Return the question that ``dump_question`` wrote."""
    values = json.loads(data)
    return Question.model_validate({**values, "images": [b64decode(image) for image in values["images"]]})
