"""What components promise that hear."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from alref import checks
from alref.records import Phrase, Recording, Reference, Transcript
from alref.stages import Locator, Tagger, Transcriber
from alref.testing.stage import StageContract
from alref.testing.videos import sounding
from alref.video import Video

SOUND = Reference(id="1", sound=True)


class TaggerContract(StageContract):
    """What a tagger promises. Override ``component``."""

    def component(self) -> Tagger:
        """Return the tagger to test."""
        raise NotImplementedError("return the tagger to test")

    def tagged(self, video: Video) -> list[Phrase]:
        """Return the sounds that it hears in a video."""
        with self.at_work() as component:
            tags: list[Phrase] = component.tag(video, SOUND)
            return tags

    def test_names_distinct_sounds_of_the_reference_surest_first(self) -> None:
        tags = self.tagged(sounding())
        checks.each_is(tags, Phrase)
        checks.phrases(tags, [SOUND.id])
        assert tags
        assert len({tag.text for tag in tags}) == len(tags)
        scores = [tag.score for tag in tags]
        assert scores == sorted(scores, reverse=True)
        assert all(tag.sound and 0 <= tag.score <= 1 for tag in tags)

    def test_says_the_same_of_the_same_sound(self) -> None:
        assert self.tagged(sounding()) == self.tagged(sounding())

    def test_takes_sound_of_any_length(self) -> None:
        for seconds in (0.01, 0.3, 12.0):
            checks.phrases(self.tagged(sounding(seconds, (0.0, seconds))), [SOUND.id])

    def test_takes_sound_of_other_rates(self) -> None:
        for rate in (8_000, 96_000):
            checks.phrases(self.tagged(sounding(1.0, (0.0, 1.0), rate)), [SOUND.id])


class LocatorContract(StageContract):
    """What a locator promises. Override ``component``."""

    def component(self) -> Locator:
        """Return the locator to test."""
        raise NotImplementedError("return the locator to test")

    def located(self, names: Sequence[str], video: Video) -> list[Phrase]:
        """Return phrases of these names with the spans in which they are heard, checked against the contract."""
        asked = [Phrase(reference=SOUND.id, text=name, sound=True) for name in names]
        with self.at_work() as component:
            phrases: list[Phrase] = component.locate(video, SOUND, asked)
        checks.each_is(phrases, Phrase)
        checks.located(phrases, asked)
        return phrases

    def test_gives_back_each_phrase_with_spans_in_order(self) -> None:
        for phrase in self.located(["dog", "piano", "rain"], sounding()):
            spans = phrase.heard or ()
            assert all(start < end for start, end in spans)
            assert all(before[1] <= after[0] for before, after in pairwise(spans))

    def test_takes_no_phrase_and_one(self) -> None:
        assert self.located([], sounding()) == []
        assert len(self.located(["dog"], sounding())) == 1

    def test_takes_a_very_short_sound(self) -> None:
        self.located(["dog", "cat"], sounding(0.01, (0.0, 0.01)))

    def test_names_things_in_words_of_a_vocabulary_or_not_at_all(self) -> None:
        with self.at_work() as component:
            words = component.name_as(["Dog", "qwertz"], ["cat", "dog"])
            assert component.name_as([], ["dog"]) == []
        assert words[0] == "dog"
        assert words[1] in ("cat", "dog", None)


class TranscriberContract(StageContract):
    """What a transcriber promises. Override ``component`` and ``recording``."""

    def component(self) -> Transcriber:
        """Return the transcriber to test."""
        raise NotImplementedError("return the transcriber to test")

    def recording(self) -> Recording:
        """Return a spoken sentence."""
        raise NotImplementedError("return a recording to test with")

    def test_writes_down_what_is_said_in_order(self) -> None:
        reference = Reference(id="1", spoken=self.recording())
        with self.at_work() as component:
            said = component.transcribe(self.video()[0], reference)
        checks.each_is(said, Transcript)
        checks.transcripts(said, ["1"])
        starts = [each.span[0] for each in said if each.span]
        assert starts == sorted(starts)
