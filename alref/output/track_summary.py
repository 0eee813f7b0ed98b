"""What a report shows of the order ``tracks``: nouns, every track with its presence over time, each decision, the audit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from alref.records import Concept, ExistenceAudit, ObjectTrack, Phrase, TrackChoice
from alref.result import Result

TrackKey = tuple[str, int]
"""The noun and the id of a track."""


@dataclass(frozen=True)
class TrackSummary:
    """A track as a report shows it: where it is seen, as starts and widths of 1000, and what was decided, in order."""

    track: ObjectTrack
    best_frame: int
    seen: int
    spans: list[tuple[float, float]]
    choices: list[TrackChoice]

    @property
    def key(self) -> TrackKey:
        """The noun and the id."""
        return self.track.noun, self.track.id

    @property
    def choice(self) -> TrackChoice | None:
        """The last choice about it, which counts."""
        return self.choices[-1] if self.choices else None


@dataclass(frozen=True)
class PhraseTracks:
    """What was decided about one phrase: its nouns, its tracks, and whether it is in the video."""

    phrase: Phrase
    concepts: list[Concept]
    tracks: list[TrackSummary]
    audits: list[ExistenceAudit]


def summarize_tracks(result: Result, reference: str) -> list[PhraseTracks]:
    """List the phrases of a reference with their tracks; empty for a result of another order."""
    phrases = [phrase for phrase in result.phrases if phrase.reference == reference] if result.concepts else []
    return [
        PhraseTracks(
            phrase=phrase,
            concepts=[concept for concept in result.concepts if concept.phrase == phrase],
            tracks=_summarize_phrase_tracks(result, phrase),
            audits=[audit for audit in result.audits if audit.phrase == phrase],
        )
        for phrase in phrases
    ]


def _summarize_phrase_tracks(result: Result, phrase: Phrase) -> list[TrackSummary]:
    """List the tracks that were decided about for a phrase, accepted ones first."""
    choices: dict[TrackKey, list[TrackChoice]] = {}
    for choice in result.choices:
        if choice.phrase == phrase:
            choices.setdefault((choice.noun, choice.track), []).append(choice)
    tracks = {(track.noun, track.id): track for track in result.object_tracks}
    found = [summarize_track(tracks[key], own) for key, own in choices.items() if key in tracks]
    return sorted(found, key=lambda item: (item.choice is None or item.choice.choice != "accept", item.track.id))


def summarize_track(track: ObjectTrack, choices: Sequence[TrackChoice] = ()) -> TrackSummary:
    """Return a track with the frame where it is largest and the spans of frames where it is seen."""
    areas = np.array([rle.area for rle in track.rles])
    edges = np.flatnonzero(np.diff(np.concatenate([[0], areas > 0, [0]]).astype(int)))
    share = 1000 / len(areas)
    spans = [(float(start) * share, float(stop - start) * share) for start, stop in edges.reshape(-1, 2).tolist()]
    return TrackSummary(track, int(areas.argmax()), int((areas > 0).sum()), spans, list(choices))
