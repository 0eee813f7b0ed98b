"""The embedded audio components, which detect when something sounds. Heavy libraries are imported on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alref import Locator, Tagger

if TYPE_CHECKING:
    from alref import Phrase, Reference, Video


class EnergyLocator(Tagger, Locator):
    """Detects when something sounds, by its level above the background; it does not recognize what sounds."""

    name = "energy"

    def tag(self, video: Video, reference: Reference) -> list[Phrase]:
        """Return one phrase for any sound, with its spans; an empty list for silence."""
        from alref import Phrase
        from alref.audio.vocabulary import UNKNOWN_SOUND

        phrases = self.locate(video, reference, [Phrase(reference=reference.id, text=UNKNOWN_SOUND, sound=True)])
        return [phrase for phrase in phrases if phrase.heard]

    def locate(self, video: Video, reference: Reference, phrases: list[Phrase]) -> list[Phrase]:
        """Return all phrases with the same spans, those in which anything sounds."""
        from alref_baseline.audio_activity import get_activity

        heard = get_activity(video).find_spans()
        return [phrase.model_copy(update={"heard": heard}) for phrase in phrases]

    def match_names(self, names: list[str], vocabulary: list[str]) -> list[str | None]:
        """Return for each name the vocabulary entry with the same or a more general meaning, by a list of synonyms."""
        from alref.audio.vocabulary import find_nearest_word

        return [find_nearest_word(name, vocabulary) for name in names]


class AlwaysLocator(Locator):
    """Leaves every phrase active for the whole video: the baseline for locators."""

    name = "always"

    def locate(self, video: Video, reference: Reference, phrases: list[Phrase]) -> list[Phrase]:
        """Return the phrases with unknown spans (``heard`` is None)."""
        return [phrase.model_copy(update={"heard": None}) for phrase in phrases]
