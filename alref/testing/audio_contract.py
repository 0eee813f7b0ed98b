"""The contracts of taggers and locators."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from typing import Any, ClassVar
from unittest import SkipTest

import numpy as np

from alref.components.base import Locator, Tagger
from alref.media.array_video import ArrayVideo
from alref.media.video import Video
from alref.pipeline import contracts
from alref.records import Audio, Phrase, Reference
from alref.testing.contract import Task, TrueMasks, expect_nothing
from alref.testing.diff import find_difference
from alref.testing.stage import StageContract
from alref.testing.variants import BLANK

AUDIO_REFERENCE = Reference(id="1", sound=True)


class AudioContract(StageContract):
    """The contract of every component that takes the audio of a video.

    Override ``make_video`` and ``sound`` if the component does not recognize a buzz.
    """

    sound: ClassVar[str] = "buzz"
    """The name of the sound of ``make_video``."""

    def make_sound(self, seconds: float) -> Video:
        """Return the sound of ``make_video`` from its loudest sample on, repeated or cut to a length in seconds."""
        rate = 16_000
        audio = self.make_video()[0].read_audio(rate)
        assert audio is not None, "expected a video with an audio track from make_video, got one without"
        loudest = int(np.argmax(np.abs(audio.samples)))
        samples = np.resize(np.roll(audio.samples, -loudest), max(1, round(seconds * rate)))
        frames = np.full((max(1, round(10 * seconds)), 32, 48, 3), BLANK, np.uint8)
        return ArrayVideo(frames, audio=Audio(samples=samples, rate=rate))


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

        Make each ``Phrase`` with ``reference=reference.id``, ``sound=True`` and ``score``; override ``make_video`` with a
        video whose sound the component recognizes.
        """
        tags = self.tag_video(self.make_video()[0])
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
            self.tag_video(self.make_sound(seconds))

    def test_takes_sound_of_other_rates(self) -> None:
        """It works on audio recorded at 8 or 96 kHz.

        Read the audio with ``video.read_audio(rate)`` at the rate that the model needs; it is resampled.
        """
        for rate in (8_000, 96_000):
            video = self.make_video()[0]
            images = [image for _, image in video.read_frames()]
            self.tag_video(ArrayVideo(images, video.fps, video.read_audio(rate)))


class LocatorContract(AudioContract):
    """The contract of a locator. Override ``make_component``."""

    def make_component(self) -> Locator:
        """Return the locator to test."""
        raise NotImplementedError("return the locator to test")

    @property
    def sound_names(self) -> list[str]:
        """The sound of ``make_video`` and two others."""
        return [self.sound, *[name for name in ("dog", "piano", "rain") if name != self.sound][:2]]

    def locate_phrases(self, names: Sequence[str], video: Video) -> list[Phrase]:
        """Return phrases with these names and the spans in which they are heard, checked against the contract."""
        phrases = _make_phrases(names)
        with self.load_component() as component:
            located: list[Phrase] = component.locate(video, AUDIO_REFERENCE, phrases)
        _check_located_phrases(located, phrases)
        return located

    def build_tasks(self, video: Video, truth: TrueMasks) -> list[Task]:
        """Return a task that locates three phrases."""
        phrases = _make_phrases(self.sound_names)
        return [
            *super().build_tasks(video, truth),
            Task("locate", (AUDIO_REFERENCE, phrases), partial(_check_located_phrases, phrases=phrases)),
        ]

    def test_gives_back_each_phrase_with_spans_in_order(self) -> None:
        """It returns the given phrases in the same order, each with spans in seconds that are sorted and do not overlap.

        Return ``phrase.model_copy(update={"heard": spans})`` for each phrase; merge spans that touch, and drop empty ones.
        """
        self.locate_phrases(self.sound_names, self.make_video()[0])

    def test_locates_a_known_sound(self) -> None:
        """It hears a sound that it knows.

        Set ``sound`` to the name of the sound of ``make_video``, and override ``make_video`` with a video that contains it.
        """
        if self.finds_nothing:
            raise SkipTest(self.finds_nothing)
        (phrase,) = self.locate_phrases([self.sound], self.make_video()[0])
        assert phrase.heard != (), f"expected {self.sound!r} to be heard, got no span"

    @expect_nothing
    def test_locates_nothing_for_no_phrase(self) -> None:
        """It returns an empty list for no phrases.

        Return early if there is nothing to do.
        """
        answer = self.locate_phrases([], self.make_video()[0])
        assert answer == [], f"expected [] for no phrase, got {answer!r}"

    def test_spans_do_not_depend_on_the_order_of_phrases(self) -> None:
        """The spans of a phrase do not depend on the order of the phrases.

        Handle each phrase independently, or treat all of them alike.
        """
        video, names = self.make_video()[0], self.sound_names
        expected, got = self.locate_phrases(names, video), self.locate_phrases(names[::-1], video)[::-1]
        difference = find_difference(expected, got)
        assert not difference, f"expected the same spans in another order of phrases, got {difference}"

    @expect_nothing
    def test_takes_a_very_short_sound(self) -> None:
        """It works on 0.01 seconds of audio.

        Pad short audio to what the model needs.
        """
        self.locate_phrases(self.sound_names, self.make_sound(0.01))

    @expect_nothing
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
