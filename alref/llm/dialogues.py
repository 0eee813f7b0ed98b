"""Dialogues about phrases and candidates: which questions are asked, and what the answers decide."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from alref.audio.intervals import merge_spans
from alref.llm import frame_sampling
from alref.llm.conversations import ConversationRunner, Dialogue, Reply
from alref.llm.messages import QuestionSlot
from alref.llm.parsing import ParsedChoice, ParsedLabels, parse_choice, parse_labels
from alref.llm.question_builder import QuestionBuilder
from alref.records import Candidates, Phrase, PivotBox, PivotFrame


@dataclass(frozen=True)
class DialogueBuilder:
    """Builds dialogues about one video; ``slot`` is the slot that asks about sounds."""

    question_builder: QuestionBuilder
    runner: ConversationRunner
    slot: QuestionSlot = "temporal"

    def ask_for_pivots(self, phrases: Sequence[Phrase]) -> Iterator[tuple[Phrase | str, Dialogue[list[PivotFrame]]]]:
        """Yield the dialogues that find the pivot frames of all phrases, each with its phrase or reference id.

        The labels of one sound reference, given by its id, share one dialogue. A text has one dialogue, or one for each chunk
        of the video with the published sampler; one that starts from the middle frame asks nothing.
        """
        video, options = self.question_builder.video, self.question_builder.options
        published = options.sampler == "paper"
        for reference in dict.fromkeys(phrase.reference for phrase in phrases if phrase.sound):
            labels = [phrase for phrase in phrases if phrase.sound and phrase.reference == reference]
            if published:
                shown = frame_sampling.sample_uniform(0, len(video), 2 * frame_sampling.CHUNK_LENGTH)
            else:
                heard = merge_spans(label.heard for label in labels)
                shown = frame_sampling.sample_within_spans(video, heard, options.frames)
            yield reference, self.ask_for_sound_sources(labels, shown)
        for phrase in [phrase for phrase in phrases if not phrase.sound]:
            if options.pivot == "middle":
                chunks = [[(len(video) - 1) // 2]]
            elif published:
                chunks = frame_sampling.split_into_chunks(len(video))
            else:
                chunks = [frame_sampling.sample_within_spans(video, phrase.heard, options.frames)]
            for shown in chunks:
                yield phrase, self.ask_for_frame(phrase, shown)

    def ask_for_frame(self, phrase: Phrase, shown: list[int]) -> Dialogue[list[PivotFrame]]:
        """Ask in which of the frames ``shown`` the object is seen best, and ask again about closer frames while that helps.

        The earlier finding stands if a closer look does not show the object or its answer cannot be read.
        """
        options = self.question_builder.options
        if options.pivot == "middle":
            return [PivotFrame(phrase=phrase, frame=shown[0], why="the middle frame")]
        best: PivotFrame | None = None
        tried: list[int] = []
        for left in reversed(range(1 if options.sampler == "paper" else options.max_questions)):
            question = self.question_builder.build_phrase_question(phrase, shown)
            parse = partial(parse_choice, count=len(shown), noun="frame")
            reading, reply = (yield from self.runner.ask_until_readable(question, "temporal", parse))[-1]
            if reading.kind == "unreadable" and options.unreadable == "paper":
                return [_make_unread_pivot(phrase, reading.problem, reply)]
            pivot = _make_pivot_frame(phrase, shown, reading, reply)
            if best is not None and (pivot.frame is None or pivot.source == "fallback"):
                return [best]
            tried += shown
            shown = self._sample_next_frames(shown, tried, pivot) if left else []
            best = pivot if pivot.frame is not None else None
            if not shown or pivot.source == "fallback":
                return [pivot]
        raise AssertionError("the last round returns")

    def _sample_next_frames(self, shown: list[int], tried: list[int], pivot: PivotFrame) -> list[int]:
        video, count = self.question_builder.video, self.question_builder.options.frames
        if pivot.frame is None:
            return frame_sampling.sample_between(video, tried, count)
        return frame_sampling.sample_around(video, shown, pivot.frame, count)

    def ask_for_sound_sources(self, phrases: Sequence[Phrase], shown: list[int]) -> Dialogue[list[PivotFrame]]:
        """Ask which of the labels of one sound reference are objects in the video, and where each is seen best."""
        surest = sorted(phrases, key=lambda phrase: -phrase.score)
        labels = list(dict.fromkeys(phrase.category or phrase.text for phrase in surest))
        question = self.question_builder.build_label_question(labels, merge_spans(phrase.heard for phrase in surest), shown)
        answers = yield from self.runner.ask_until_readable(question, self.slot, partial(parse_labels, count=len(shown)))
        found, reply = next(
            (answer for answer in reversed(answers) if answer[0].kind != "unreadable" or answer[0].frames), answers[-1]
        )
        pivots = self._make_sound_pivots(surest, shown, found, reply)
        if self.question_builder.options.pivot == "chosen":
            return pivots
        middle = (len(self.question_builder.video) - 1) // 2
        return [pivot if pivot.frame is None else pivot.model_copy(update={"frame": middle}) for pivot in pivots]

    def _make_sound_pivots(
        self, phrases: Sequence[Phrase], shown: list[int], found: ParsedLabels, reply: Reply
    ) -> list[PivotFrame]:
        """Return a pivot for each object that the answer names; a frame that cannot be read is replaced.

        By the published rule the first frame replaces a frame out of range, a name without a number does not count, and an
        answer without names means that no label is an object in the video.
        """
        options = self.question_builder.options
        published = options.unreadable == "paper"
        named = [(name, number) for name, number in found.frames.items() if number is not None or not published]
        if not named and found.kind == "unreadable":
            if published:
                return [_make_unread_pivot(phrase, found.problem, reply) for phrase in phrases]
            return [_make_pivot_frame(phrases[0], shown, ParsedChoice("unreadable", problem=found.problem), reply)]
        if not named:
            return [_make_pivot_frame(phrase, shown, ParsedChoice(found.kind, why=found.why), reply) for phrase in phrases]
        pivots = {}
        for name, number in named[: 1 if options.one_source else None]:
            phrase = match_phrase(phrases, name)
            if number is not None and 1 <= number <= len(shown):
                pivots[phrase] = _make_pivot_frame(phrase, shown, ParsedChoice("found", number, found.why), reply)
            else:
                reading = ParsedChoice("unreadable", problem=found.problem)
                pivots[phrase] = _make_pivot_frame(phrase, shown, reading, reply, "first" if published else "middle")
        return list(pivots.values())

    def ask_for_box(self, candidates: Candidates) -> Dialogue[PivotBox]:
        """Ask which candidate is the object."""
        options, phrase = self.question_builder.options, candidates.pivot.phrase
        count = min(len(candidates), options.max_candidates)
        ask_single = options.ask_single
        if ask_single is None:
            ask_single = options.prompts == "paper" and not phrase.sound
        if count == 1 and not ask_single:
            return _make_pivot_box(candidates, 0, why="the only candidate", source="rule")
        question = self.question_builder.build_box_question(candidates, count)
        parse = partial(parse_choice, count=count, noun="box")
        reading, reply = (yield from self.runner.ask_until_readable(question, "spatial", parse))[-1]
        raw = reply.answer.text
        published = options.unreadable == "paper"
        if reading.kind == "unreadable" and published and not phrase.sound:
            why = f"{reading.problem}; the frame is left out, as published"
            return _make_pivot_box(candidates, None, finding="absent", why=why, source="fallback", raw=raw)
        if reading.kind == "unreadable" or (reading.number is None and published and phrase.sound):
            why = f"{reading.problem or 'no box was chosen'}; the candidate with the best score was taken"
            return _make_pivot_box(candidates, 0, why=why, source="fallback", raw=raw)
        place = None if reading.number is None else reading.number - 1
        why = reading.why or f"{'no box' if place is None else f'box {reading.number}'} of {count} was chosen"
        return _make_pivot_box(candidates, place, finding=reading.kind, why=why, source=reply.source, raw=raw)


def _make_unread_pivot(phrase: Phrase, problem: str, reply: Reply) -> PivotFrame:
    """Return that a phrase is absent because of an answer that cannot be read, as published."""
    why = f"{problem}; the answer does not count, as published"
    return PivotFrame(phrase=phrase, finding="absent", why=why, source="fallback", raw=reply.answer.text)


def _make_pivot_frame(
    phrase: Phrase, shown: list[int], reading: ParsedChoice, reply: Reply, default: Literal["first", "middle"] = "middle"
) -> PivotFrame:
    """Return the pivot of an answer; the default frame, marked a fallback, if the answer cannot be read."""
    raw = reply.answer.text
    if reading.kind == "unreadable":
        why = f"{reading.problem}; the {default} frame was taken"
        taken = shown[0 if default == "first" else len(shown) // 2]
        return PivotFrame(phrase=phrase, frame=taken, why=why, source="fallback", raw=raw)
    frame = None if reading.number is None else shown[reading.number - 1]
    why = reading.why or f"{'no frame' if frame is None else f'frame {reading.number}'} of the {len(shown)} shown was chosen"
    return PivotFrame(phrase=phrase, frame=frame, finding=reading.kind, why=why, source=reply.source, raw=raw)


def select_answered(pivots: list[PivotFrame]) -> list[PivotFrame]:
    """Return the pivots of one phrase that have a frame and are not fallbacks; if there are none, one of the others."""
    answered = [pivot for pivot in pivots if pivot.frame is not None and pivot.source != "fallback"]
    unsure = [pivot for pivot in pivots if pivot.source == "fallback" or pivot.finding == "ambiguous"]
    return answered or unsure[:1] or pivots[:1]


def match_phrase(phrases: Sequence[Phrase], name: str) -> Phrase:
    """Return the phrase of a cleaned label: the one with the same words, else the first one under the new name."""
    own = [phrase for phrase in phrases if name.lower() in (phrase.text.lower(), phrase.category.lower())]
    return own[0] if own else phrases[0].model_copy(update={"text": name, "category": name})


def _make_pivot_box(candidates: Candidates, index: int | None, **facts: Any) -> PivotBox:
    if index is None:
        return PivotBox(pivot=candidates.pivot, **facts)
    mask = None if candidates.masks is None else candidates.masks[index]
    score = float(candidates.scores[index])
    return PivotBox(pivot=candidates.pivot, xyxy=candidates.xyxy[index], score=score, mask=mask, **facts)
