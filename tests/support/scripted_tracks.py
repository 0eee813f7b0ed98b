"""Scripted trackers and track reasoners: what they answer is set by the test, what they were asked is kept for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from alref.components.base import Stage, Tracker, TrackReasoner
from alref.media.video import Video
from alref.pipeline.stage_cache import StageCache
from alref.plugins.manager import PluginManager
from alref.records import Concept, ExistenceAudit, ObjectTrack, Phrase, Reference, TrackCandidates, TrackChoice
from alref.result import Result
from alref.utils.masks import encode_mask
from support.scripted import VIDEO, Script, announcing

Choose = Callable[[TrackCandidates, ObjectTrack], str]


def make_object_track(
    noun: str, number: int, frames: Sequence[int] | None = None, video: Video = VIDEO, score: float = 0.9
) -> ObjectTrack:
    """Return a track of a square of 6 pixels, in a place of its own, that is seen on some frames, by default on all."""
    seen = range(len(video)) if frames is None else frames
    mask = np.zeros((video.height, video.width), np.bool_)
    mask[2:8, 8 * number - 6 : 8 * number] = True
    rles = tuple(encode_mask(mask if frame in seen else np.zeros_like(mask)) for frame in range(len(video)))
    return ObjectTrack(id=number, noun=noun, score=score, rles=rles, scores=(score,) * len(video))


def make_choice(candidates: TrackCandidates, track: ObjectTrack, choice: Any, why: str = "it looks so") -> TrackChoice:
    """Return a choice about one track."""
    return TrackChoice(phrase=candidates.phrase, track=track.id, choice=choice, round=candidates.round, why=why)


def make_chooser(choose: Choose) -> Callable[..., list[TrackChoice]]:
    """Return what ``pick_tracks`` of a script does: the choice of ``choose`` for every track."""

    def pick_tracks(video: Video, candidates: list[TrackCandidates]) -> list[TrackChoice]:
        return [make_choice(each, track, choose(each, track)) for each in candidates for track in each.tracks]

    return pick_tracks


def name_concepts(video: Video, phrases: list[Phrase], failed: list[Concept]) -> list[Concept]:
    """Name the last word of each phrase, once."""
    return [] if failed else [Concept(phrase=phrase, noun=phrase.text.split()[-1]) for phrase in phrases]


def track_two(video: Video, nouns: list[str]) -> list[ObjectTrack]:
    """Track two objects of each noun."""
    return [make_object_track(noun, number, video=video) for noun in nouns for number in (1, 2)]


class TrackScript(Script):
    """A script with a tracker and a selector beside the components of the pivot order."""

    def __init__(self, **answers: Callable[..., Any]) -> None:
        super().__init__(**answers)
        script = self

        class Base(Stage):
            name = "scripted"

        class ScriptedTracker(Base, Tracker):
            """Tracks two objects of each noun."""

            def track(self, video: Video, nouns: list[str]) -> list[ObjectTrack]:
                return script.answer("track", track_two, video, nouns)

        class ScriptedSelector(Base, TrackReasoner):
            """Names the last word and accepts the first track."""

            def name_concepts(self, video: Video, phrases: list[Phrase], failed: list[Concept]) -> list[Concept]:
                return script.answer("name_concepts", name_concepts, video, phrases, failed)

            def pick_tracks(self, video: Video, candidates: list[TrackCandidates]) -> list[TrackChoice]:
                default = make_chooser(lambda each, track: "accept" if track.id == 1 else "reject")
                return script.answer("pick_tracks", default, video, candidates)

            def audit_existence(self, video: Video, candidates: list[TrackCandidates]) -> list[ExistenceAudit]:
                return script.answer("audit_existence", lambda video, candidates: [], video, candidates)

        self.tracker, self.selector = ScriptedTracker, ScriptedSelector
        self.entries.append(announcing("scripted_tracks", trackers=[ScriptedTracker], reasoners=[ScriptedSelector]))
        self.plugins = PluginManager(self.entries)
        assert not self.plugins.broken, self.plugins.broken

    def track(self, *references: Reference, cache: StageCache | None = None, video: Video = VIDEO, **settings: Any) -> Result:
        """Run the order tracks over a video of 4 frames."""
        slots = {"order": "tracks", "tracker": "scripted", **settings}
        with self.pipeline(**slots) as pipeline:
            return pipeline.run(video, references, cache)
