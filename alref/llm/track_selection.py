"""Pick tracks and audit existence by questions: pages, votes and their synthesis, the looks of tracks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from alref.llm.dialogues import DialogueBuilder
from alref.llm.track_dialogues import (
    NO_REASON,
    TrackDialogueBuilder,
    TrackPage,
    Vote,
    match_sound_concepts,
    rate_track,
    split_pages,
)
from alref.llm.track_questions import Appearances
from alref.records import Concept, ExistenceAudit, ObjectTrack, Phrase, TrackCandidates, TrackChoice


def find_concepts(
    builder: TrackDialogueBuilder,
    sound_builder: DialogueBuilder,
    phrases: Sequence[Phrase],
    failed: Sequence[Concept],
) -> list[Concept]:
    """Return the noun of each phrase; the labels of one sound reference share one question, as long as none failed."""
    tried = {phrase: [concept for concept in failed if concept.phrase == phrase] for phrase in phrases}
    labels = [phrase for phrase in phrases if phrase.sound and not tried[phrase]]
    found: dict[Phrase, list[Concept]] = {}
    dialogues = dict(sound_builder.ask_for_pivots(labels))
    for reference, pivots in zip(dialogues, builder.runner.run(list(dialogues.values())), strict=True):
        own = [phrase for phrase in labels if phrase.reference == reference]
        found |= {concept.phrase: [concept] for concept in match_sound_concepts(own, pivots)}
    others = [phrase for phrase in phrases if phrase not in found]
    concepts = builder.runner.run([builder.ask_for_concept(phrase, tried[phrase]) for phrase in others])
    found |= dict(zip(others, concepts, strict=True))
    return [concept for phrase in phrases for concept in found[phrase]]


def choose_tracks(builder: TrackDialogueBuilder, candidates: Sequence[TrackCandidates]) -> list[TrackChoice]:
    """Return a choice for every track of every phrase; without an answer that says it clearly, a track is uncertain."""
    options = builder.question_builder.options
    if options.appearance:
        _describe_appearances(builder, candidates)
    pages = [page for candidate in candidates for page in split_pages(candidate, options.max_tracks)]
    voters = options.voters
    dialogues = [
        builder.ask_for_vote(page, number, len(voters), model) for page in pages for number, model in enumerate(voters)
    ]
    answered = iter(builder.runner.run(dialogues))
    votes = [[next(answered) for _ in voters] for _ in pages]
    split = [place for place in range(len(pages)) if not _agree(pages[place], votes[place])]
    decided = dict(
        zip(split, builder.runner.run([builder.ask_for_synthesis(pages[place], votes[place]) for place in split]), strict=True)
    )
    return [choice for place, page in enumerate(pages) for choice in _make_choices(page, votes[place], decided.get(place))]


def audit_phrases(builder: TrackDialogueBuilder, candidates: Sequence[TrackCandidates]) -> list[ExistenceAudit]:
    """Return an audit for each phrase. Of several votes, more than half must contradict it."""
    voters = builder.question_builder.options.voters
    dialogues = [
        builder.ask_for_audit(candidate, number, len(voters), model)
        for candidate in candidates
        for number, model in enumerate(voters)
    ]
    answered = iter(builder.runner.run(dialogues))
    return [_count_audits([next(answered) for _ in voters]) for _ in candidates]


def _count_audits(audits: Sequence[ExistenceAudit]) -> ExistenceAudit:
    absent = [audit for audit in audits if audit.finding == "absent"]
    if 2 * len(absent) > len(audits):
        return absent[0]
    return next(audit for audit in audits if audit.finding != "absent")


def _describe_appearances(builder: TrackDialogueBuilder, candidates: Sequence[TrackCandidates]) -> None:
    """Ask which phrases are about looks, and then how their tracks look; what was asked in an earlier round is known."""
    known = builder.question_builder.appearances
    fresh = {candidate.phrase: list_undescribed(candidate, known) for candidate in candidates}
    asked = [phrase for phrase, tracks in fresh.items() if tracks]
    needed = builder.runner.run([builder.ask_for_need(phrase) for phrase in asked])
    known.update({(phrase, track.noun, track.id): "" for phrase in asked for track in fresh[phrase]})
    wanted = [(phrase, track) for phrase, need in zip(asked, needed, strict=True) if need for track in fresh[phrase]]
    looks = builder.runner.run([builder.ask_for_appearance(phrase, track) for phrase, track in wanted])
    for (phrase, track), words in zip(wanted, looks, strict=True):
        known[phrase, track.noun, track.id] = words


def list_undescribed(candidates: TrackCandidates, known: Appearances) -> list[ObjectTrack]:
    """List the tracks of a phrase that are seen, and whose looks were not asked about."""
    return [track for track in candidates.tracks if track.frames and (candidates.phrase, track.noun, track.id) not in known]


def _agree(page: TrackPage, votes: Sequence[Vote]) -> bool:
    return all(rate_track(vote, track.id)[0] == rate_track(votes[0], track.id)[0] for vote in votes for track in page.tracks)


def _make_choices(page: TrackPage, votes: Sequence[Vote], synthesis: Vote | None) -> list[TrackChoice]:
    deciding = synthesis or next((vote for vote in votes if vote.ratings.kind != "unreadable"), votes[0])
    shown = tuple(sorted({frame for vote in [*votes, *([synthesis] if synthesis else [])] for frame in vote.shown}))
    return [_make_choice(page, track.id, deciding, votes if synthesis else [], shown) for track in page.tracks]


def _make_choice(page: TrackPage, track: int, deciding: Vote, votes: Sequence[Vote], shown: tuple[int, ...]) -> TrackChoice:
    """Return the choice of the deciding answer; where it says nothing, that of all votes if they agree, else uncertain."""
    ratings, reply = deciding.ratings, deciding.reply
    agreed = {rate_track(vote, track)[0] for vote in votes}
    facts: dict[str, Any] = {
        "phrase": page.phrase,
        "track": track,
        "round": page.round,
        "frames": shown,
        "raw": reply.answer.text,
    }
    if track in ratings.ratings:
        choice, why = ratings.ratings[track]
        facts |= {"choice": choice, "why": why or ratings.why or NO_REASON, "source": reply.source}
    elif len(agreed) == 1:
        reasons = (rate_track(vote, track)[1] for vote in votes)
        why = next(filter(None, reasons), "all votes agree")
        facts |= {"choice": agreed.pop(), "why": why, "source": votes[0].reply.source}
    else:
        why = ratings.problem or "the answer does not decide it"
        facts |= {"choice": "uncertain", "why": why, "source": "fallback"}
    return TrackChoice(**facts)
