"""Conversations with a model: generators that yield questions, run together so that their questions are sent at once."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol, TypeVar

from alref.llm.messages import Answer, Question
from alref.records import DecisionSource

Outcome = TypeVar("Outcome")


class AnswerSource(Protocol):
    """Where answers are looked up before a model is asked; ``source`` marks the decisions made from these answers."""

    source: ClassVar[DecisionSource]

    def get(self, key: str, topic: str = "") -> Answer | None:
        """Return the answer stored under a key, or None if the model must be asked; ``topic`` is for error messages."""

    def put(self, key: str, question: Question, answer: Answer) -> None:
        """Store an answer that the model gave."""

    def close(self) -> None:
        """Close the file."""


@dataclass(frozen=True)
class Reply:
    """An answer, where it came from (model, cache, replay), and the key under which it is stored."""

    answer: Answer
    source: DecisionSource
    key: str


Dialogue = Generator[Question, Reply, Outcome]
StoreAnswer = Callable[[int, Answer], None]
ChatFunction = Callable[[Sequence[Question], StoreAnswer], Iterator[tuple[int, Answer]]]


@dataclass(frozen=True)
class ConversationRunner:
    """Answers questions from ``answers`` where possible; asks ``chat`` the others, each distinct question once.

    Each answer is stored once: when ``chat`` passes it to its ``store_answer``, else when ``chat`` yields it.
    """

    chat: ChatFunction
    compute_key: Callable[[Question], str]
    answers: AnswerSource

    def run(self, dialogues: Sequence[Dialogue[Outcome]]) -> list[Outcome]:
        """Run all dialogues, one question of each at a time, and return their outcomes in order."""
        outcomes: dict[int, Outcome] = {}
        pending: dict[int, Question] = {}

        def resume_dialogue(index: int, reply: Reply | None) -> None:
            try:
                pending[index] = next(dialogues[index]) if reply is None else dialogues[index].send(reply)
            except StopIteration as end:
                outcomes[index] = end.value

        for index in range(len(dialogues)):
            resume_dialogue(index, None)
        while pending:
            indices, questions = list(pending), list(pending.values())
            pending.clear()
            for number, reply in self._answer_questions(questions):
                resume_dialogue(indices[number], reply)
        return [outcomes[index] for index in range(len(dialogues))]

    def _answer_questions(self, questions: Sequence[Question]) -> Iterator[tuple[int, Reply]]:
        """Yield (index, reply) as they arrive. Raises what ``chat`` raises, after yielding all answers that arrived."""
        unanswered: dict[str, list[int]] = {}
        for index, question in enumerate(questions):
            key = self.compute_key(question)
            answer = self.answers.get(key, question.topic)
            if answer is None:
                unanswered.setdefault(key, []).append(index)
            else:
                yield index, Reply(answer, self.answers.source, key)
        keys = list(unanswered)
        distinct = [questions[indices[0]] for indices in unanswered.values()]
        stored: set[int] = set()

        def store_answer(number: int, answer: Answer) -> None:
            stored.add(number)
            self.answers.put(keys[number], distinct[number], answer)

        for number, answer in self.chat(distinct, store_answer) if distinct else ():
            if number not in stored:
                store_answer(number, answer)
            for index in unanswered[keys[number]]:
                yield index, Reply(answer, "model" if index == unanswered[keys[number]][0] else "cache", keys[number])
