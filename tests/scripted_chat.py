"""A language model for tests: it answers from a list or a function, and keeps the questions that it was asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

from alref.chat.messages import Answer, Question
from alref.chat.reasoner import ChatReasoner

Said = str | Answer | Exception


class ScriptedChat(ChatReasoner):
    """Answers as it is told; a list is used up in order, its last answer for all that follow."""

    name = "scripted-chat"

    def __init__(self, answers: Sequence[Said] | Callable[[Question], Said], store: Path, **options: Any) -> None:
        super().__init__(self.Options(answers=store, **options))
        self.script = answers
        self.questions: list[Question] = []
        self._lock = Lock()

    def chat(self, question: Question) -> Answer:
        with self._lock:
            self.questions.append(question)
            number = len(self.questions) - 1
        said = self.script(question) if callable(self.script) else self.script[min(number, len(self.script) - 1)]
        if isinstance(said, Exception):
            raise said
        return said if isinstance(said, Answer) else Answer(text=said, model="scripted-1")
