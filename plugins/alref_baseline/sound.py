"""The embedded components for sound: when something is heard, and no more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alref.stages import Locator, Tagger

if TYPE_CHECKING:
    from alref.records import Phrase, Reference
    from alref.video import Video


class Energy(Tagger, Locator):
    """Hears that something sounds and when, by its loudness; what it is, it cannot tell."""

    name = "energy"

    def tag(self, video: Video, reference: Reference) -> list[Phrase]:
        """Return one phrase for whatever sounds."""
        from alref.records import Phrase

        return self.locate(video, reference, [Phrase(reference=reference.id, text="what sounds", sound=True)])

    def locate(self, video: Video, reference: Reference, phrases: list[Phrase]) -> list[Phrase]:
        """Return the phrases with the spans in which the sound track is not silent."""
        from alref.silence import FLOOR, RATE, WINDOW, loudness

        audio = video.audio(RATE)
        loud = [] if audio is None else [audio.start + WINDOW * i for i in (loudness(audio) > FLOOR).nonzero()[0].tolist()]
        heard = tuple((start, start + WINDOW) for start in loud)
        return [phrase.model_copy(update={"heard": heard}) for phrase in phrases]
