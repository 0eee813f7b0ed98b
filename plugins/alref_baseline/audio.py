"""The embedded components for sound: when something is heard, and no more. Heavy libraries are imported when they work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alref.components.base import Locator, Tagger

if TYPE_CHECKING:
    from alref.media.video import Video
    from alref.records import Phrase, Reference


class EnergyLocator(Tagger, Locator):
    """Hears that something sounds and when, by how far the sound rises above its own background; what it is, it cannot tell."""

    name = "energy"

    def tag(self, video: Video, reference: Reference) -> list[Phrase]:
        """Return one phrase for whatever sounds, with its spans; none where nothing does."""
        from alref.audio.vocabulary import UNKNOWN_SOUND
        from alref.records import Phrase

        phrases = self.locate(video, reference, [Phrase(reference=reference.id, text=UNKNOWN_SOUND, sound=True)])
        return [phrase for phrase in phrases if phrase.heard]

    def locate(self, video: Video, reference: Reference, phrases: list[Phrase]) -> list[Phrase]:
        """Return the phrases with the spans in which anything sounds, the same for all of them."""
        from alref_baseline.audio_activity import get_activity

        heard = get_activity(video).find_spans()
        return [phrase.model_copy(update={"heard": heard}) for phrase in phrases]

    def match_names(self, names: list[str], vocabulary: list[str]) -> list[str | None]:
        """Return for each name the word of a vocabulary that means the same or a kind of the same, by a list of synonyms."""
        from alref.audio.vocabulary import find_nearest_word

        return [find_nearest_word(name, vocabulary) for name in names]


class AlwaysLocator(Locator):
    """Leaves every phrase in force for the whole video: what locators are compared with."""

    name = "always"

    def locate(self, video: Video, reference: Reference, phrases: list[Phrase]) -> list[Phrase]:
        """Return the phrases with nothing said of when they sound."""
        return [phrase.model_copy(update={"heard": None}) for phrase in phrases]
