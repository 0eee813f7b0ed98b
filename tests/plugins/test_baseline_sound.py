"""What the embedded components hear: when something sounds, which motion follows it, which objects make sounds of a name."""

from __future__ import annotations

import numpy as np
import pytest

from alref.audio.vocabulary import UNKNOWN_SOUND
from alref.components.base import Locator, Tagger
from alref.records import Audio, Candidates, ObjectTrack, Phrase, PivotBox, PivotFrame, Reference, TimeSpan, TrackCandidates
from alref.testing import ArrayVideo, LocatorContract, TaggerContract, make_buzzing_video, make_moving_square
from alref.utils.masks import encode_mask
from alref_baseline.audio import AlwaysLocator, EnergyLocator
from alref_baseline.audio_activity import detect_activity
from alref_baseline.audio_tags import resolve_sound_objects
from alref_baseline.features import resize_image
from alref_baseline.grounding import GroundingQuery, find_grounding, rank_frames
from alref_baseline.reasoners import RulesReasoner
from alref_baseline.synchrony import get_motion_window
from support.synthetic_media import FPS, ON, RATE, audible, film, in_spans, placed, sound

SOUNDS = ("applause", "car_engine", "jazz_guitar", "piano", "rain", "robin", "speech_female", "trumpet", "typing")
HEARD = Reference(id="1", sound=True)
NOISE = np.random.default_rng(0).normal(0, 0.1, RATE).astype(np.float32)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at small pictures."""
    monkeypatch.setattr("alref_baseline.features.LONG_SIDE", 320)


class TestEnergyTags(TaggerContract):
    def make_component(self) -> Tagger:
        return EnergyLocator(EnergyLocator.Options())

    def test_claims_that_something_sounds_and_when(self) -> None:
        (tag,) = self.tag_video(make_buzzing_video(4.0, (1.0, 3.0)))
        assert (tag.text, tag.category) == (UNKNOWN_SOUND, "")
        assert tag.heard is not None
        assert np.array(tag.heard) == pytest.approx(np.array([(1.0, 3.0)]), abs=0.05)

    def test_hears_nothing_in_silence_and_without_a_sound_track(self) -> None:
        silent = Audio(samples=np.zeros(RATE, np.float32), rate=RATE)
        assert self.tag_video(ArrayVideo(np.zeros((2, 8, 8, 3), np.uint8), audio=silent)) == []
        assert self.tag_video(ArrayVideo(np.zeros((2, 8, 8, 3), np.uint8))) == []


class TestEnergyLocates(LocatorContract):
    def make_component(self) -> Locator:
        return EnergyLocator(EnergyLocator.Options())

    def test_names_sounds_by_what_makes_them(self) -> None:
        named = self.make_component().match_names(["Bark", "lawn mower", "Rain", "guitars"], ["dog", "guitar", "mower"])
        assert named == ["dog", "mower", None, "guitar"]


class TestAlwaysLocates(LocatorContract):
    def make_component(self) -> Locator:
        return AlwaysLocator(AlwaysLocator.Options())

    def test_leaves_phrases_in_force(self) -> None:
        assert [phrase.heard for phrase in self.locate_phrases(["dog", "cat"], make_buzzing_video())] == [None, None]


def heard(audio: Audio) -> tuple[TimeSpan, ...]:
    """Return the spans that are heard, the sound given in blocks of an odd length."""
    size = 40_001
    blocks = [
        Audio(samples=audio.samples[first : first + size], rate=audio.rate, start=audio.start + first / audio.rate)
        for first in range(0, len(audio.samples), size)
    ]
    return detect_activity(blocks).find_spans()


def agree(found: tuple[TimeSpan, ...], true: list[TimeSpan], within: float = 0.2) -> bool:
    return len(found) == len(true) and bool(np.abs(np.array(found) - np.array(true)).max(initial=0) <= within)


class TestActivity:
    @pytest.mark.parametrize("name", SOUNDS)
    @pytest.mark.parametrize("noise", [None, -60.0, -50.0])
    def test_sounds_are_heard_where_they_were_placed(self, name: str, noise: float | None) -> None:
        samples = sound(name)
        for length in (0.6, 1.5):
            excerpt = audible(samples[RATE // 2 : RATE // 2 + round(length * RATE)])
            true = [(start, start + len(excerpt) / RATE) for start in (1.3, 5.1)]
            found = heard(placed(excerpt, (1.3, 5.1), 8.0, noise))
            assert agree(found, true), (length, true, found)

    def test_a_bird_is_heard_over_a_louder_rumble(self) -> None:
        rumble = np.cumsum(np.random.default_rng(1).normal(0, 1, 8 * RATE))
        rumble -= np.convolve(rumble, np.ones(RATE // 10) / (RATE // 10), "same")
        bird = sound("robin")[RATE // 2 : 3 * RATE // 2]
        track = placed(bird, [3.0], 8.0).samples + (3 * bird.std() / rumble.std() * rumble).astype(np.float32)
        assert agree(heard(Audio(samples=track, rate=RATE)), [(3.0, 4.0)])

    def test_a_steady_sound_is_heard_as_long_as_it_lasts(self) -> None:
        rain = sound("rain")[: 4 * RATE]
        assert agree(heard(Audio(samples=rain, rate=RATE)), [(0.0, 4.0)], 0.01)
        assert agree(heard(placed(rain, [0.0], 4.3)), [(0.0, 4.0)])

    def test_spans_are_on_the_video_s_clock(self) -> None:
        late = placed(NOISE, [1.0], 3.0).model_copy(update={"start": 10.0})
        assert agree(heard(late), [(11.0, 12.0)], 0.05)

    @pytest.mark.parametrize("seconds", [0.001, 0.01, 0.05])
    def test_a_very_short_sound_is_heard_whole(self, seconds: float) -> None:
        noise = np.random.default_rng(0).normal(0, 0.1, round(seconds * RATE)).astype(np.float32)
        assert agree(heard(Audio(samples=noise, rate=RATE)), [(0.0, seconds)], 1e-6)

    def test_a_click_is_heard_for_a_moment_and_noise_alone_is_not(self) -> None:
        click = np.full(8, 0.02, np.float32)
        assert agree(heard(placed(click, [1.0], 3.0, noise=-70.0)), [(1.0, 1.0)], 0.05)
        assert heard(placed(0 * click, [1.0], 3.0, noise=-70.0)) == ()
        assert heard(Audio(samples=np.zeros(0, np.float32), rate=RATE)) == ()


class TestSynchrony:
    KINDS = ("still", "with", "without", "always")

    @pytest.mark.parametrize(("name", "pan"), [*((name, 0.0) for name in SOUNDS), ("robin", 5.0), ("speech_female", -5.0)])
    def test_what_moves_when_it_sounds_ranks_first(self, name: str, pan: float) -> None:
        video, masks = film(self.KINDS, in_spans(sound(name)), pan)
        box = self.picked(video, masks, round(3.4 * FPS))
        assert box.mask is not None
        assert [bool(np.array_equal(box.mask, mask[round(3.4 * FPS)])) for mask in masks] == [False, True, False, False], (
            box.why
        )

    def picked(self, video: ArrayVideo, masks: list[np.ndarray], frame: int) -> PivotBox:
        pivot = PivotFrame(phrase=Phrase(reference="1", text=UNKNOWN_SOUND, sound=True), frame=frame)
        rows = [np.nonzero(mask[frame]) for mask in masks]
        boxes = np.array([[x.min(), y.min(), x.max() + 1, y.max() + 1] for y, x in rows])
        shown = np.stack([mask[frame] for mask in masks])
        candidates = Candidates(pivot=pivot, xyxy=boxes, scores=np.full(len(masks), 0.5), masks=shown)
        (box,) = RulesReasoner(RulesReasoner.Options()).pick_boxes(video, [candidates])
        return box

    def test_it_is_found_where_motion_tells_and_ambiguous_where_it_does_not(self) -> None:
        video, masks = film(self.KINDS, in_spans(NOISE))
        box = self.picked(video, masks, round(3.4 * FPS))
        assert box.finding == "found"
        assert "moves with the sound 0." in box.why
        resting, masks = film(("still", "still"), in_spans(NOISE))
        assert self.picked(resting, masks, 10).finding == "ambiguous"
        steady, masks = film(self.KINDS, in_spans(NOISE, [(0.0, 5.4)]))
        assert self.picked(steady, masks, 10).finding == "ambiguous"

    def test_a_track_is_found_where_motion_tells_and_ambiguous_where_it_does_not(self) -> None:
        def choose(kinds: tuple[str, ...], noun: str = UNKNOWN_SOUND) -> list[tuple[str, str]]:
            video, masks = film(kinds, in_spans(NOISE))
            rles = [tuple(map(encode_mask, mask)) for mask in masks]
            facts = {"noun": noun, "score": 0.5, "scores": (0.5,) * len(video)}
            tracks = tuple(ObjectTrack(id=number, rles=each, **facts) for number, each in enumerate(rles, 1))
            asked = TrackCandidates(phrase=Phrase(reference="1", text=UNKNOWN_SOUND, sound=True), tracks=tracks)
            choices = RulesReasoner(RulesReasoner.Options()).pick_tracks(video, [asked])
            return [(each.choice, each.finding) for each in choices]

        assert choose(("still", "with")) == [("reject", "found"), ("accept", "found")]
        assert choose(("still",)) == [("accept", "ambiguous")]
        assert choose(("still",), "dog") == [("accept", "found")]

    def test_two_seconds_are_too_few_to_tell(self) -> None:
        video, masks = film(("with", "without"), in_spans(NOISE))
        frames = range(round(2.5 * FPS), round(4.5 * FPS))
        short = ArrayVideo(np.stack([video.read_frame(frame) for frame in frames]), fps=FPS, audio=placed(NOISE, [0.5], 2.0))
        box = self.picked(short, [mask[frames] for mask in masks], 9)
        assert box.finding == "ambiguous"
        whole, part = (float(box.why.split("moves with the sound ")[1][:4]) for box in (self.picked(video, masks, 34), box))
        assert 0 < part < 0.6 * whole

    def test_a_picture_alone_is_a_guess(self) -> None:
        video = ArrayVideo(film(("still",), None)[0].read_frame(0)[None], fps=1.0, audio=in_spans(NOISE))
        (pivot,) = RulesReasoner(RulesReasoner.Options()).pick_frames(video, tags(UNKNOWN_SOUND, heard=ON))
        assert (pivot.frame, pivot.finding) == (0, "found")
        box = self.picked(video, film(("still",), None)[1], 0)
        assert (box.finding, "moves with the sound 0.00" in box.why) == ("ambiguous", True)

    def test_the_map_is_high_where_motion_follows_the_sound(self) -> None:
        video, masks = film(self.KINDS, in_spans(NOISE))
        follows = resize_image(get_motion_window(video, round(3.4 * FPS)).compute_map(), video.height, video.width)
        still, together, apart, always = (float(follows[mask.any(axis=0)].mean()) for mask in masks)
        assert together > 0.3 > max(still, apart, always)

    def test_nothing_but_its_sound_is_enough_to_find_it(self) -> None:
        video, masks = film(self.KINDS, in_spans(NOISE))
        frame = rank_frames(video, GroundingQuery(UNKNOWN_SOUND, True, ON))[0][0]
        assert any(start <= video.times[frame] < end for start, end in ON)
        top = find_grounding(video, GroundingQuery(UNKNOWN_SOUND, True, ON)).get_regions(frame)[0]
        across = top.region.center[0] * video.width
        where = np.nonzero(masks[1][frame])[1]
        assert where.min() <= across <= where.max()

    def test_a_picture_at_rest_has_something_to_propose(self) -> None:
        video, _ = film(("still",), in_spans(NOISE))
        assert not find_grounding(video, GroundingQuery(UNKNOWN_SOUND, True)).is_absent
        assert find_grounding(video, GroundingQuery("the thing")).is_absent


def tags(*names: str, heard: tuple[TimeSpan, ...] | None = None) -> list[Phrase]:
    return [
        Phrase(reference="1", text=name, score=0.9 - place / 10, sound=True, heard=heard) for place, name in enumerate(names)
    ]


class TestTags:
    @pytest.mark.parametrize(
        ("names", "objects"),
        [
            (("Bark", "Dog", "Animal", "Domestic animals, pets"), ["dog"]),
            (("Speech", "Bark", "Meow"), ["person", "dog", "cat"]),
            (("Male speech, man speaking", "Speech"), ["man"]),
            (("Acoustic guitar", "Musical instrument", "Plucked string instrument"), ["acoustic guitar"]),
            (("Animal",), ["animal"]),
            (("Vehicle", "Speech"), ["vehicle", "person"]),
            (("Rain", "Wind", "Music", "Inside, small room"), []),
            (("a rusty gate",), ["a rusty gate"]),
        ],
    )  # fmt: skip
    def test_sounds_become_the_objects_that_make_them(self, names: tuple[str, ...], objects: list[str]) -> None:
        sought, unseen = resolve_sound_objects(tags(*names))
        assert [phrase.text for phrase in sought] == objects
        assert all(phrase.sound and phrase.reference == "1" for phrase in sought)
        assert {pivot.finding for pivot in unseen} <= {"absent"}

    def test_what_cannot_be_seen_is_absent_with_its_name(self) -> None:
        _, unseen = resolve_sound_objects(tags("Bark", "Rain"))
        assert [pivot.phrase.text for pivot in unseen] == ["Rain"]
        assert "'Rain'" in unseen[0].why

    def test_an_object_is_heard_when_any_of_its_sounds_is(self) -> None:
        early, late = tags("Bark", heard=((0.0, 1.0),)), tags("Howl", heard=((2.0, 3.0),))
        (phrase,), _ = resolve_sound_objects([*early, *late])
        assert (phrase.text, phrase.heard, phrase.score) == ("dog", ((0.0, 1.0), (2.0, 3.0)), 0.9)

    def test_words_are_not_taken_for_sounds(self) -> None:
        asked = Phrase(reference="1", text="Rain", sounds=("Bark",))
        assert resolve_sound_objects([asked]) == ([asked], [])

    def test_references_keep_their_own(self) -> None:
        other = [phrase.model_copy(update={"reference": "2"}) for phrase in tags("Bark")]
        sought, _ = resolve_sound_objects([*tags("Bark"), *other])
        assert [phrase.reference for phrase in sought] == ["1", "2"]


class TestRulesForSounds:
    def component(self) -> RulesReasoner:
        return RulesReasoner(RulesReasoner.Options())

    def test_pivots_lie_within_what_is_heard(self) -> None:
        video, _ = make_moving_square(frames=20)
        for spans in (((0.25, 0.55),), ((1.5, 1.75),)):
            asked = [
                *tags(UNKNOWN_SOUND, heard=spans),
                Phrase(reference="2", text="the red square", sounds=("Bark",), heard=spans),
            ]
            for pivot in self.component().pick_frames(video, asked):
                assert pivot.frame is not None
                assert spans[0][0] <= video.times[pivot.frame] < spans[0][1]

    def test_several_objects_keep_their_names(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("alref_baseline.rules.rank_frames", lambda video, sought: [(2, 0.8, f"sees a {sought.text}")])
        pivots = self.component().pick_frames(make_moving_square()[0], tags("Bark", "Rain", "Meow", "Dog"))
        assert [(pivot.phrase.text, pivot.frame) for pivot in pivots] == [("dog", 2), ("cat", 2), ("Rain", None)]
        assert pivots[-1].finding == "absent"
