"""What is asked about a phrase or its candidates, and what is made of the answers, as generators of questions."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, TypeVar

from alref.audio.intervals import merge_spans
from alref.audio.vocabulary import join_names
from alref.llm import frame_sampling
from alref.llm.answer_keys import compute_digest
from alref.llm.conversations import Dialogue, PendingQuestion, Reply
from alref.llm.messages import Question, QuestionEvent
from alref.llm.options import ChatOptions
from alref.llm.parsing import ParsedChoice, ParsedLabels, parse_choice, parse_labels
from alref.llm.prompt_templates import build_retry_question
from alref.llm.question_builder import QuestionBuilder
from alref.records import Candidates, Finding, Phrase, PivotBox, PivotFrame

Parsed = TypeVar("Parsed", ParsedChoice, ParsedLabels)
StageName = Literal["temporal", "spatial"]
FINISH_PROBLEMS = {
    "refusal": "the model refused to answer",
    "filter": "the server's content filter stopped the answer",
    "length": "the answer was cut off before its end",
}


@dataclass(frozen=True)
class DialogueBuilder:
    """Holds dialogues about one video, and tells observers of each answer."""

    question_builder: QuestionBuilder
    component: str
    notify: Callable[[str, object], None]

    @property
    def options(self) -> ChatOptions:
        """What the questions are put by."""
        return self.question_builder.options

    def ask_for_frame(self, phrase: Phrase, shown: list[int]) -> Dialogue[PivotFrame]:
        """Ask in which of the frames ``shown`` the object is seen best, and look closer while that helps.

        What a closer look does not show, or cannot be read, leaves what was found before.
        """
        best: PivotFrame | None = None
        seen: list[int] = []
        for left in reversed(range(self._count_rounds())):
            pivot = yield from self._ask_about_frames(phrase, shown)
            if best is not None and (pivot.frame is None or pivot.source == "fallback"):
                return best
            seen += shown
            shown = self._sample_next_frames(shown, seen, pivot) if left else []
            best = pivot if pivot.frame is not None else None
            if not shown or pivot.source == "fallback":
                return pivot
        raise AssertionError("the last round returns")

    def _count_rounds(self) -> int:
        return 1 if self.options.sampler == "paper" else self.options.max_questions

    def _sample_next_frames(self, shown: list[int], shown_before: list[int], pivot: PivotFrame) -> list[int]:
        if pivot.frame is None:
            return frame_sampling.sample_between(self.question_builder.video, shown_before, self.options.frames)
        return frame_sampling.sample_around(self.question_builder.video, shown, pivot.frame, self.options.frames)

    def _ask_about_frames(self, phrase: Phrase, shown: list[int]) -> Dialogue[PivotFrame]:
        question = self.question_builder.build_phrase_question(phrase, shown)
        reading, reply = yield from self._ask_with_retry(
            question, "temporal", phrase.text, _make_choice_parser(len(shown), "frame")
        )
        return _make_pivot_frame(phrase, shown, reading, reply)

    def ask_for_sound_sources(self, phrases: Sequence[Phrase], shown: list[int]) -> Dialogue[list[PivotFrame]]:
        """Ask which of the labels of one sound reference are objects in the video, and where each is seen best."""
        surest = sorted(phrases, key=lambda phrase: -phrase.score)
        labels = join_names(list(dict.fromkeys(phrase.category or phrase.text for phrase in surest)))
        question = self.question_builder.build_label_question(labels, merge_spans(phrase.heard for phrase in surest), shown)
        found, reply = yield from self._ask_with_retry(
            question, "temporal", labels, lambda text: parse_labels(text, len(shown))
        )
        if found.kind == "value":
            named = list(found.frames.items())[: 1 if self.options.one_source else None]
            readings = {match_phrase(surest, name): ParsedChoice("value", number, found.why) for name, number in named}
        else:
            kept = surest[:1] if found.kind == "unreadable" else surest
            readings = dict.fromkeys(kept, ParsedChoice(found.kind, why=found.why, problem=found.problem))
        return [_make_pivot_frame(phrase, shown, reading, reply) for phrase, reading in readings.items()]

    def ask_for_box(self, candidates: Candidates) -> Dialogue[PivotBox]:
        """Ask which candidate is meant."""
        count = min(len(candidates), self.options.max_candidates)
        phrase = candidates.pivot.phrase
        if count == 1 and not self._should_ask_single(phrase):
            return _make_pivot_box(candidates, 0, why="the only candidate", source="rule")
        question = self.question_builder.build_box_question(candidates, count)
        reading, reply = yield from self._ask_with_retry(question, "spatial", phrase.text, _make_choice_parser(count, "box"))
        raw = reply.answer.text
        if reading.kind == "unreadable":
            why = f"{reading.problem}; the candidate with the best score was taken"
            return _make_pivot_box(candidates, 0, why=why, source="fallback", raw=raw)
        place = None if reading.number is None else reading.number - 1
        why = reading.why or f"{'no box' if place is None else f'box {reading.number}'} of {count} was chosen"
        return _make_pivot_box(candidates, place, finding=_get_finding(reading), why=why, source=reply.source, raw=raw)

    def _should_ask_single(self, phrase: Phrase) -> bool:
        if self.options.ask_single is not None:
            return self.options.ask_single
        return self.options.prompts == "paper" and not phrase.sound

    def _ask_with_retry(
        self, question: Question, stage: StageName, topic: str, parse: Callable[[str], Parsed]
    ) -> Generator[PendingQuestion, Reply, tuple[Parsed, Reply]]:
        """Ask, and once more when the answer cannot be read; a refusal is not asked about again."""
        reply = yield PendingQuestion(question, topic)
        reading = self._parse_reply(question, stage, topic, parse, reply)
        if reading.kind == "unreadable" and reply.answer.finish in ("stop", "length"):
            question = build_retry_question(question, reply.answer, reading.problem)
            reply = yield PendingQuestion(question, topic)
            reading = self._parse_reply(question, stage, topic, parse, reply)
        return reading, reply

    def _parse_reply(
        self, question: Question, stage: StageName, topic: str, parse: Callable[[str], Parsed], reply: Reply
    ) -> Parsed:
        problem = FINISH_PROBLEMS.get(reply.answer.finish)
        reading = parse(reply.answer.text) if problem is None else replace(parse(""), problem=problem)
        event = QuestionEvent(
            key=reply.key,
            stage=stage,
            component=self.component,
            phrase=topic,
            messages=question.messages,
            images=tuple(compute_digest(image) for image in question.images),
            answer=reply.answer,
            parsed={name: value for name, value in asdict(reading).items() if value not in (None, "", {})},
            source=reply.source,
        )
        self.notify("question_answered", event)
        return reading


def _make_choice_parser(count: int, noun: str) -> Callable[[str], ParsedChoice]:
    return lambda text: parse_choice(text, count, noun)


def _get_finding(reading: ParsedChoice) -> Finding:
    """Name what a readable answer found."""
    return "ambiguous" if reading.kind == "ambiguous" else "absent" if reading.number is None else "found"


def _make_pivot_frame(phrase: Phrase, shown: list[int], reading: ParsedChoice, reply: Reply) -> PivotFrame:
    raw = reply.answer.text
    if reading.kind == "unreadable":
        why = f"{reading.problem}; the middle frame was taken"
        return PivotFrame(phrase=phrase, frame=shown[len(shown) // 2], why=why, source="fallback", raw=raw)
    frame = None if reading.number is None else shown[reading.number - 1]
    why = reading.why or f"{'no frame' if frame is None else f'frame {reading.number}'} of the {len(shown)} shown was chosen"
    return PivotFrame(phrase=phrase, frame=frame, finding=_get_finding(reading), why=why, source=reply.source, raw=raw)


def match_phrase(phrases: Sequence[Phrase], name: str) -> Phrase:
    """Return the phrase that a cleaned label stands for: one of the same words, else the first, under the new name."""
    own = [each for each in phrases if name.lower() in (each.text.lower(), each.category.lower())]
    return own[0] if own else phrases[0].model_copy(update={"text": name, "category": name})


def _make_pivot_box(candidates: Candidates, index: int | None, **facts: Any) -> PivotBox:
    if index is None:
        return PivotBox(pivot=candidates.pivot, **facts)
    mask = None if candidates.masks is None else candidates.masks[index]
    score = float(candidates.scores[index])
    return PivotBox(pivot=candidates.pivot, xyxy=candidates.xyxy[index], score=score, mask=mask, **facts)
