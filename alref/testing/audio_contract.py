"""What components promise that hear."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from typing import Any, ClassVar

from alref.components.base import Locator, Tagger
from alref.media.video import Video
from alref.pipeline import contracts
from alref.records import Phrase, Reference
from alref.testing.contract import Task, Truth
from alref.testing.diff import difference
from alref.testing.stage import StageContract
from alref.testing.videos import sounding

SOUND = Reference(id="1", sound=True)


class HearingContract(StageContract):
    """What every component promises that is given the sound of a video. Override ``sound`` where it hears no buzzing."""

    def sound(self) -> Video:
        """Return a video that can be heard."""
        return sounding()


class TaggerContract(HearingContract):
    """What a tagger promises. Override ``component``."""

    def component(self) -> Tagger:
        """Return the tagger to test."""
        raise NotImplementedError("return the tagger to test")

    def tagged(self, video: Video) -> list[Phrase]:
        """Return the sounds that it hears in a video, checked against the contract."""
        with self.at_work() as component:
            tags: list[Phrase] = component.tag(video, SOUND)
        _tags(tags)
        return tags

    def tasks(self, video: Video, truth: Truth) -> list[Task]:
        """Return the task to tag."""
        return [*super().tasks(video, truth), Task("tag", (SOUND,), _tags)]

    def test_names_distinct_sounds_of_the_reference_surest_first(self) -> None:
        """It names what sounds, each sound once, the surest first, with scores from 0 to 1.

        Make each ``Phrase`` with ``reference=reference.id``, ``sound=True`` and ``score``; override the kit's ``sound`` for one
        that it hears.
        """
        tags = self.tagged(self.sound())
        assert tags, "expected at least one sound, got none"
        names = [tag.text for tag in tags]
        assert len(set(names)) == len(names), f"expected each sound once, got {names}"
        scores = [tag.score for tag in tags]
        assert scores == sorted(scores, reverse=True), f"expected the surest first, got scores {scores}"
        assert all(0 <= score <= 1 for score in scores), f"expected scores from 0 to 1, got {scores}"
        assert all(tag.sound for tag in tags), f"expected sound=True in each, got {[tag.sound for tag in tags]}"

    def test_takes_sound_of_any_length(self) -> None:
        """It works on a sound of a hundredth of a second, and on one of twelve seconds.

        Pad a short sound to what the model needs, and go through a long one in windows.
        """
        for seconds in (0.01, 0.3, 12.0):
            self.tagged(sounding(seconds, (0.0, seconds)))

    def test_takes_sound_of_other_rates(self) -> None:
        """It works on sound that was recorded at 8 or 96 kHz.

        Ask ``video.audio(rate)`` for the rate that the model needs, and look at no other.
        """
        for rate in (8_000, 96_000):
            self.tagged(sounding(1.0, (0.0, 1.0), rate))


class LocatorContract(HearingContract):
    """What a locator promises. Override ``component``.

    ``hears`` is the name of something that it hears in ``sound()``.
    """

    hears: ClassVar[str] = "dog"

    def component(self) -> Locator:
        """Return the locator to test."""
        raise NotImplementedError("return the locator to test")

    def located(self, names: Sequence[str], video: Video) -> list[Phrase]:
        """Return phrases of these names with the spans in which they are heard, checked against the contract."""
        asked = _named(names)
        with self.at_work() as component:
            phrases: list[Phrase] = component.locate(video, SOUND, asked)
        _located(phrases, asked)
        return phrases

    def tasks(self, video: Video, truth: Truth) -> list[Task]:
        """Return the task to say when three things sound."""
        asked = _named(["dog", "piano", "rain"])
        return [*super().tasks(video, truth), Task("locate", (SOUND, asked), partial(_located, asked=asked))]

    def test_gives_back_each_phrase_with_spans_in_order(self) -> None:
        """It gives back the phrases that it was given, in their order, with spans of seconds that follow each other.

        Return ``phrase.model_copy(update={"heard": spans})`` for each; merge spans that touch, and leave out empty ones.
        """
        self.located(["dog", "piano", "rain"], self.sound())

    def test_hears_what_is_there(self) -> None:
        """It hears something in a sound that it knows.

        Declare ``hears = "…"``, a name of what sounds in ``sound()``; override ``sound`` for one that the model knows.
        """
        (phrase,) = self.located([self.hears], self.sound())
        assert phrase.heard != (), f"expected {self.hears!r} to be heard at some time, got none"

    def test_hears_nothing_of_no_phrase(self) -> None:
        """Without a phrase it returns an empty list.

        Return early where there is nothing to do.
        """
        said = self.located([], self.sound())
        assert said == [], f"expected [] for no phrase, got {said!r}"

    def test_sounds_may_come_in_any_order(self) -> None:
        """When a phrase sounds does not depend on the order of the phrases.

        Judge each phrase by itself, or treat all of them alike.
        """
        names = ["dog", "piano", "rain"]
        expected, got = self.located(names, self.sound()), self.located(names[::-1], self.sound())[::-1]
        apart = difference(expected, got)
        assert not apart, f"expected the same spans in another order of phrases, got {apart}"

    def test_takes_a_very_short_sound(self) -> None:
        """It works on a sound of a hundredth of a second.

        Pad a short sound to what the model needs.
        """
        self.located(["dog", "cat"], sounding(0.01, (0.0, 0.01)))

    def test_names_things_in_words_of_a_vocabulary_or_not_at_all(self) -> None:
        """It finds the word of a vocabulary that means the same as a name, and None where no word does.

        Leave ``name_as`` as it is in ``Locator``, or return for each name a word of the vocabulary or None.
        """
        with self.at_work() as component:
            words = component.name_as(["Dog", "qwertz"], ["cat", "dog"])
            none = component.name_as([], ["dog"])
        assert none == [], f"expected [] for no name, got {none!r}"
        fits = len(words) == 2 and words[0] == "dog" and words[1] in ("cat", "dog", None)
        assert fits, f"expected 'dog' for 'Dog' and a word of the vocabulary or None for 'qwertz', got {words!r}"


def _tags(output: Any) -> None:
    contracts.each_is(output, Phrase)
    contracts.phrases(output, [SOUND.id])


def _named(names: Sequence[str]) -> list[Phrase]:
    return [Phrase(reference=SOUND.id, text=name, sound=True) for name in names]


def _located(output: Any, asked: list[Phrase]) -> None:
    contracts.each_is(output, Phrase)
    contracts.located(output, asked)
    for phrase in output:
        spans = phrase.heard or ()
        assert all(start < end for start, end in spans), f"expected spans that end after they begin, got {spans}"
        assert all(before[1] <= after[0] for before, after in pairwise(spans)), f"expected spans in order, got {spans}"
