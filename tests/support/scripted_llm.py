"""A language model for tests: it answers from a list or a function, and keeps the questions that it was asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Self

from alref.llm.options import ChatOptions
from alref.llm.reasoner import ChatReasoner

if TYPE_CHECKING:
    from alref.llm.messages import Answer, Question

    Said = str | Answer | Exception

_ASKING = Lock()


class ScriptedChat(ChatReasoner):
    """Answers with ``script``: a function of the question, or a list, whose last answer serves for all that follow."""

    name = "scripted-chat"
    script: Sequence[Said] | Callable[[Question], Said] = ("[2]",)

    def __init__(self, options: ChatOptions, device: str = "auto") -> None:
        super().__init__(options, device)
        self.questions: list[Question] = []

    @classmethod
    def saying(cls, script: Sequence[Said] | Callable[[Question], Said], store: Path, **options: Any) -> Self:
        """Make one with its script and options, its answers kept in the file ``store``."""
        made = cls(cls.Options(answers=store, **options))  # type: ignore[arg-type]
        made.script = script
        return made

    def chat(self, question: Question) -> Answer:
        from alref.llm.messages import Answer

        with _ASKING:
            self.questions.append(question)
            number = len(self.questions) - 1
        said = self.script(question) if callable(self.script) else self.script[min(number, len(self.script) - 1)]
        if isinstance(said, Exception):
            raise said
        return said if isinstance(said, Answer) else Answer(text=said, model="scripted-1")
