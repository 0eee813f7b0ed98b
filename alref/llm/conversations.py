"""Conversations with a model: generators that yield questions, run together so that their questions are sent at once."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import ClassVar, Literal, Protocol, TypeVar

from alref.llm.messages import Answer, Message, Question, QuestionEvent, QuestionSlot, strip_thoughts
from alref.llm.parsing import ONLY_THOUGHTS, ParsedChoice, ParsedLabels
from alref.llm.track_parsing import ParsedConcept, ParsedJudgment, ParsedRatings
from alref.records import DecisionSource

FINISH_PROBLEMS = {
    "refusal": "the model refused to answer",
    "filter": "the server's content filter stopped the answer",
    "length": "the answer was cut off before its end",
}

Outcome = TypeVar("Outcome")
Parsed = TypeVar("Parsed", ParsedChoice, ParsedLabels, ParsedConcept, ParsedRatings, ParsedJudgment)


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

    Each answer is stored once: when ``chat`` passes it to its ``store_answer``, else when ``chat`` yields it. Observers receive
    it through ``notify``, as an answer to ``component``. ``unreadable`` is the option of that name.
    """

    chat: ChatFunction
    compute_key: Callable[[Question], str]
    answers: AnswerSource
    component: str
    notify: Callable[[str, object], None]
    unreadable: Literal["ask-again", "paper"]

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

    def ask_until_readable(
        self, question: Question, slot: QuestionSlot, parse: Callable[[str], Parsed]
    ) -> Generator[Question, Reply, list[tuple[Parsed, Reply]]]:
        """Ask, and ask once more if the answer cannot be read; do not ask again after a refusal, or by the published rule.

        Return each answer as ``parse`` reads it, with the reply.
        """
        reply = yield question
        answers = [(self._parse_reply(question, slot, parse, reply), reply)]
        unread = answers[0][0].kind == "unreadable" and reply.answer.finish_reason in ("stop", "length")
        if unread and self.unreadable == "ask-again":
            question = build_retry_question(question, reply.answer, answers[0][0].problem)
            reply = yield question
            answers.append((self._parse_reply(question, slot, parse, reply), reply))
        return answers

    def _parse_reply(self, question: Question, slot: QuestionSlot, parse: Callable[[str], Parsed], reply: Reply) -> Parsed:
        finish = reply.answer.finish_reason
        parsed = parse(reply.answer.text)
        if finish != "stop" and not (finish == "length" and parsed.problem == ONLY_THOUGHTS):
            parsed = replace(parse(""), problem=FINISH_PROBLEMS[finish])
        event = QuestionEvent(
            key=reply.key,
            stage=slot,
            component=self.component,
            phrase=question.topic,
            messages=question.messages,
            images=question.image_digests,
            answer=reply.answer,
            parsed={name: value for name, value in asdict(parsed).items() if value not in (None, "", {})},
            source=reply.source,
        )
        self.notify("question_answered", event)
        return parsed


def build_retry_question(question: Question, answer: Answer, problem: str) -> Question:
    """Return the question with the unreadable answer, without its thoughts, and its problem appended."""
    unreadable = Message(role="assistant", text=strip_thoughts(answer.text) or "(no answer)")
    request = f"That answer cannot be used: {problem}. Answer once more, briefly and in the form that was asked for."
    return question.model_copy(update={"messages": (*question.messages, unreadable, Message(text=request))})
