"""What is asked about a phrase or its candidates, and what is made of the answers, as generators of questions."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, TypeVar

from alref.audio.intervals import union
from alref.audio.vocabulary import listed
from alref.llm import frame_sampling
from alref.llm.answer_keys import digest
from alref.llm.conversations import Dialogue, Inquiry, Reply
from alref.llm.messages import Question, QuestionEvent
from alref.llm.options import ChatOptions
from alref.llm.parsing import Labels, Reading, read_choice, read_labels
from alref.llm.prompt_templates import again
from alref.llm.question_builder import Poser
from alref.records import Candidates, Finding, Phrase, PivotBox, PivotFrame

Read = TypeVar("Read", Reading, Labels)
StageName = Literal["temporal", "spatial"]
FAILED = {
    "refusal": "the model refused to answer",
    "filter": "the server's content filter stopped the answer",
    "length": "the answer was cut off before its end",
}


@dataclass(frozen=True)
class Asker:
    """Holds dialogues about one video, and tells observers of each answer."""

    poser: Poser
    component: str
    tell: Callable[[str, object], None]

    @property
    def options(self) -> ChatOptions:
        """What the questions are put by."""
        return self.poser.options

    def frames(self, phrase: Phrase, shown: list[int]) -> Dialogue[PivotFrame]:
        """Ask in which of the frames ``shown`` the object is seen best, and look closer while that helps.

        What a closer look does not show, or cannot be read, leaves what was found before.
        """
        best: PivotFrame | None = None
        seen: list[int] = []
        for left in reversed(range(self._rounds())):
            pivot = yield from self._frame(phrase, shown)
            if best is not None and (pivot.frame is None or pivot.source == "fallback"):
                return best
            seen += shown
            shown = self._next(shown, seen, pivot) if left else []
            best = pivot if pivot.frame is not None else None
            if not shown or pivot.source == "fallback":
                return pivot
        raise AssertionError("the last round returns")

    def _rounds(self) -> int:
        return 1 if self.options.sampler == "paper" else self.options.max_questions

    def _next(self, shown: list[int], seen: list[int], pivot: PivotFrame) -> list[int]:
        if pivot.frame is None:
            return frame_sampling.between(self.poser.video, seen, self.options.frames)
        return frame_sampling.closer(self.poser.video, shown, pivot.frame, self.options.frames)

    def _frame(self, phrase: Phrase, shown: list[int]) -> Dialogue[PivotFrame]:
        question = self.poser.about_phrase(phrase, shown)
        reading, reply = yield from self._asked(question, "temporal", phrase.text, _choice(len(shown), "frame"))
        return _pivot(phrase, shown, reading, reply)

    def sounds(self, phrases: Sequence[Phrase], shown: list[int]) -> Dialogue[list[PivotFrame]]:
        """Ask which of the labels of one sound reference are objects in the video, and where each is seen best."""
        surest = sorted(phrases, key=lambda phrase: -phrase.score)
        labels = listed(list(dict.fromkeys(phrase.category or phrase.text for phrase in surest)))
        question = self.poser.about_labels(labels, union(phrase.heard for phrase in surest), shown)
        found, reply = yield from self._asked(question, "temporal", labels, lambda text: read_labels(text, len(shown)))
        if found.kind == "value":
            named = list(found.frames.items())[: 1 if self.options.one_source else None]
            readings = {renamed(surest, name): Reading("value", number, found.why) for name, number in named}
        else:
            kept = surest[:1] if found.kind == "unreadable" else surest
            readings = dict.fromkeys(kept, Reading(found.kind, why=found.why, problem=found.problem))
        return [_pivot(phrase, shown, reading, reply) for phrase, reading in readings.items()]

    def box(self, candidates: Candidates) -> Dialogue[PivotBox]:
        """Ask which candidate is meant."""
        count = min(len(candidates), self.options.max_candidates)
        phrase = candidates.pivot.phrase
        if count == 1 and not self._asks_single(phrase):
            return _box(candidates, 0, why="the only candidate", source="rule")
        question = self.poser.about_boxes(candidates, count)
        reading, reply = yield from self._asked(question, "spatial", phrase.text, _choice(count, "box"))
        raw = reply.answer.text
        if reading.kind == "unreadable":
            why = f"{reading.problem}; the candidate with the best score was taken"
            return _box(candidates, 0, why=why, source="fallback", raw=raw)
        place = None if reading.number is None else reading.number - 1
        why = reading.why or f"{'no box' if place is None else f'box {reading.number}'} of {count} was chosen"
        return _box(candidates, place, finding=_finding(reading), why=why, source=reply.source, raw=raw)

    def _asks_single(self, phrase: Phrase) -> bool:
        if self.options.ask_single is not None:
            return self.options.ask_single
        return self.options.prompts == "paper" and not phrase.sound

    def _asked(
        self, question: Question, stage: StageName, about: str, read: Callable[[str], Read]
    ) -> Generator[Inquiry, Reply, tuple[Read, Reply]]:
        """Ask, and once more when the answer cannot be read; a refusal is not asked about again."""
        reply = yield Inquiry(question, about)
        reading = self._judged(question, stage, about, read, reply)
        if reading.kind == "unreadable" and reply.answer.finish in ("stop", "length"):
            question = again(question, reply.answer, reading.problem)
            reply = yield Inquiry(question, about)
            reading = self._judged(question, stage, about, read, reply)
        return reading, reply

    def _judged(self, question: Question, stage: StageName, about: str, read: Callable[[str], Read], reply: Reply) -> Read:
        problem = FAILED.get(reply.answer.finish)
        reading = read(reply.answer.text) if problem is None else replace(read(""), problem=problem)
        event = QuestionEvent(
            key=reply.key,
            stage=stage,
            component=self.component,
            phrase=about,
            messages=question.messages,
            images=tuple(digest(image) for image in question.images),
            answer=reply.answer,
            parsed={name: value for name, value in asdict(reading).items() if value not in (None, "", {})},
            source=reply.source,
        )
        self.tell("question_answered", event)
        return reading


def _choice(count: int, noun: str) -> Callable[[str], Reading]:
    return lambda text: read_choice(text, count, noun)


def _finding(reading: Reading) -> Finding:
    """Name what a readable answer found."""
    return "ambiguous" if reading.kind == "ambiguous" else "absent" if reading.number is None else "found"


def _pivot(phrase: Phrase, shown: list[int], reading: Reading, reply: Reply) -> PivotFrame:
    raw = reply.answer.text
    if reading.kind == "unreadable":
        why = f"{reading.problem}; the middle frame was taken"
        return PivotFrame(phrase=phrase, frame=shown[len(shown) // 2], why=why, source="fallback", raw=raw)
    frame = None if reading.number is None else shown[reading.number - 1]
    why = reading.why or f"{'no frame' if frame is None else f'frame {reading.number}'} of the {len(shown)} shown was chosen"
    return PivotFrame(phrase=phrase, frame=frame, finding=_finding(reading), why=why, source=reply.source, raw=raw)


def renamed(phrases: Sequence[Phrase], name: str) -> Phrase:
    """Return the phrase that a cleaned label stands for: one of the same words, else the first, under the new name."""
    own = [each for each in phrases if name.lower() in (each.text.lower(), each.category.lower())]
    return own[0] if own else phrases[0].model_copy(update={"text": name, "category": name})


def _box(candidates: Candidates, place: int | None, **facts: Any) -> PivotBox:
    if place is None:
        return PivotBox(pivot=candidates.pivot, **facts)
    mask = None if candidates.masks is None else candidates.masks[place]
    score = float(candidates.scores[place])
    return PivotBox(pivot=candidates.pivot, xyxy=candidates.xyxy[place], score=score, mask=mask, **facts)
