"""Dialogues with a model: written as generators that yield questions, held together so that their questions wait at once."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from alref.chat.messages import Answer, Question
from alref.records import Source

Outcome = TypeVar("Outcome")


@dataclass(frozen=True)
class Reply:
    """An answer, where it came from (model, cache, replay), and the key that it is kept under."""

    answer: Answer
    source: Source
    key: str


Dialogue = Generator[Question, Reply, Outcome]


class Store(Protocol):
    """Where answers are kept between runs."""

    def get(self, key: str) -> Answer | None:
        """Return the answer kept under a key, or None."""

    def put(self, key: str, question: Question, answer: Answer) -> None:
        """Keep an answer."""

    def close(self) -> None:
        """Let go of files."""


Chat = Callable[[Sequence[Question]], Iterator[tuple[int, Answer]]]


@dataclass(frozen=True)
class Desk:
    """Answers questions from ``store`` where it can, and asks ``chat`` the others, each distinct one once.

    What comes from the store has the source ``kept``. Answers that are whole and not empty are kept as soon as they come.
    """

    chat: Chat
    key: Callable[[Question], str]
    store: Store
    kept: Source = "cache"

    def ask(self, questions: Sequence[Question]) -> Iterator[tuple[int, Reply]]:
        """Yield (index, reply) as they come. Raises what ``chat`` raises once all that came has been yielded."""
        waiting: dict[str, list[int]] = {}
        for index, question in enumerate(questions):
            key = self.key(question)
            found = None if key in waiting else self.store.get(key)
            if found is None:
                waiting.setdefault(key, []).append(index)
            else:
                yield index, Reply(found, self.kept, key)
        keys = list(waiting)
        for number, answer in self.chat([questions[waiting[key][0]] for key in keys]):
            key = keys[number]
            if answer.finish == "stop" and answer.text.strip():
                self.store.put(key, questions[waiting[key][0]], answer)
            for index in waiting[key]:
                yield index, Reply(answer, "model" if index == waiting[key][0] else "cache", key)

    def hold(self, dialogues: Sequence[Dialogue[Outcome]]) -> list[Outcome]:
        """Hold dialogues to their ends, one question of each at a time, and return their outcomes in order."""
        outcomes: dict[int, Outcome] = {}
        waiting: dict[int, Question] = {}

        def advance(index: int, reply: Reply | None) -> None:
            try:
                waiting[index] = next(dialogues[index]) if reply is None else dialogues[index].send(reply)
            except StopIteration as end:
                outcomes[index] = end.value

        for index in range(len(dialogues)):
            advance(index, None)
        while waiting:
            asked = dict(waiting)
            waiting.clear()
            places = list(asked)
            for number, reply in self.ask(list(asked.values())):
                advance(places[number], reply)
        return [outcomes[index] for index in range(len(dialogues))]
