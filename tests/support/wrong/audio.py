"""Wrong taggers and locators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from support.wrong.correct import Loud, Words

if TYPE_CHECKING:
    from alref.media.video import Video
    from alref.records import Phrase, Reference


class Unsorted(Loud):
    """Names the surest sound last."""

    def tag(self, video: Video, reference: Reference) -> list[Phrase]:
        return super().tag(video, reference)[::-1]


class Echoing(Loud):
    """Names each sound twice."""

    def tag(self, video: Video, reference: Reference) -> list[Phrase]:
        return [self.sound(video, reference, "buzz", 0.9), self.sound(video, reference, "buzz", 0.8)]


class Overdone(Loud):
    """Scores above 1."""

    def tag(self, video: Video, reference: Reference) -> list[Phrase]:
        return [self.sound(video, reference, "buzz", 90)]


class Visual(Loud):
    """Does not say that it names sounds."""

    def tag(self, video: Video, reference: Reference) -> list[Phrase]:
        return [self.sound(video, reference, "buzz", 0.9, sound=False)]


class Astray(Loud):
    """Tags another reference."""

    def tag(self, video: Video, reference: Reference) -> list[Phrase]:
        return [self.sound(video, reference, "buzz", 0.9, reference="another")]


class Earless(Loud):
    """Names nothing."""

    def tag(self, video: Video, reference: Reference) -> list[Phrase]:
        return super().tag(video, reference)[:0]


class Patient(Loud):
    """Needs half a second to name a sound."""

    def tag(self, video: Video, reference: Reference) -> list[Phrase]:
        sound = video.read_audio(16_000)
        if sound is not None and len(sound.samples) < 8_000:
            raise ValueError("the sound is too short")
        return super().tag(video, reference)


class OwnRate(Loud):
    """Needs sound of the rate that it was made for."""

    def tag(self, video: Any, reference: Reference) -> list[Phrase]:
        if getattr(video, "_audio", None) is not None and video._audio.rate != 16_000:
            raise ValueError("expected 16 kHz")
        return super().tag(video, reference)


class Calm(Loud):
    """Goes on when the sound cannot be read."""

    def sound(self, video: Video, reference: Reference, text: str, score: float, /, **facts: Any) -> Phrase:
        from alref.errors import InputError

        try:
            return super().sound(video, reference, text, score)
        except InputError:
            return Words(self.options).found(reference, text=text, score=score, sound=True)[0]


class Deaf(Loud):
    """Never hears anything."""

    def spans(self, video: Video) -> Any:
        return super().spans(video)[:0]


class Backwards(Loud):
    """Gives the last seconds first."""

    def spans(self, video: Video) -> Any:
        return super().spans(video)[::-1]


class Ending(Loud):
    """Gives spans that end before they begin."""

    def spans(self, video: Video) -> Any:
        return ((0.3, 0.1),) if super().spans(video) else ()


class Renaming(Loud):
    """Gives back other phrases."""

    def locate(self, video: Video, reference: Reference, phrases: list[Phrase]) -> list[Phrase]:
        return [phrase.model_copy(update={"text": "another"}) for phrase in super().locate(video, reference, phrases)]


class OnlyOne(Loud):
    """Hears the first phrase alone."""

    def locate(self, video: Video, reference: Reference, phrases: list[Phrase]) -> list[Phrase]:
        found = super().locate(video, reference, phrases)
        return [phrase if not place else phrase.model_copy(update={"heard": ()}) for place, phrase in enumerate(found)]


class NeedsNames(Loud):
    """Breaks where there is no phrase."""

    def locate(self, video: Video, reference: Reference, phrases: list[Phrase]) -> list[Phrase]:
        assert phrases[0]
        return super().locate(video, reference, phrases)


class Slow(Loud):
    """Needs a tenth of a second to hear when."""

    def spans(self, video: Video) -> Any:
        sound = video.read_audio(16_000)
        if sound is not None and len(sound.samples) < 1_600:
            raise ValueError("the sound is too short")
        return super().spans(video)


class Inventive(Loud):
    """Names things in words of its own."""

    def match_names(self, names: list[str], vocabulary: list[str]) -> list[str | None]:
        return [name.lower() for name in names]
