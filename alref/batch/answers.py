"""Answers of language models in the store of a batch, so that no machine pays for what another has asked."""

from __future__ import annotations

import json
from typing import ClassVar

from pydantic import ValidationError

from alref.errors import RecordError
from alref.llm.answer_store import AnswerStore, get_default_path, is_usable
from alref.llm.messages import Answer, Question
from alref.output.store import ObjectStore
from alref.records import DecisionSource

ANSWERS = "answers"


class SharedAnswers:
    """Answers as objects ``answers/KEY.json`` of a store, and in the answer store of this machine, which is asked first."""

    source: ClassVar[DecisionSource] = "cache"

    def __init__(self, objects: ObjectStore, own: AnswerStore | None = None) -> None:
        self._objects = objects
        self._own = own or AnswerStore(get_default_path())

    def get(self, key: str, topic: str = "") -> Answer | None:
        """Return the answer stored under a key, or None; ``topic`` is what the question is about."""
        found = self._own.get(key, topic)
        if found is not None:
            return found
        data = self._objects.read_bytes(f"{ANSWERS}/{key}.json")
        try:
            return Answer.model_validate(json.loads(data)["answer"]) if data else None
        except (ValueError, KeyError, TypeError, ValidationError, RecordError):
            return None

    def put(self, key: str, question: Question, answer: Answer) -> None:
        """Store an answer for all machines, unless it is empty, refused, filtered or cut off."""
        if is_usable(answer):
            content = {"model": answer.model, "question": question.to_dict(), "answer": answer.model_dump(mode="json")}
            self._objects.write_bytes(f"{ANSWERS}/{key}.json", json.dumps(content, ensure_ascii=False).encode())
            self._own.put(key, question, answer)

    def close(self) -> None:
        """Close the answer store of this machine."""
        self._own.close()
