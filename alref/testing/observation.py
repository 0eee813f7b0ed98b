"""Observe whether a component finds anything, so that a requirement is not met by answers that hold nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from alref.records import (
    BehaviorReview,
    Candidates,
    Concept,
    ExistenceAudit,
    FrameMasks,
    MaskReview,
    ObjectTrack,
    Phrase,
    PivotBox,
    PivotFrame,
    TrackChoice,
    Transcript,
)

_METHODS = (
    *("unify", "tag", "transcribe", "locate", "pick_frames", "pick_boxes", "propose", "propagate"),
    *("track", "name_concepts", "pick_tracks", "audit_existence", "review_masks", "review_behavior"),
)


def holds_something(record: object) -> bool:
    """Return whether a record says that something is there: a box, a frame, a mask, words, a sound that is heard, a choice."""
    if isinstance(record, FrameMasks):
        return bool(record.masks.any())
    if isinstance(record, PivotFrame | PivotBox | Concept):
        return record.finding == "found"
    if isinstance(record, TrackChoice):
        return record.choice != "uncertain"
    if isinstance(record, ObjectTrack):
        return bool(record.frames)
    if isinstance(record, Phrase):
        return record.heard != ()
    if isinstance(record, MaskReview):
        return {*record.answers} != {"unclear"}
    if isinstance(record, Transcript):
        return bool(record.text.strip())
    return isinstance(record, ExistenceAudit | BehaviorReview) or (isinstance(record, Candidates) and len(record) > 0)


class ObservedComponent:
    """A component whose calls, as None, and outputs, record by record, are also given to ``observe``."""

    def __init__(self, component: Any, observe: Callable[[object], None]) -> None:
        self._component, self._observe = component, observe

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._component, name)
        return self._wrap_method(value) if name in _METHODS else value

    def _wrap_method(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*inputs: Any) -> Any:
            self._observe(None)
            output = method(*inputs)
            if isinstance(output, Iterator):
                return self._observe_records(output)
            for record in output if isinstance(output, list) else ():
                self._observe(record)
            return output

        return call

    def _observe_records(self, records: Iterator[Any]) -> Iterator[Any]:
        for record in records:
            self._observe(record)
            yield record
