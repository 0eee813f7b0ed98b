"""What is asked about a phrase or its candidates, and what is made of the answers, as generators of questions."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, TypeVar

from alref.answers import digest
from alref.chat import describe, sampling
from alref.chat.exchange import Dialogue, Inquiry, Reply
from alref.chat.messages import Message, Question, QuestionEvent
from alref.chat.parsing import Labels, Reading, read_choice, read_labels
from alref.chat.questions import Task, again, filled, prompt, schema
from alref.chat.reasoner import ChatOptions
from alref.chat.sheets import Look, Sheet, boxes_sheet, frames_sheet
from alref.records import Candidates, Phrase, PivotBox, PivotFrame
from alref.video import Video

Read = TypeVar("Read", Reading, Labels)
StageName = Literal["temporal", "spatial"]
FAILED = {
    "refusal": "the model refused to answer",
    "filter": "the server's content filter stopped the answer",
    "length": "the answer was cut off before its end; answer in fewer words",
}


def heard(phrase: Phrase) -> bool:
    """Whether a phrase is a guess of what is heard: the label of a tagger, which is less than certain."""
    return phrase.score < 1.0


@dataclass
class Asker:
    """What the dialogues about one video share."""

    video: Video
    options: ChatOptions
    component: str
    tell: Callable[[str, object], None]

    def __post_init__(self) -> None:
        self._sheets: dict[tuple[bool, tuple[int, ...]], Sheet] = {}

    def frames(self, phrase: Phrase, shown: list[int]) -> Dialogue[PivotFrame]:
        """Ask in which of the frames ``shown`` the object is seen best, and look closer while that helps."""
        best: PivotFrame | None = None
        seen: list[int] = []
        for left in reversed(range(self.rounds)):
            pivot = yield from self._frame(phrase, shown)
            if best is not None and (pivot.frame is None or pivot.source == "fallback"):
                return best
            seen += shown
            shown = self._next(shown, seen, pivot) if left else []
            best = pivot if pivot.frame is not None else None
            if not shown or pivot.source == "fallback":
                return pivot
        raise AssertionError("the last round returns")

    @property
    def rounds(self) -> int:
        """How many questions a phrase may take."""
        return 1 if self.options.sampler == "paper" else self.options.max_questions

    def _next(self, shown: list[int], seen: list[int], pivot: PivotFrame) -> list[int]:
        if pivot.frame is None:
            return sampling.between(self.video, seen, self.options.frames)
        return sampling.closer(self.video, shown, pivot.frame, self.options.frames)

    def _frame(self, phrase: Phrase, shown: list[int]) -> Dialogue[PivotFrame]:
        values = {"phrase": phrase.text, "category": phrase.category}
        question = self._about_frames("frame_text", shown, values)
        reading, reply = yield from self._asked(question, "temporal", phrase.text, _choice(len(shown), "frame"))
        return _pivot(phrase, shown, reading, reply)

    def sounds(self, phrases: Sequence[Phrase], shown: list[int]) -> Dialogue[list[PivotFrame]]:
        """Ask which of the labels of one sound reference are objects in the video, and where each is seen best."""
        labels = ", ".join(dict.fromkeys(phrase.category or phrase.text for phrase in phrases))
        vocabulary = ", ".join(self.options.vocabulary)
        values = {"labels": labels, "vocabulary": vocabulary, "one_source": self.options.one_source}
        question = self._about_frames("frame_sound", shown, values)
        found, reply = yield from self._asked(question, "temporal", labels, lambda text: read_labels(text, len(shown)))
        if found.kind != "value":
            reading = Reading(found.kind, why=found.why, problem=found.problem)
            return [_pivot(phrase, shown, reading, reply) for phrase in phrases[: 1 if found.kind == "unreadable" else None]]
        frames = list(found.frames.items())[: 1 if self.options.one_source else None]
        pivots = []
        for name, number in frames:
            pivots.append(_pivot(renamed(phrases, name), shown, Reading("value", number, found.why), reply))
        return pivots

    def box(self, candidates: Candidates) -> Dialogue[PivotBox]:
        """Ask which candidate is meant."""
        count = min(len(candidates), self.options.max_candidates)
        phrase = candidates.pivot.phrase
        if count == 1 and not self._asks_single(phrase):
            return _box(candidates, 0, why="the only candidate", source="rule")
        question = self._about_boxes(candidates, count)
        reading, reply = yield from self._asked(question, "spatial", phrase.text, _choice(count, "box"))
        if reading.kind == "unreadable":
            why = f"{reading.problem}; the candidate with the best score was taken"
            return _box(candidates, 0, why=why, source="fallback", raw=reply.answer.text)
        finding = "found" if reading.kind == "value" else reading.kind
        place = None if reading.number is None else reading.number - 1
        chosen = "no box fits" if place is None else f"box {reading.number} of {count} was chosen"
        facts = {"finding": finding, "why": reading.why or chosen, "source": reply.source, "raw": reply.answer.text}
        return _box(candidates, place, **facts)

    def _asks_single(self, phrase: Phrase) -> bool:
        if self.options.ask_single is not None:
            return self.options.ask_single
        return self.options.prompts == "paper" and not heard(phrase)

    def _about_frames(self, task: Task, shown: list[int], values: dict[str, Any]) -> Question:
        seconds = [float(self.video.times[frame]) for frame in shown]
        times = f"The frames are at {', '.join(f'{time:.1f}' for time in seconds)} seconds." if self.options.vision else ""
        place = task == "frame_text", tuple(shown)
        if place not in self._sheets:
            frames = [frame for _, frame in self.video.frames(shown)]
            words = Sheet((), describe.frames_in_words(frames, seconds)) if not self.options.vision else None
            self._sheets[place] = words or frames_sheet(frames, self._look(vertical=place[0]))
        return self._question(task, len(shown), self._sheets[place], {"times": times, **values})

    def _about_boxes(self, candidates: Candidates, count: int) -> Question:
        phrase, pivot = candidates.pivot.phrase, candidates.pivot.frame
        assert pivot is not None
        shown = self._context(pivot, heard(phrase))
        frames = [frame for _, frame in self.video.frames(shown)]
        chosen, shape = shown.index(pivot), frames[0].shape
        if self.options.vision:
            sheet = boxes_sheet(frames, chosen, candidates.xyxy[:count], self._look(not heard(phrase)))
            boxes = describe.boxes_listed(candidates, count, shape)
        else:
            sheet = Sheet((), "You cannot see the video. The boxes on one of its frames are described.")
            boxes = describe.boxes_in_words(candidates, count, frames, chosen)
        blind = not self.options.vision
        values = {
            "boxes": boxes,
            "labelled": boxes if blind else describe.boxes_labelled(candidates, count),
            "placed": boxes if blind else describe.boxes_placed(candidates, count, shape),
            "frame": chosen + 1,
            "phrase": phrase.text,
            "category": phrase.category,
            "heard": heard(phrase),
        }
        return self._question("box", count, sheet, values)

    def _context(self, pivot: int, sounding: bool) -> list[int]:
        if self.options.sampler == "paper":
            return sampling.published_context(len(self.video), pivot, sounding)
        return sampling.context(self.video, pivot)

    def _question(self, task: Task, count: int, sheet: Sheet, values: dict[str, Any]) -> Question:
        text = prompt(task, self.options.prompts, self.options.prompt_files)
        words = filled(text, {"pictures": sheet.text, "count": count, **values}, task)
        wanted = schema(task, count) if self.options.prompts == "structured" else None
        return Question(messages=(Message(text=words),), images=sheet.images, answer_schema=wanted)

    def _look(self, vertical: bool) -> Look:
        return Look(self.options.layout, self.options.image_size, self.options.image_format, vertical)

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


def _pivot(phrase: Phrase, shown: list[int], reading: Reading, reply: Reply) -> PivotFrame:
    raw = reply.answer.text
    if reading.kind == "unreadable":
        why = f"{reading.problem}; the middle frame was taken"
        return PivotFrame(phrase=phrase, frame=shown[len(shown) // 2], why=why, source="fallback", raw=raw)
    frame = None if reading.number is None else shown[reading.number - 1]
    chosen = "no frame shows it" if frame is None else f"frame {reading.number} of the {len(shown)} shown was chosen"
    finding = "found" if reading.kind == "value" else reading.kind
    return PivotFrame(phrase=phrase, frame=frame, finding=finding, why=reading.why or chosen, source=reply.source, raw=raw)


def renamed(phrases: Sequence[Phrase], name: str) -> Phrase:
    """Return the phrase that a cleaned label stands for: one of the same words, else the best, under the new name."""
    own = [each for each in phrases if name.lower() in (each.text.lower(), each.category.lower())]
    return own[0] if own else phrases[0].model_copy(update={"text": name, "category": name})


def _box(candidates: Candidates, place: int | None, **facts: Any) -> PivotBox:
    if place is None:
        return PivotBox(pivot=candidates.pivot, **facts)
    mask = None if candidates.masks is None else candidates.masks[place]
    score = float(candidates.scores[place])
    return PivotBox(pivot=candidates.pivot, xyxy=candidates.xyxy[place], score=score, mask=mask, **facts)
