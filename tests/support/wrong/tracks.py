"""Wrong trackers and track reasoners."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from support.wrong.correct import Choosing, Shining

if TYPE_CHECKING:
    from alref.media.video import Video
    from alref.records import Concept, ObjectTrack, Phrase, TrackCandidates, TrackChoice


class Renames(Shining):
    """Answers with a noun of its own."""

    def make(self, noun: str, rles: Any, /, **facts: Any) -> ObjectTrack:
        return super().make(f"a {noun}", rles)


class CountsOn(Shining):
    """Numbers the tracks of all nouns together."""

    def track(self, video: Video, nouns: list[str]) -> list[ObjectTrack]:
        found = super().track(video, nouns)
        return [each.model_copy(update={"id": number}) for number, each in enumerate(found, 1)]


class Stops(Shining):
    """Leaves the last frame out."""

    def make(self, noun: str, rles: Any, /, **facts: Any) -> ObjectTrack:
        return super().make(noun, rles[:-1])


class Unseen(Shining):
    """Returns a second track that is never seen."""

    def track(self, video: Video, nouns: list[str]) -> list[ObjectTrack]:
        import numpy as np

        from alref.utils.masks import encode_mask

        nothing = [encode_mask(np.zeros((video.height, video.width), bool))] * len(video)
        return [each for noun in nouns for each in (self.make(noun, nothing),)]


class Shares(Shining):
    """Gives a noun another score beside another noun."""

    def track(self, video: Video, nouns: list[str]) -> list[ObjectTrack]:
        return [each.model_copy(update={"score": 1 / len(nouns)}) for each in super().track(video, nouns)]


class NeedsNouns(Shining):
    """Takes the first noun without looking whether there is one."""

    def track(self, video: Video, nouns: list[str]) -> list[ObjectTrack]:
        return super().track(video, [nouns[0], *nouns[1:]])


class AlwaysOne(Shining):
    """Always returns a track, also of nothing."""

    def track(self, video: Video, nouns: list[str]) -> list[ObjectTrack]:
        from alref.utils.masks import encode_mask

        rles = [encode_mask(frame[..., 0] > 150) for frame in video]
        return [self.make(noun, rles) for noun in nouns]


class Keeps(Shining):
    """Keeps all frames."""

    def track(self, video: Video, nouns: list[str]) -> list[ObjectTrack]:
        self.frames = [frame.copy() for frame in video]
        found = super().track(video, nouns)
        for _ in video:
            pass
        return found


class NamesAgain(Choosing):
    """Names the same noun again."""

    def name_concepts(self, video: Video, phrases: list[Phrase], failed: list[Concept]) -> list[Concept]:
        return super().name_concepts(video, phrases, [])


class NamesTwice(Choosing):
    """Names two nouns for a phrase."""

    def name_concepts(self, video: Video, phrases: list[Phrase], failed: list[Concept]) -> list[Concept]:
        return [each for each in super().name_concepts(video, phrases, failed) for _ in range(2)]


class SaysNothing(Choosing):
    """Gives no reasons."""

    def concept(self, phrase: Phrase, **facts: Any) -> Concept:
        return super().concept(phrase, why="")

    def choice(self, video: Video, candidates: TrackCandidates, track: ObjectTrack, /, **facts: Any) -> TrackChoice:
        return super().choice(video, candidates, track, why="")


class OnlyAccepted(Choosing):
    """Leaves the rejected tracks out."""

    def pick_tracks(self, video: Video, candidates: list[TrackCandidates]) -> list[TrackChoice]:
        return [each for each in super().pick_tracks(video, candidates) if each.choice == "accept"]


class Numbers(Choosing):
    """Numbers the tracks by their place."""

    def pick_tracks(self, video: Video, candidates: list[TrackCandidates]) -> list[TrackChoice]:
        found = [(place, each, track) for each in candidates for place, track in enumerate(each.tracks, 1)]
        return [self.choice(video, each, track, track=place) for place, each, track in found]


class Fixed(Choosing):
    """Decides by the place of the phrase."""

    def pick_tracks(self, video: Video, candidates: list[TrackCandidates]) -> list[TrackChoice]:
        return [
            self.choice(video, each, track, choice="reject" if place else "accept")
            for place, each in enumerate(candidates)
            for track in each.tracks
        ]


class NeedsPhrases(Choosing):
    """Takes the first phrase without looking whether there is one."""

    def name_concepts(self, video: Video, phrases: list[Phrase], failed: list[Concept]) -> list[Concept]:
        return super().name_concepts(video, [phrases[0], *phrases[1:]], failed)


class Large(Choosing):
    """Needs a mask with an inside."""

    def choice(self, video: Video, candidates: TrackCandidates, track: ObjectTrack, /, **facts: Any) -> TrackChoice:
        if track.rles[track.frames[0]].area < 4:
            raise ValueError("nothing to look at")
        return super().choice(video, candidates, track)
