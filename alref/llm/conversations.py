"""Dialogues with a model: written as generators that yield questions, held together so that their questions wait at once."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from alref.llm.messages import Answer, Question
from alref.llm.replay import Answers
from alref.records import Source

Outcome = TypeVar("Outcome")


@dataclass(frozen=True)
class Reply:
    """An answer, where it came from (model, cache, replay), and the key that it is kept under."""

    answer: Answer
    source: Source
    key: str


@dataclass(frozen=True)
class Inquiry:
    """A question, and in words what it is about."""

    question: Question
    about: str


Dialogue = Generator[Inquiry, Reply, Outcome]
Chat = Callable[[Sequence[Question]], Iterator[tuple[int, Answer]]]


@dataclass(frozen=True)
class Desk:
    """Answers questions from ``answers`` where it can, and asks ``chat`` the others, each distinct one once.

    Answers are kept as they come, those too of a model that answers in batches.
    """

    chat: Chat
    key: Callable[[Question], str]
    answers: Answers

    def ask(self, inquiries: Sequence[Inquiry]) -> Iterator[tuple[int, Reply]]:
        """Yield (index, reply) as they come. Raises what ``chat`` raises once all that came has been yielded."""
        waiting: dict[str, list[int]] = {}
        for index, inquiry in enumerate(inquiries):
            key = self.key(inquiry.question)
            kept = self.answers.get(key, inquiry.about)
            if kept is None:
                waiting.setdefault(key, []).append(index)
            else:
                yield index, Reply(kept, self.answers.source, key)
        keys = list(waiting)
        questions = [inquiries[waiting[key][0]].question for key in keys]
        for number, answer in self.chat(questions) if questions else ():
            first, *same = waiting[keys[number]]
            self.answers.put(keys[number], questions[number], answer)
            yield first, Reply(answer, "model", keys[number])
            for index in same:
                yield index, Reply(answer, "cache", keys[number])

    def hold(self, dialogues: Sequence[Dialogue[Outcome]]) -> list[Outcome]:
        """Hold dialogues to their ends, one question of each at a time, and return their outcomes in order."""
        outcomes: dict[int, Outcome] = {}
        waiting: dict[int, Inquiry] = {}

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
