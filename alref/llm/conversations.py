"""Dialogues with a model: written as generators that yield questions, held together so that their questions wait at once."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from alref.llm.messages import Answer, Question
from alref.llm.replay import AnswerSource
from alref.records import DecisionSource

Outcome = TypeVar("Outcome")


@dataclass(frozen=True)
class Reply:
    """An answer, where it came from (model, cache, replay), and the key that it is kept under."""

    answer: Answer
    source: DecisionSource
    key: str


@dataclass(frozen=True)
class PendingQuestion:
    """A question, and in words what it is about."""

    question: Question
    topic: str


Dialogue = Generator[PendingQuestion, Reply, Outcome]
ChatFunction = Callable[[Sequence[Question]], Iterator[tuple[int, Answer]]]


@dataclass(frozen=True)
class ConversationRunner:
    """Answers questions from ``answers`` where it can, and asks ``chat`` the others, each distinct one once.

    Answers are kept as they come, those too of a model that answers in batches.
    """

    chat: ChatFunction
    compute_key: Callable[[Question], str]
    answers: AnswerSource

    def ask_questions(self, pending: Sequence[PendingQuestion]) -> Iterator[tuple[int, Reply]]:
        """Yield (index, reply) as they come. Raises what ``chat`` raises once all that came has been yielded."""
        waiting: dict[str, list[int]] = {}
        for index, inquiry in enumerate(pending):
            key = self.compute_key(inquiry.question)
            kept = self.answers.get(key, inquiry.topic)
            if kept is None:
                waiting.setdefault(key, []).append(index)
            else:
                yield index, Reply(kept, self.answers.source, key)
        keys = list(waiting)
        questions = [pending[waiting[key][0]].question for key in keys]
        for number, answer in self.chat(questions) if questions else ():
            first, *same = waiting[keys[number]]
            self.answers.put(keys[number], questions[number], answer)
            yield first, Reply(answer, "model", keys[number])
            for index in same:
                yield index, Reply(answer, "cache", keys[number])

    def run(self, dialogues: Sequence[Dialogue[Outcome]]) -> list[Outcome]:
        """Hold dialogues to their ends, one question of each at a time, and return their outcomes in order."""
        outcomes: dict[int, Outcome] = {}
        waiting: dict[int, PendingQuestion] = {}

        def resume_dialogue(index: int, reply: Reply | None) -> None:
            try:
                waiting[index] = next(dialogues[index]) if reply is None else dialogues[index].send(reply)
            except StopIteration as end:
                outcomes[index] = end.value

        for index in range(len(dialogues)):
            resume_dialogue(index, None)
        while waiting:
            asked = dict(waiting)
            waiting.clear()
            places = list(asked)
            for number, reply in self.ask_questions(list(asked.values())):
                resume_dialogue(places[number], reply)
        return [outcomes[index] for index in range(len(dialogues))]
