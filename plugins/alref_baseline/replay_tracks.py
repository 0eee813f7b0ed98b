"""The published answers of AL-Ref-SAM 2, which name labels, frames and boxes, as answers about tracks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from alref import Concept, ObjectTrack, Phrase, TrackCandidates, TrackChoice, Video
from alref.llm.published_answers import PublishedChoice
from alref.records import DecisionSource


def name_recorded_concepts(
    video: Video, phrases: Sequence[Phrase], recorded: Sequence[PublishedChoice] | None
) -> list[Concept]:
    """Return one concept for each phrase. A label that is not a phrase of a reference names the surest phrase that is left.

    A phrase without a label is absent; a fallback if no answer is ``recorded`` for the clip.
    """
    named: dict[Phrase, PublishedChoice] = {}
    for reference in dict.fromkeys(phrase.reference for phrase in phrases):
        own = [phrase for phrase in phrases if phrase.reference == reference]
        same = {phrase: choice for phrase in own for choice in recorded or () if choice.label == phrase.text}
        free = sorted((phrase for phrase in own if phrase not in same), key=lambda phrase: -phrase.score)
        others = [choice for choice in recorded or () if choice not in same.values()]
        named |= same | dict(zip(free, others, strict=False))
    return [_make_concept(video, phrase, named.get(phrase), known=recorded is not None) for phrase in phrases]


def _make_concept(video: Video, phrase: Phrase, choice: PublishedChoice | None, known: bool) -> Concept:
    if choice is not None:
        why = f"the recorded answer names {choice.label!r} on frame {choice.frame}"
        return Concept(phrase=phrase, noun=choice.label, why=why, source="replay")
    noun, why = phrase.category or phrase.text, f"no answer is recorded for {video.name!r}"
    if known:
        why = f"the answer recorded for {video.name!r} has no label for it"
    return Concept(phrase=phrase, noun=noun, finding="absent", why=why, source="replay" if known else "fallback")


def pick_recorded_tracks(video: Video, candidates: TrackCandidates, recorded: Sequence[PublishedChoice]) -> list[TrackChoice]:
    """Return a choice for each track: the one that a recorded box names, counted from the best track on the recorded frame.

    It is a fallback if several tracks are seen there and no box names one of them, or if the video lacks the frame.
    """
    nouns = {track.noun for track in candidates.tracks}
    choice = next((each for each in recorded if " ".join(each.label.lower().split()) in nouns), None)
    if choice is None:
        return _make_choices(candidates, None, 0, "no label is recorded for it", "fallback")
    frame = choice.frame if choice.frame < len(video) else 0
    seen = [track for track in candidates.tracks if track.rles[frame].area]
    if not seen:
        return _make_choices(candidates, None, frame, f"it is not seen on frame {frame}, which is recorded", "fallback")
    is_named = choice.box is not None and choice.box <= len(seen)
    taken = seen[choice.box - 1] if choice.box is not None and is_named else seen[0]
    source: DecisionSource = "replay" if choice.frame == frame and (is_named or len(seen) == 1) else "fallback"
    return _make_choices(candidates, taken, frame, f"the recorded answer names track {taken.id} on frame {frame}", source)


def _make_choices(
    candidates: TrackCandidates, taken: ObjectTrack | None, frame: int, why: str, source: DecisionSource
) -> list[TrackChoice]:
    """Return the choices about all tracks: one is accepted, or all are uncertain."""
    facts: dict[str, Any] = {"phrase": candidates.phrase, "round": candidates.round, "frames": (frame,), "source": source}
    words: dict[int, Any] = {
        track.id: "uncertain" if taken is None else "accept" if track is taken else "reject" for track in candidates.tracks
    }
    return [TrackChoice(track=number, choice=word, why=why, **facts) for number, word in words.items()]
