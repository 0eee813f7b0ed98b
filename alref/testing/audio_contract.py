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
from alref.testing.contract import Task, TrueMasks
from alref.testing.diff import find_difference
from alref.testing.stage import StageContract
from alref.testing.videos import make_buzzing_video

AUDIO_REFERENCE = Reference(id="1", sound=True)


class AudioContract(StageContract):
    """What every component promises that is given the sound of a video.

    Override ``make_video_with_audio`` where it does not hear a buzz.
    """

    def make_video_with_audio(self) -> Video:
        """Return a video that can be heard."""
        return make_buzzing_video()


class TaggerContract(AudioContract):
    """What a tagger promises. Override ``make_component``."""

    def make_component(self) -> Tagger:
        """Return the tagger to test."""
        raise NotImplementedError("return the tagger to test")

    def tag_video(self, video: Video) -> list[Phrase]:
        """Return the sounds that it hears in a video, checked against the contract."""
        with self.load_component() as component:
            tags: list[Phrase] = component.tag(video, AUDIO_REFERENCE)
        _check_tags(tags)
        return tags

    def build_tasks(self, video: Video, truth: TrueMasks) -> list[Task]:
        """Return the task to tag."""
        return [*super().build_tasks(video, truth), Task("tag", (AUDIO_REFERENCE,), _check_tags)]

    def test_names_distinct_sounds_of_the_reference_surest_first(self) -> None:
        """It names what sounds, each sound once, the surest first, with scores from 0 to 1.

        Make each ``Phrase`` with ``reference=reference.id``, ``sound=True`` and ``score``; override the kit's
        ``make_video_with_audio`` for one that it hears.
        """
        tags = self.tag_video(self.make_video_with_audio())
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
            self.tag_video(make_buzzing_video(seconds, (0.0, seconds)))

    def test_takes_sound_of_other_rates(self) -> None:
        """It works on sound that was recorded at 8 or 96 kHz.

        Ask ``video.audio(rate)`` for the rate that the model needs, and look at no other.
        """
        for rate in (8_000, 96_000):
            self.tag_video(make_buzzing_video(1.0, (0.0, 1.0), rate))


class LocatorContract(AudioContract):
    """What a locator promises. Override ``make_component``.

    ``known_sound`` is the name of something that it hears in ``make_video_with_audio()``.
    """

    known_sound: ClassVar[str] = "dog"

    def make_component(self) -> Locator:
        """Return the locator to test."""
        raise NotImplementedError("return the locator to test")

    def locate_phrases(self, names: Sequence[str], video: Video) -> list[Phrase]:
        """Return phrases of these names with the spans in which they are heard, checked against the contract."""
        asked = _make_phrases(names)
        with self.load_component() as component:
            phrases: list[Phrase] = component.locate(video, AUDIO_REFERENCE, asked)
        _check_located_phrases(phrases, asked)
        return phrases

    def build_tasks(self, video: Video, truth: TrueMasks) -> list[Task]:
        """Return the task to say when three things sound."""
        asked = _make_phrases(["dog", "piano", "rain"])
        return [
            *super().build_tasks(video, truth),
            Task("locate", (AUDIO_REFERENCE, asked), partial(_check_located_phrases, phrases=asked)),
        ]

    def test_gives_back_each_phrase_with_spans_in_order(self) -> None:
        """It gives back the phrases that it was given, in their order, with spans of seconds that follow each other.

        Return ``phrase.model_copy(update={"heard": spans})`` for each; merge spans that touch, and leave out empty ones.
        """
        self.locate_phrases(["dog", "piano", "rain"], self.make_video_with_audio())

    def test_locates_a_known_sound(self) -> None:
        """It hears something in a sound that it knows.

        Declare ``known_sound = "…"``, a name of what sounds in ``make_video_with_audio()``; override ``make_video_with_audio``
        for one that the model knows.
        """
        (phrase,) = self.locate_phrases([self.known_sound], self.make_video_with_audio())
        assert phrase.heard != (), f"expected {self.known_sound!r} to be heard at some time, got none"

    def test_locates_nothing_for_no_phrase(self) -> None:
        """Without a phrase it returns an empty list.

        Return early where there is nothing to do.
        """
        said = self.locate_phrases([], self.make_video_with_audio())
        assert said == [], f"expected [] for no phrase, got {said!r}"

    def test_spans_do_not_depend_on_the_order_of_phrases(self) -> None:
        """When a phrase sounds does not depend on the order of the phrases.

        Judge each phrase by itself, or treat all of them alike.
        """
        names = ["dog", "piano", "rain"]
        expected, got = (
            self.locate_phrases(names, self.make_video_with_audio()),
            self.locate_phrases(names[::-1], self.make_video_with_audio())[::-1],
        )
        apart = find_difference(expected, got)
        assert not apart, f"expected the same spans in another order of phrases, got {apart}"

    def test_takes_a_very_short_sound(self) -> None:
        """It works on a sound of a hundredth of a second.

        Pad a short sound to what the model needs.
        """
        self.locate_phrases(["dog", "cat"], make_buzzing_video(0.01, (0.0, 0.01)))

    def test_maps_names_to_words_of_a_vocabulary_or_none(self) -> None:
        """It finds the word of a vocabulary that means the same as a name, and None where no word does.

        Leave ``match_names`` as it is in ``Locator``, or return for each name a word of the vocabulary or None.
        """
        with self.load_component() as component:
            words = component.match_names(["Dog", "qwertz"], ["cat", "dog"])
            none = component.match_names([], ["dog"])
        assert none == [], f"expected [] for no name, got {none!r}"
        fits = len(words) == 2 and words[0] == "dog" and words[1] in ("cat", "dog", None)
        assert fits, f"expected 'dog' for 'Dog' and a word of the vocabulary or None for 'qwertz', got {words!r}"


def _check_tags(output: Any) -> None:
    contracts.check_list_of(output, Phrase)
    contracts.check_phrases(output, [AUDIO_REFERENCE.id])


def _make_phrases(names: Sequence[str]) -> list[Phrase]:
    return [Phrase(reference=AUDIO_REFERENCE.id, text=name, sound=True) for name in names]


def _check_located_phrases(output: Any, phrases: list[Phrase]) -> None:
    contracts.check_list_of(output, Phrase)
    contracts.check_located_phrases(output, phrases)
    for phrase in output:
        spans = phrase.heard or ()
        assert all(start < end for start, end in spans), f"expected spans that end after they begin, got {spans}"
        assert all(before[1] <= after[0] for before, after in pairwise(spans)), f"expected spans in order, got {spans}"
