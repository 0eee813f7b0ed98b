"""Right components of each kind."""

from __future__ import annotations

import wave
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from alref.components.base import Locator, Propagator, Proposer, Reasoner, Tagger, Tracker, TrackReasoner, Transcriber, Unifier

if TYPE_CHECKING:
    from alref.media.video import Video
    from alref.records import (
        Candidates,
        Concept,
        FrameMasks,
        ObjectTrack,
        Phrase,
        PivotBox,
        PivotFrame,
        Reference,
        TrackCandidates,
        TrackChoice,
        Transcript,
    )


class Words(Unifier):
    """Takes the words as they are."""

    name = "words"

    def unify(self, video: Video, reference: Reference) -> list[Phrase]:
        return self.found(reference)

    def found(self, reference: Reference, /, **facts: Any) -> Any:
        from alref.records import Phrase

        return [Phrase(**{"reference": reference.id, "text": reference.text, **facts})]


class First(Reasoner):
    """Takes the first frame and the first candidate."""

    name = "first"

    def pick_frames(self, video: Video, phrases: list[Phrase]) -> list[PivotFrame]:
        video.read_frame(0)
        return [self.pivot(phrase) for phrase in phrases]

    def pivot(self, phrase: Phrase, **facts: Any) -> PivotFrame:
        from alref.records import PivotFrame

        return PivotFrame(**{"phrase": phrase, "frame": 0, "why": "it is the first", **facts})

    def pick_boxes(self, video: Video, candidates: list[Candidates]) -> list[PivotBox]:
        return [self.box(video, each) for each in candidates]

    def box(self, video: Video, candidates: Candidates, **facts: Any) -> PivotBox:
        from alref.records import PivotBox

        video.read_frame(candidates.pivot.frame or 0)
        return PivotBox(**{"pivot": candidates.pivot, "xyxy": candidates.xyxy[0], "why": "it is the first", **facts})


class Bright(Proposer):
    """Proposes the box around what is bright."""

    name = "bright"

    def propose(self, video: Video, pivots: list[PivotFrame]) -> list[Candidates]:
        return [self.seen(video, pivot) for pivot in pivots]

    def seen(self, video: Video, pivot: PivotFrame, score: float = 0.5, scale: float = 1.0) -> Candidates:
        from alref.records import Candidates

        rows, columns = np.nonzero(video.read_frame(pivot.frame or 0)[..., 0] > 150)
        if not len(rows):
            return self.nothing(pivot)
        box = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]) * scale
        return Candidates(pivot=pivot, xyxy=box[None], scores=np.array([score]))

    def nothing(self, pivot: PivotFrame) -> Candidates:
        from alref.records import Candidates

        return Candidates(pivot=pivot, xyxy=np.zeros((0, 4)), scores=np.zeros(0))


class Filling(Propagator):
    """Fills the boxes and the points of each object on every frame; a mask stays where it was given."""

    name = "filling"
    prompts = frozenset({"box", "mask", "points", "absent"})

    def propagate(self, video: Video, boxes: list[PivotBox]) -> Iterator[FrameMasks]:
        for frame in range(len(video)):
            video.read_frame(frame)
            yield self.frame(frame, self.masks(video, boxes, frame))

    def masks(self, video: Video, boxes: list[PivotBox], frame: int) -> Any:
        from alref.records import list_object_phrases

        phrases = list_object_phrases(boxes)
        masks = np.zeros((len(phrases), video.height, video.width), np.bool_)
        for box in boxes:
            mask = masks[phrases.index(box.pivot.phrase)]
            if box.mask is not None:
                mask |= box.mask
            elif box.xyxy is not None:
                left, top, right, bottom = np.asarray(box.xyxy).astype(int)
                mask[top:bottom, left:right] = True
            for (x, y), inside in zip(
                box.points if box.points is not None else (),
                box.point_labels if box.point_labels is not None else (),
                strict=True,
            ):
                mask[int(y), int(x)] = inside
        return masks & ~self.gone(boxes, frame)[:, None, None]

    def gone(self, boxes: list[PivotBox], frame: int) -> Any:
        from alref.records import list_object_phrases

        absent = {box.pivot.phrase for box in boxes if box.finding == "absent" and box.pivot.frame == frame}
        return np.array([phrase in absent for phrase in list_object_phrases(boxes)])

    def frame(self, frame: int, masks: Any, score: float = 0.9) -> FrameMasks:
        from alref.records import FrameMasks

        return FrameMasks(frame=frame, masks=masks, scores=np.full(len(masks), score))


class Loud(Tagger, Locator):
    """Hears a buzz while it is loud."""

    name = "loud"

    def tag(self, video: Video, reference: Reference) -> list[Phrase]:
        return [self.sound(video, reference, "buzz", 0.9), self.sound(video, reference, "hum", 0.4)]

    def sound(self, video: Video, reference: Reference, text: str, score: float, /, **facts: Any) -> Phrase:
        from alref.records import Phrase

        video.read_audio(16_000)
        return Phrase(**{"reference": reference.id, "text": text, "score": score, "sound": True, **facts})

    def locate(self, video: Video, reference: Reference, phrases: list[Phrase]) -> list[Phrase]:
        return [phrase.model_copy(update={"heard": self.spans(video)}) for phrase in phrases]

    def spans(self, video: Video) -> Any:
        video.read_audio(16_000)
        return ((0.0, 0.1), (0.2, 0.3))


class Scribe(Transcriber):
    """Writes down the same words of every sound file."""

    name = "scribe"
    said: ClassVar[Any] = (("the dog", (0.0, 1.0)), ("over there", (1.0, 2.0)))

    def transcribe(self, video: Video, reference: Reference) -> list[Transcript]:
        from alref.errors import InputError
        from alref.records import Transcript

        assert reference.spoken is not None
        try:
            with wave.open(str(reference.spoken.path)) as file:
                silent = not any(file.readframes(1000))
        except wave.Error as error:
            raise InputError(f"{reference.spoken.path}: {error}") from error
        return [] if silent else [Transcript(reference=reference.id, text=text, span=span) for text, span in self.said]


class Shining(Tracker):
    """Tracks what is bright as one object of any noun."""

    name = "shining"

    def track(self, video: Video, nouns: list[str]) -> list[ObjectTrack]:
        from alref.utils.masks import encode_mask

        rles = [encode_mask(frame[..., 0] > 150) for frame in video] if nouns else []
        return [self.make(noun, rles) for noun in nouns if any(rle.area for rle in rles)]

    def make(self, noun: str, rles: Any, /, **facts: Any) -> ObjectTrack:
        from alref.records import ObjectTrack

        return ObjectTrack(**{"id": 1, "noun": noun, "score": 0.9, "rles": rles, "scores": [0.9] * len(rles), **facts})


class Choosing(TrackReasoner):
    """Names the last word, and accepts the largest track."""

    name = "choosing"

    def name_concepts(self, video: Video, phrases: list[Phrase], failed: list[Concept]) -> list[Concept]:
        video.read_frame(0)
        tried = {concept.noun for concept in failed}
        return [concept for phrase in phrases if (concept := self.concept(phrase)).noun not in tried]

    def concept(self, phrase: Phrase, **facts: Any) -> Concept:
        from alref.records import Concept

        return Concept(**{"phrase": phrase, "noun": phrase.text.split()[-1], "why": "it is the last word", **facts})

    def pick_tracks(self, video: Video, candidates: list[TrackCandidates]) -> list[TrackChoice]:
        return [self.choice(video, each, track) for each in candidates for track in each.tracks]

    def choice(self, video: Video, candidates: TrackCandidates, track: ObjectTrack, /, **facts: Any) -> TrackChoice:
        from alref.records import TrackChoice

        video.read_frame(track.frames[0])
        largest = max(candidates.tracks, key=lambda each: sum(rle.area for rle in each.rles))
        choice = "accept" if track == largest else "reject"
        known = {"phrase": candidates.phrase, "track": track.id, "choice": choice, "why": "its size"}
        return TrackChoice(**{**known, **facts})
