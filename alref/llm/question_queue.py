"""Questions that wait for a batch of a server: what a reasoner puts into a queue, and the replies that it reads there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import ClassVar, Protocol

from alref.errors import AlrefError
from alref.llm.conversations import AnswerSource, StoreAnswer
from alref.llm.messages import Answer, Question
from alref.records import DecisionSource


class PendingAnswersError(AlrefError):
    """Answers are not here yet: the questions with these keys wait in a queue."""

    def __init__(self, *keys: str) -> None:
        super().__init__(*keys)
        self.keys = keys

    def __str__(self) -> str:
        return f"{len(self.keys)} questions wait for a batch of the server"


class QuestionQueue(Protocol):
    """Questions that are sent together later, and their replies."""

    def read_reply(self, key: str, topic: str) -> Answer | None:
        """Return the reply to a question, None if there is none yet. Raises InputError when the server refused to answer."""

    def put_question(self, key: str, question: Question) -> None:
        """Add a question; one that is there already is not added again."""


class QueuedAnswers:
    """Answers of a store, with replies of a queue taking precedence: they were paid for by whoever asks now.

    ``chat`` yields the replies of the queue, and puts the other questions into it.
    """

    source: ClassVar[DecisionSource] = "cache"

    def __init__(self, queue: QuestionQueue, answers: AnswerSource, compute_key: Callable[[Question], str]) -> None:
        self._queue, self._answers, self._compute_key = queue, answers, compute_key
        self._replies: dict[str, Answer] = {}

    def get(self, key: str, topic: str = "") -> Answer | None:
        """Return the stored answer, None if ``chat`` has the reply or no one has one. Raises InputError."""
        reply = self._queue.read_reply(key, topic)
        if reply is None:
            return self._answers.get(key, topic)
        self._replies[key] = reply
        return None

    def put(self, key: str, question: Question, answer: Answer) -> None:
        """Store an answer."""
        self._answers.put(key, question, answer)

    def close(self) -> None:
        """Close the store."""
        self._answers.close()

    def chat(self, questions: Sequence[Question], store_answer: StoreAnswer) -> Iterator[tuple[int, Answer]]:
        """Yield the replies that are there. Raises PendingAnswersError if a question waits."""
        waiting = []
        for number, question in enumerate(questions):
            key = self._compute_key(question)
            if key in self._replies:
                yield number, self._replies[key]
            else:
                self._queue.put_question(key, question)
                waiting.append(key)
        if waiting:
            raise PendingAnswersError(*waiting)
