"""The contracts of taggers and locators."""

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
    """The contract of every component that takes the audio of a video.

    Override ``make_video_with_audio`` if the component does not recognize a buzz.
    """

    def make_video_with_audio(self) -> Video:
        """Return a video with audible sound."""
        return make_buzzing_video()


class TaggerContract(AudioContract):
    """The contract of a tagger. Override ``make_component``."""

    def make_component(self) -> Tagger:
        """Return the tagger to test."""
        raise NotImplementedError("return the tagger to test")

    def tag_video(self, video: Video) -> list[Phrase]:
        """Return the tags of a video, checked against the contract."""
        with self.load_component() as component:
            tags: list[Phrase] = component.tag(video, AUDIO_REFERENCE)
        _check_tags(tags)
        return tags

    def build_tasks(self, video: Video, truth: TrueMasks) -> list[Task]:
        """Return a task that calls ``tag``."""
        return [*super().build_tasks(video, truth), Task("tag", (AUDIO_REFERENCE,), _check_tags)]

    def test_names_distinct_sounds_of_the_reference_surest_first(self) -> None:
        """It returns the sounds of a video, each once, highest score first, with scores from 0 to 1.

        Make each ``Phrase`` with ``reference=reference.id``, ``sound=True`` and ``score``; override ``make_video_with_audio``
        with a video that the component recognizes.
        """
        tags = self.tag_video(self.make_video_with_audio())
        assert tags, "expected at least one sound, got none"
        names = [tag.text for tag in tags]
        assert len(set(names)) == len(names), f"expected each sound once, got {names}"
        scores = [tag.score for tag in tags]
        assert scores == sorted(scores, reverse=True), f"expected the highest score first, got scores {scores}"
        assert all(0 <= score <= 1 for score in scores), f"expected scores from 0 to 1, got {scores}"
        assert all(tag.sound for tag in tags), f"expected sound=True in each, got {[tag.sound for tag in tags]}"

    def test_takes_sound_of_any_length(self) -> None:
        """It works on audio of 0.01, 0.3 and 12 seconds.

        Pad short audio to what the model needs, and split long audio into windows.
        """
        for seconds in (0.01, 0.3, 12.0):
            self.tag_video(make_buzzing_video(seconds, (0.0, seconds)))

    def test_takes_sound_of_other_rates(self) -> None:
        """It works on audio recorded at 8 or 96 kHz.

        Read the audio with ``video.read_audio(rate)`` at the rate that the model needs; it is resampled.
        """
        for rate in (8_000, 96_000):
            self.tag_video(make_buzzing_video(1.0, (0.0, 1.0), rate))


class LocatorContract(AudioContract):
    """The contract of a locator. Override ``make_component``.

    ``known_sound`` is the name of a sound that the component recognizes in ``make_video_with_audio()``.
    """

    known_sound: ClassVar[str] = "dog"

    def make_component(self) -> Locator:
        """Return the locator to test."""
        raise NotImplementedError("return the locator to test")

    def locate_phrases(self, names: Sequence[str], video: Video) -> list[Phrase]:
        """Return phrases with these names and the spans in which they are heard, checked against the contract."""
        phrases = _make_phrases(names)
        with self.load_component() as component:
            located: list[Phrase] = component.locate(video, AUDIO_REFERENCE, phrases)
        _check_located_phrases(located, phrases)
        return located

    def build_tasks(self, video: Video, truth: TrueMasks) -> list[Task]:
        """Return a task that locates three phrases."""
        phrases = _make_phrases(["dog", "piano", "rain"])
        return [
            *super().build_tasks(video, truth),
            Task("locate", (AUDIO_REFERENCE, phrases), partial(_check_located_phrases, phrases=phrases)),
        ]

    def test_gives_back_each_phrase_with_spans_in_order(self) -> None:
        """It returns the given phrases in the same order, each with spans in seconds that are sorted and do not overlap.

        Return ``phrase.model_copy(update={"heard": spans})`` for each phrase; merge spans that touch, and drop empty ones.
        """
        self.locate_phrases(["dog", "piano", "rain"], self.make_video_with_audio())

    def test_locates_a_known_sound(self) -> None:
        """It hears a sound that it knows.

        Set ``known_sound = "…"`` to the name of a sound in ``make_video_with_audio()``, and override ``make_video_with_audio``
        with a video that contains it.
        """
        (phrase,) = self.locate_phrases([self.known_sound], self.make_video_with_audio())
        assert phrase.heard != (), f"expected {self.known_sound!r} to be heard, got no span"

    def test_locates_nothing_for_no_phrase(self) -> None:
        """It returns an empty list for no phrases.

        Return early if there is nothing to do.
        """
        answer = self.locate_phrases([], self.make_video_with_audio())
        assert answer == [], f"expected [] for no phrase, got {answer!r}"

    def test_spans_do_not_depend_on_the_order_of_phrases(self) -> None:
        """The spans of a phrase do not depend on the order of the phrases.

        Handle each phrase independently, or treat all of them alike.
        """
        names = ["dog", "piano", "rain"]
        expected, got = (
            self.locate_phrases(names, self.make_video_with_audio()),
            self.locate_phrases(names[::-1], self.make_video_with_audio())[::-1],
        )
        difference = find_difference(expected, got)
        assert not difference, f"expected the same spans in another order of phrases, got {difference}"

    def test_takes_a_very_short_sound(self) -> None:
        """It works on 0.01 seconds of audio.

        Pad short audio to what the model needs.
        """
        self.locate_phrases(["dog", "cat"], make_buzzing_video(0.01, (0.0, 0.01)))

    def test_maps_names_to_words_of_a_vocabulary_or_none(self) -> None:
        """It maps each name to the vocabulary entry with the same meaning, or to None.

        Do not override ``Locator.match_names``, or return for each name an entry of the vocabulary or None.
        """
        with self.load_component() as component:
            matches = component.match_names(["Dog", "qwertz"], ["cat", "dog"])
            none = component.match_names([], ["dog"])
        assert none == [], f"expected [] for no name, got {none!r}"
        valid = len(matches) == 2 and matches[0] == "dog" and matches[1] in ("cat", "dog", None)
        assert valid, f"expected 'dog' for 'Dog' and an entry of the vocabulary or None for 'qwertz', got {matches!r}"


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
