"""Ask one question until its answer can be read, and tell observers of each answer."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import asdict, dataclass, replace
from typing import Literal, TypeVar

from alref.llm.conversations import Reply
from alref.llm.messages import Question, QuestionEvent, QuestionSlot
from alref.llm.parsing import ONLY_THOUGHTS, ParsedChoice, ParsedLabels
from alref.llm.prompt_templates import build_retry_question
from alref.llm.track_parsing import ParsedConcept, ParsedJudgment, ParsedRatings

FINISH_PROBLEMS = {
    "refusal": "the model refused to answer",
    "filter": "the server's content filter stopped the answer",
    "length": "the answer was cut off before its end",
}


Parsed = TypeVar("Parsed", ParsedChoice, ParsedLabels, ParsedConcept, ParsedRatings, ParsedJudgment)


@dataclass(frozen=True)
class QuestionAsker:
    """Asks questions for ``component``; ``unreadable`` is the option of that name."""

    component: str
    notify: Callable[[str, object], None]
    unreadable: Literal["ask-again", "paper"]

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
