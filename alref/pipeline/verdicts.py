"""Make one verdict per reference: found, absent, silent or ambiguous, with a reason and its source."""

from __future__ import annotations

from collections.abc import Sequence

from alref.records import (
    Concept,
    Decision,
    DecisionSource,
    ExistenceAudit,
    Finding,
    Phrase,
    PivotBox,
    PivotFrame,
    Reference,
    Track,
    TrackChoice,
    Verdict,
)


def make_verdict(
    reference: Reference,
    phrases: Sequence[Phrase],
    pivots: Sequence[PivotFrame],
    boxes: Sequence[PivotBox],
    tracks: Sequence[Track],
    silent_verdict: Verdict | None = None,
) -> Verdict:
    """Return the verdict of one reference, given the phrases, decisions and tracks of the run.

    ``silent_verdict`` is the verdict of a reference whose audio or speech could not be used.
    """
    own_boxes = [box for box in boxes if box.pivot.phrase.reference == reference.id]
    own_pivots = [pivot for pivot in pivots if pivot.phrase.reference == reference.id]
    decisions: list[Decision] = [*own_pivots, *own_boxes]
    own = [track for track in tracks if track.phrase.reference == reference.id]
    if any(rle.area for track in own for rle in track.rles):
        return _make_found_verdict(reference, own_boxes, decisions)
    if own and all(track.phrase.heard == () for track in own):
        names = ", ".join(repr(track.phrase.text) for track in own)
        return Verdict(reference=reference.id, finding="silent", why=f"{names} {'is' if len(own) == 1 else 'are'} never heard")
    if silent_verdict:
        return silent_verdict
    return _make_absent_verdict(
        reference, [phrase for phrase in phrases if phrase.reference == reference.id], own_boxes, decisions
    )


def make_track_verdict(
    reference: Reference,
    phrases: Sequence[Phrase],
    concepts: Sequence[Concept],
    choices: Sequence[TrackChoice],
    audits: Sequence[ExistenceAudit],
    tracks: Sequence[Track],
    early_verdict: Verdict | None = None,
) -> Verdict:
    """Return the verdict of one reference in the order ``tracks``; ``early_verdict`` is that of unusable audio or speech."""
    own = [phrase for phrase in phrases if phrase.reference == reference.id]
    if early_verdict:
        return early_verdict
    if not own:
        return _make_absent_verdict(reference, [], [], [])
    if all(phrase.heard == () for phrase in own):
        names = ", ".join(repr(phrase.text) for phrase in own)
        return Verdict(reference=reference.id, finding="silent", why=f"{names} {'is' if len(own) == 1 else 'are'} never heard")
    shown = any(rle.area for track in tracks if track.phrase.reference == reference.id for rle in track.rles)
    found: Finding = "found" if shown else "absent"
    decisions = [decision for phrase in own for decision in _list_last_decisions(phrase, concepts, choices, audits, found)]
    unsure = any(decision.finding == "ambiguous" for decision in decisions)
    return Verdict(
        reference=reference.id,
        finding="ambiguous" if unsure else found,
        why=_join_reasons(_collect_reasons(decisions)),
        source=_select_source(decisions),
        confidence=_find_lowest_confidence(decisions) if shown else None,
    )


def _list_last_decisions(
    phrase: Phrase,
    concepts: Sequence[Concept],
    choices: Sequence[TrackChoice],
    audits: Sequence[ExistenceAudit],
    finding: Finding,
) -> list[Decision]:
    """List the decisions that led to what is shown of a phrase, with their reasons; one without an answer is absent."""
    last = {(choice.noun, choice.track): choice for choice in choices if choice.phrase == phrase}
    accepted = [choice for choice in last.values() if choice.choice == "accept"]
    doubts: list[Decision] = [audit for audit in audits if audit.phrase == phrase and audit.finding == "ambiguous"]
    objections: list[Decision] = [audit for audit in audits if audit.phrase == phrase and audit.finding == "absent"]
    named = [concept for concept in concepts if concept.phrase == phrase]
    if objections:
        return objections
    if accepted:
        return [
            *(choice.model_copy(update={"why": f"{choice.noun} {choice.track}: {choice.why}"}) for choice in accepted),
            *doubts,
        ]
    if finding == "found":
        return []
    if last:
        return [choice.model_copy(update={"why": f"{choice.noun} {choice.track}: {choice.why}"}) for choice in last.values()]
    if refused := [concept for concept in named if concept.finding != "found"]:
        return list(refused)
    if not named:
        return [Decision(finding="absent", why=f"the selector names no object for {phrase.text!r}")]
    nouns = ", ".join(dict.fromkeys(noun for concept in named for noun in concept.nouns))
    return [Decision(finding="absent", why=f"no track of {nouns} was found for {phrase.text!r}", source=named[-1].source)]


def make_user_verdict(verdict: Verdict, tracks: Sequence[Track]) -> Verdict:
    """Return the verdict of a reference after the user decided about its objects; as it was if a name is all that changed."""
    corrected = sorted({frame for track in tracks for frame in track.corrected})
    confirmed = sorted({frame for track in tracks for frame in track.confirmed})
    shown = any(rle.area for track in tracks for rle in track.rles)
    if not corrected and not confirmed and (shown or verdict.finding == "absent"):
        return verdict
    parts = [
        f"{word} on frame{'s' * (len(frames) > 1)} {', '.join(map(str, frames))}"
        for word, frames in (("corrected", corrected), ("confirmed", confirmed))
        if frames
    ]
    why = " and ".join(parts) or "removed by the user"
    return Verdict(reference=verdict.reference, finding="found" if shown else "absent", why=why, source="user")


def _make_found_verdict(reference: Reference, boxes: Sequence[PivotBox], decisions: Sequence[Decision]) -> Verdict:
    shown = [box for box in boxes if box.kinds - {"absent"}]
    where = ", ".join(f"{box.pivot.phrase.text!r} on frame {box.pivot.frame}" for box in shown)
    finding: Finding = "ambiguous" if any(decision.finding == "ambiguous" for decision in decisions) else "found"
    return Verdict(
        reference=reference.id,
        finding=finding,
        why=_join_reasons([where, *_collect_reasons(decisions)]),
        source=_select_source(decisions),
        confidence=_find_lowest_confidence(decisions),
    )


def _make_absent_verdict(
    reference: Reference, phrases: Sequence[Phrase], boxes: Sequence[PivotBox], decisions: Sequence[Decision]
) -> Verdict:
    if not phrases and not decisions:
        silent = reference.sound and not (reference.text or reference.spoken)
        why = "the tagger found no sounds" if silent else "the unifier found no phrases"
        return Verdict(reference=reference.id, finding="silent" if silent else "absent", why=why)
    if not decisions:
        return Verdict(reference=reference.id, finding="absent", why="the temporal reasoner did not answer for it")
    last = "" if any(decision.finding != "found" for decision in decisions) else "all propagated masks are empty"
    unsure = any(decision.finding == "ambiguous" for decision in decisions)
    why = _join_reasons([*_collect_reasons(decisions), last])
    return Verdict(
        reference=reference.id, finding="ambiguous" if unsure else "absent", why=why, source=_select_source(decisions)
    )


def _collect_reasons(decisions: Sequence[Decision]) -> list[str]:
    return list(dict.fromkeys(decision.why for decision in decisions))


def _join_reasons(parts: Sequence[str]) -> str:
    return "; ".join(part for part in parts if part) or "no reason given"


def _select_source(decisions: Sequence[Decision]) -> DecisionSource:
    """Return the source of the last decision, or fallback if any decision is one."""
    sources = [decision.source for decision in decisions]
    return "fallback" if "fallback" in sources else (sources[-1] if sources else "rule")


def _find_lowest_confidence(decisions: Sequence[Decision]) -> float | None:
    return min((decision.confidence for decision in decisions if decision.confidence is not None), default=None)
