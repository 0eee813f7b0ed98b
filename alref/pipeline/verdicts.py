"""Make one verdict per reference: found, absent, silent or ambiguous, with a reason and its source."""

from __future__ import annotations

from collections.abc import Sequence

from alref.records import Decision, DecisionSource, Finding, Phrase, PivotBox, PivotFrame, Reference, Track, Verdict


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
    return _make_absent_verdict(reference, [each for each in phrases if each.reference == reference.id], own_boxes, decisions)


def _make_found_verdict(reference: Reference, boxes: Sequence[PivotBox], decisions: Sequence[Decision]) -> Verdict:
    shown = [box for box in boxes if box.xyxy is not None or box.mask is not None]
    where = ", ".join(f"{box.pivot.phrase.text!r} on frame {box.pivot.frame}" for box in shown)
    finding: Finding = "ambiguous" if any(each.finding == "ambiguous" for each in decisions) else "found"
    return Verdict(
        reference=reference.id,
        finding=finding,
        why=_join_reasons([where, *_collect_reasons(decisions)]),
        source=_select_source(decisions),
        confidence=min((each.confidence for each in decisions if each.confidence is not None), default=None),
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
    last = "" if any(each.finding != "found" for each in decisions) else "all propagated masks are empty"
    unsure = any(each.finding == "ambiguous" for each in decisions)
    why = _join_reasons([*_collect_reasons(decisions), last])
    return Verdict(
        reference=reference.id, finding="ambiguous" if unsure else "absent", why=why, source=_select_source(decisions)
    )


def _collect_reasons(decisions: Sequence[Decision]) -> list[str]:
    return list(dict.fromkeys(each.why for each in decisions))


def _join_reasons(parts: Sequence[str]) -> str:
    return "; ".join(part for part in parts if part) or "no reason given"


def _select_source(decisions: Sequence[Decision]) -> DecisionSource:
    """Return the source of the last decision, or fallback if any decision is one."""
    sources = [each.source for each in decisions]
    return "fallback" if "fallback" in sources else (sources[-1] if sources else "rule")
