"""Dialogues about tracks: which questions are asked, and what the answers decide."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from alref.llm import frame_sampling
from alref.llm.concept_rules import find_plain_noun
from alref.llm.conversations import ConversationRunner, Dialogue, Reply
from alref.llm.track_parsing import (
    TRACK_CHOICES,
    ParsedJudgment,
    ParsedRatings,
    parse_concept,
    parse_description,
    parse_judgment,
    parse_ratings,
)
from alref.llm.track_questions import TrackQuestionBuilder
from alref.records import Concept, ExistenceAudit, ObjectTrack, Phrase, PivotFrame, TrackCandidates

NO_REASON = "the model gives no reason"
AUDIT_VERDICTS = ("present", "contradicted", "unsure")


@dataclass(frozen=True)
class TrackPage:
    """The tracks of one question about a phrase, and its round."""

    phrase: Phrase
    tracks: tuple[ObjectTrack, ...]
    round: int

    @property
    def frames(self) -> list[int]:
        """The frames on which any of the tracks has a mask, in order."""
        return sorted({frame for track in self.tracks for frame in track.frames})


@dataclass(frozen=True)
class Vote:
    """One answer about a page: the ratings, the reply, and the frames that were shown."""

    ratings: ParsedRatings
    reply: Reply
    shown: tuple[int, ...]


def split_pages(candidates: TrackCandidates, size: int) -> Iterator[TrackPage]:
    """Yield the tracks of a phrase in pages of at most ``size``, in their order."""
    for start in range(0, len(candidates.tracks), size):
        yield TrackPage(candidates.phrase, candidates.tracks[start : start + size], candidates.round)


@dataclass(frozen=True)
class TrackDialogueBuilder:
    """Builds dialogues about the tracks of one video."""

    question_builder: TrackQuestionBuilder
    runner: ConversationRunner

    def ask_for_concept(self, phrase: Phrase, failed: Sequence[Concept]) -> Dialogue[list[Concept]]:
        """Find the noun of a phrase: its category, else by a question without frames, else by one with frames.

        After ``failed`` nouns the frames are shown at once. No noun is left if the answer cannot be read or repeats one.
        """
        attempt, tried = len(failed) + 1, [name for concept in failed for name in (concept.noun, concept.broader) if name]
        noun = "" if failed else find_plain_noun(phrase)
        if noun:
            return [Concept(phrase=phrase, noun=noun, why="the noun of the words", source="rule")]
        if not failed and not phrase.sound:
            question = self.question_builder.build_concept_question(phrase)
            parsed, reply = (yield from self.runner.ask_until_readable(question, "selector", parse_concept))[-1]
            if parsed.kind != "unreadable" and not parsed.reasoning:
                facts: dict[str, Any] = {"why": parsed.why or NO_REASON, "source": reply.source, "raw": reply.answer.text}
                return [Concept(phrase=phrase, noun=parsed.noun, broader=parsed.broader, **facts)]
        video = self.question_builder.video
        shown = frame_sampling.sample_within_spans(video, phrase.heard, self.question_builder.options.track_frames)
        question = self.question_builder.build_shown_concept_question(phrase, tried, shown)
        parse = partial(parse_concept, failed=tried, is_shown=True)
        parsed, reply = (yield from self.runner.ask_until_readable(question, "selector", parse))[-1]
        facts = {"phrase": phrase, "reasoning": True, "attempt": attempt, "raw": reply.answer.text}
        if parsed.kind == "found":
            return [
                Concept(noun=parsed.noun, broader=parsed.broader, why=parsed.why or NO_REASON, source=reply.source, **facts)
            ]
        if failed:
            return []
        unnamed = phrase.category or phrase.text
        if parsed.kind == "unreadable":
            why = f"{parsed.problem}; nothing was looked for"
            return [Concept(noun=unnamed, finding="ambiguous", why=why, source="fallback", **facts)]
        why = parsed.why or "no kind of thing in the video can be meant"
        return [Concept(noun=unnamed, finding="absent", why=why, source=reply.source, **facts)]

    def ask_for_vote(self, page: TrackPage, number: int, votes: int, model: str) -> Dialogue[Vote]:
        """Ask for a choice about every track of a page: vote ``number`` (from 0) of ``votes``, each with other frames."""
        count = self.question_builder.options.track_frames
        shift = frame_sampling.compute_shift(0 if model else number, 1 if model else votes, page.round)
        shown = tuple(frame_sampling.sample_frames(page.frames, count, shift))
        question = self.question_builder.build_track_question("tracks", page.phrase, page.tracks, shown, model)
        parse = partial(parse_ratings, numbers=[track.id for track in page.tracks], words=TRACK_CHOICES)
        parsed, reply = (yield from self.runner.ask_until_readable(question, "selector", parse))[-1]
        return Vote(parsed, reply, shown)

    def ask_for_synthesis(self, page: TrackPage, votes: Sequence[Vote]) -> Dialogue[Vote]:
        """Ask for a choice about every track of a page, given votes that do not agree; all of their frames are sampled."""
        count = self.question_builder.options.track_frames
        shift = frame_sampling.compute_shift(0, 1, page.round)
        shown = tuple(frame_sampling.sample_frames(page.frames, count, shift))
        described = _describe_votes(page, votes)
        question = self.question_builder.build_track_question("synthesis", page.phrase, page.tracks, shown, votes=described)
        parse = partial(parse_ratings, numbers=[track.id for track in page.tracks], words=TRACK_CHOICES)
        parsed, reply = (yield from self.runner.ask_until_readable(question, "selector", parse))[-1]
        return Vote(parsed, reply, shown)

    def ask_for_need(self, phrase: Phrase) -> Dialogue[bool]:
        """Ask whether a phrase is about how the object looks; an unreadable answer counts as no."""
        question = self.question_builder.build_need_question(phrase)
        parse = partial(parse_judgment, verdicts=("yes", "no"))
        parsed, _ = (yield from self.runner.ask_until_readable(question, "selector", parse))[-1]
        return parsed.verdict == "yes"

    def ask_for_appearance(self, phrase: Phrase, track: ObjectTrack) -> Dialogue[str]:
        """Ask how a track looks. Return an empty text if the answer cannot be read."""
        question = self.question_builder.build_appearance_question(phrase, track)
        parsed, _ = (yield from self.runner.ask_until_readable(question, "selector", parse_description))[-1]
        return parsed.evidence

    def ask_for_audit(self, candidates: TrackCandidates, number: int, votes: int, model: str) -> Dialogue[ExistenceAudit]:
        """Ask whether what a phrase describes is in the video, given its accepted tracks. Doubt is ``found``."""
        builder = self.question_builder
        frames = range(len(builder.video))
        shift = frame_sampling.compute_shift(0 if model else number, 1 if model else votes, 1)
        shown = frame_sampling.sample_frames(frames, builder.options.track_frames, shift)
        question = builder.build_track_question("audit", candidates.phrase, candidates.tracks, shown, model)
        parse = partial(parse_judgment, verdicts=AUDIT_VERDICTS, contradiction="contradicted", named=True)
        parsed, reply = (yield from self.runner.ask_until_readable(question, "selector", parse))[-1]
        return _make_audit(candidates.phrase, parsed, reply)


def _describe_votes(page: TrackPage, votes: Sequence[Vote]) -> str:
    lines = []
    for number, vote in enumerate(votes, 1):
        if vote.ratings.kind == "unreadable":
            continue
        found = (f"object {track.id}: {' - '.join(filter(None, rate_track(vote, track.id)))}" for track in page.tracks)
        lines.append(f"Observer {number}: {vote.ratings.why} {'; '.join(found)}".replace("  ", " "))
    return "\n".join(lines)


def rate_track(vote: Vote, track: int) -> tuple[str, str]:
    """Return the choice of a vote about a track, and its reason; uncertain if the answer does not decide it."""
    return vote.ratings.ratings.get(track, ("uncertain", ""))


def _make_audit(phrase: Phrase, parsed: ParsedJudgment, reply: Reply) -> ExistenceAudit:
    raw = reply.answer.text
    if parsed.kind == "unreadable":
        why = f"{parsed.problem}; that contradicts nothing"
        return ExistenceAudit(phrase=phrase, why=why, source="fallback", raw=raw)
    if parsed.verdict == "contradicted":
        facts: dict[str, Any] = {"finding": "absent", "criterion": parsed.criterion, "why": parsed.evidence}
        return ExistenceAudit(phrase=phrase, source=reply.source, raw=raw, **facts)
    return ExistenceAudit(phrase=phrase, why=parsed.why or NO_REASON, source=reply.source, raw=raw)


def match_sound_concepts(phrases: Sequence[Phrase], pivots: Sequence[PivotFrame]) -> list[Concept]:
    """Return one concept for each label of a sound reference, given what the model made of the labels.

    A name that is none of the labels goes to the surest label that no other name has; a label without a name is absent.
    """
    named: dict[Phrase, PivotFrame] = {}
    free = sorted(phrases, key=lambda phrase: -phrase.score)
    located = [pivot for pivot in pivots if pivot.frame is not None]
    for pivot in sorted(located, key=lambda pivot: pivot.phrase not in phrases):
        phrase = pivot.phrase if pivot.phrase in free else next(iter(free), None)
        if phrase is not None:
            named[phrase] = pivot
            free.remove(phrase)
    missing = next((pivot.why for pivot in pivots if pivot.frame is None), "it makes no sound that the video shows")
    return [_make_sound_concept(phrase, named.get(phrase), missing) for phrase in phrases]


def _make_sound_concept(phrase: Phrase, pivot: PivotFrame | None, missing: str) -> Concept:
    own = (phrase.category or phrase.text).lower()
    if pivot is None:
        return Concept(phrase=phrase, noun=own, reasoning=True, finding="absent", why=missing, source="model")
    noun = (pivot.phrase.category or pivot.phrase.text).lower()
    return Concept(phrase=phrase, noun=noun, reasoning=True, why=pivot.why, source=pivot.source, raw=pivot.raw)
