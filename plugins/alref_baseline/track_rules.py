"""Pick tracks by rules: the score of the tracker times a factor for each attribute of the phrase, over several frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from alref import (
    Candidates,
    ExistenceAudit,
    Mask,
    ObjectTrack,
    Phrase,
    PivotFrame,
    TrackCandidates,
    TrackChoice,
    Video,
    compute_box,
)
from alref.records import Finding
from alref_baseline.attribute_scores import FrameCandidates, score_attributes, score_synchrony
from alref_baseline.attributes import compute_color_share
from alref_baseline.grammar import ObjectDescription
from alref_baseline.grounding import GroundingQuery, find_grounding, recall_grounding
from alref_baseline.lexicon import look_up_noun
from alref_baseline.region_score import FOUND_CONFIDENCE
from alref_baseline.rules import MIN_COLOR_SHARE, MIN_PLURAL_FIT, MIN_RIVAL_SCORE, MIN_SYNCHRONY, measure_candidates
from alref_baseline.synchrony import compute_synchrony

NUM_FRAMES = 5
"""Number of frames on which the tracks are compared."""
MIN_PART_FIT = 0.5
"""Fit of a track, as a share of the best one's, from which it is the same object at another time."""
MAX_SHARED = 0.1
"""Share of the shorter of two tracks in which both may be seen if they are one object."""


@dataclass
class TrackEvidence:
    """What is known of one track: a fit and a color share for each frame on which it was compared, and reasons."""

    track: ObjectTrack
    fits: list[float] = field(default_factory=list)
    color_shares: list[float] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    is_impossible: bool = False

    @property
    def fit(self) -> float:
        """The score of the tracker times the mean fit over frames."""
        return max(self.track.score, 1e-6) * float(np.mean(self.fits or [0.0]))


def pick_tracks(video: Video, candidates: TrackCandidates) -> list[TrackChoice]:
    """Return a choice for each track: the one that fits best, all of a plural, or none that has the named color.

    A track that is seen at other times than the best one is taken too if it fits about as well: an object that left and came
    back, or another shot.
    """
    query = GroundingQuery.from_phrase(candidates.phrase)
    words = query.describe_object()
    frames = choose_frames(candidates.tracks)
    evidence = [TrackEvidence(track) for track in candidates.tracks]
    for frame in frames:
        _compare_on_frame(video, candidates.phrase, evidence, frame, words, query.makes_sound)
    accepted = _choose_tracks(evidence, words)
    if words.colors and max(max(each.color_shares, default=0.0) for each in evidence) < MIN_COLOR_SHARE:
        accepted = []
    return [_make_choice(candidates, each, each in accepted, words, tuple(frames)) for each in evidence]


def audit_evidence(video: Video, candidates: TrackCandidates) -> ExistenceAudit:
    """Return whether the classifier sees a phrase in the video: absent, or ambiguous if it is unsure.

    Where the objects of the noun were detected by the classifier, what it saw then is used again if it was sure.
    """
    phrase, noun = candidates.phrase, candidates.tracks[0].noun
    query = GroundingQuery.from_phrase(phrase)
    if query.makes_sound:
        return ExistenceAudit(phrase=phrase, why="it is known by its sound")
    known = recall_grounding(video, noun)
    grounding = known if known and known.confidence >= FOUND_CONFIDENCE else find_grounding(video, query)
    if grounding.is_absent:
        why = f"nothing in the video looks enough like {phrase.category or phrase.text!r}"
        return ExistenceAudit(
            phrase=phrase, finding="absent", criterion="category", why=f"{why}: evidence {grounding.evidence:.2f}"
        )
    finding: Finding = "found" if grounding.confidence >= FOUND_CONFIDENCE else "ambiguous"
    confidence = round(grounding.confidence, 3)
    return ExistenceAudit(phrase=phrase, finding=finding, confidence=confidence, why=f"evidence {grounding.evidence:.2f}")


def choose_frames(tracks: Sequence[ObjectTrack]) -> list[int]:
    """Return the frames on which tracks are compared: some where most of them are seen, and one of each of the others."""
    counts: dict[int, int] = {}
    for track in tracks:
        for frame in track.frames:
            counts[frame] = counts.get(frame, 0) + 1
    crowded = sorted(frame for frame, count in counts.items() if count == max(counts.values()))
    chosen = {crowded[place] for place in np.linspace(0, len(crowded) - 1, NUM_FRAMES + 2)[1:-1].round().astype(int)}
    for track in tracks:
        if chosen.isdisjoint(track.frames):
            chosen.add(track.frames[len(track.frames) // 2])
    return sorted(chosen)


def _compare_on_frame(
    video: Video, phrase: Phrase, evidence: Sequence[TrackEvidence], frame: int, words: ObjectDescription, makes_sound: bool
) -> None:
    """Add the fit of each track that is seen on a frame."""
    seen = sorted((each for each in evidence if each.track.rles[frame].area), key=lambda each: -each.track.score)
    if words.is_among_several:
        best = max((each.track.score for each in seen), default=0.0)
        seen = [each for each in seen if each.track.score >= MIN_RIVAL_SCORE * best]
    if not seen:
        return
    masks, scores = [each.track.decode_mask(frame) for each in seen], [each.track.score for each in seen]
    look = measure_masks(video, phrase, frame, masks, scores)
    scored = list(score_attributes(words, look))
    if makes_sound:
        follows = compute_synchrony(video, frame, look.masks)
        is_known = words.is_findable or bool(look_up_noun(seen[0].track.noun).classes)
        missing = ["" if is_known or each >= MIN_SYNCHRONY else "its motion does not follow the sound" for each in follows]
        scored.append(replace(score_synchrony(follows), missing=missing))
    for index, each in enumerate(seen):
        each.fits.append(float(np.prod([cue.factors[index] for cue in scored])))
        each.reasons = list(dict.fromkeys(cue.explanations[index] for cue in scored))
        each.missing += [cue.missing[index] for cue in scored if cue.missing and cue.missing[index]]
        each.is_impossible |= any(cue.is_impossible for cue in scored)
        if words.colors:
            each.color_shares.append(compute_color_share(look.image, look.masks[index], words.colors))


def measure_masks(video: Video, phrase: Phrase, frame: int, masks: Sequence[Mask], scores: Sequence[float]) -> FrameCandidates:
    """Measure masks bool (H, W), none of them empty, on a frame, with the score of each."""
    boxes = np.stack([compute_box(mask) for mask in masks])
    pivot = PivotFrame(phrase=phrase, frame=frame)
    shown = Candidates(pivot=pivot, xyxy=boxes, scores=np.array(scores, np.float32), masks=np.stack(masks))
    return measure_candidates(video, shown)


def _choose_tracks(evidence: Sequence[TrackEvidence], words: ObjectDescription) -> list[TrackEvidence]:
    ranked = sorted(evidence, key=lambda each: -each.fit)
    best = ranked[0]
    if not best.fits or any(each.is_impossible for each in evidence):
        return []
    if words.is_plural:
        return [each for each in ranked if each.fit >= MIN_PLURAL_FIT * best.fit]
    chosen = [best]
    for each in ranked[1:]:
        frames = [set(other.track.frames) for other in chosen]
        own = set(each.track.frames)
        apart = all(len(own & other) <= MAX_SHARED * min(len(own), len(other)) for other in frames)
        if apart and each.fit >= MIN_PART_FIT * best.fit:
            chosen.append(each)
    return chosen


def _make_choice(
    candidates: TrackCandidates, evidence: TrackEvidence, accepted: bool, words: ObjectDescription, frames: tuple[int, ...]
) -> TrackChoice:
    missing = max(set(evidence.missing), key=evidence.missing.count) if 2 * len(evidence.missing) > len(evidence.fits) else ""
    impossible = evidence.is_impossible
    return TrackChoice(
        phrase=candidates.phrase,
        track=evidence.track.id,
        choice="accept" if accepted else "reject",
        round=candidates.round,
        frames=frames,
        finding="ambiguous" if (accepted and missing) or impossible else "found",
        why="; ".join(_explain_choice(candidates, evidence, accepted, words, missing)),
    )


def _explain_choice(
    candidates: TrackCandidates, evidence: TrackEvidence, accepted: bool, words: ObjectDescription, missing: str
) -> Iterator[str]:
    count = len(candidates.tracks)
    if accepted:
        yield "one of several" if words.is_plural and count > 1 else f"best of {count}" if count > 1 else "the only track"
    elif words.colors and max(evidence.color_shares, default=0.0) < MIN_COLOR_SHARE:
        yield f"it is not {' or '.join(words.colors)}"
    else:
        yield "another track fits better" if not evidence.is_impossible else "there are fewer of them than the words say"
    yield from evidence.reasons
    if missing and missing not in evidence.reasons:
        yield missing
    yield f"fit {evidence.fit:.2f}, score {evidence.track.score:.2f}"
