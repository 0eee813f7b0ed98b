"""Sound from end to end: real clips and composed ones, the embedded components and scripted ones, sound tracks of all kinds."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest

from alref.errors import InputError
from alref.media.reader import open_video
from alref.media.video import Video
from alref.pipeline.engine import Pipeline
from alref.pipeline.references import read_recording
from alref.plugins.manager import PluginManager
from alref.records import Audio, Phrase, Recording, Reference, Transcript
from alref.result import Result
from alref.testing import ArrayVideo
from alref.utils.masks import Mask
from alref_baseline.audio import AlwaysLocator, EnergyLocator
from alref_baseline.reasoners import RulesReasoner
from alref_baseline.text import GrammarUnifier
from alref_baseline.vision import ClassEvidenceProposer
from support.clips import blocks, write_sound
from support.scripted import Script, announcing
from support.synthetic_media import DATA, FPS, ON, film, in_spans, sound

SOUND = Reference(id="1", sound=True)
NOISE = np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32)
DISCS = ("still", "with", "without")
Samples = npt.NDArray[np.float32]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at small pictures."""
    monkeypatch.setattr("alref_baseline.features.LONG_SIDE", 320)


EMBEDDED = {"tagger": "energy", "locator": "energy", "reasoner": "rules", "proposer": "class-evidence"}


def run(video: Video, *references: Reference, **settings: Any) -> Result:
    """Run the embedded components that hear and see, and a scripted propagator, which is quick."""
    return partly(Script(), *references, video=video, **{**EMBEDDED, "unifier": {"use": "grammar"}, **settings})


def partly(script: Script, *references: Reference, video: Video, **settings: Any) -> Result:
    """Run scripted components beside those of the default that hear and reason; boxes are filled on every frame."""
    embedded = announcing(
        "hears",
        unifiers=[GrammarUnifier, EnergyLocator, AlwaysLocator],
        reasoners=[RulesReasoner],
        proposers=[ClassEvidenceProposer],
    )
    slots = dict.fromkeys(("unifier", "tagger", "locator", "transcriber", "reasoner", "proposer", "propagator"), "scripted")
    with Pipeline(plugins=PluginManager([*script.entries, embedded]), **{**slots, **settings}) as pipeline:
        return pipeline.run(video, references or (SOUND,))


def shown(result: Result, name: str | None = None) -> list[bool]:
    """Say of each frame whether anything, or the object of a name, is masked in it."""
    tracks = [track for track in result.tracks if name in (None, track.phrase.text)]
    return [any(track.rles[frame].area for track in tracks) for frame in range(len(result.video.times))]


def within(result: Result, spans: Sequence[tuple[float, float]], slack: float = 0.2) -> bool:
    """Say whether masks are there in all of ``spans``, and nowhere else, but for ``slack`` seconds at the edges."""
    inside = [any(start + slack <= time < end - slack for start, end in spans) for time in result.video.times]
    near = [any(start - slack <= time < end + slack for start, end in spans) for time in result.video.times]
    return all(inside_ <= seen <= near_ for inside_, seen, near_ in zip(inside, shown(result), near, strict=True))


def on_disc(result: Result, masks: Sequence[Mask]) -> int:
    """Return the number of the disc that the only pivot box lies on."""
    (box,) = result.boxes
    assert box.xyxy is not None
    assert box.pivot.frame is not None
    across, down = round(float(box.xyxy[0::2].mean())), round(float(box.xyxy[1::2].mean()))
    return next(number for number, mask in enumerate(masks) if mask[box.pivot.frame][down, across])


class TestEmbedded:
    def test_the_default_pipeline_masks_what_moves_with_the_sound_while_it_sounds(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("alref_baseline.features.LONG_SIDE", 448)
        video, masks = film(DISCS, in_spans(NOISE))
        with Pipeline() as pipeline:
            result = pipeline.run(video, [SOUND])
        assert result.verdict().finding == "found"
        assert result.verdict().source == "rule"
        assert within(result, ON)
        found = result.masks()
        overlaps = [float((found & mask).sum()) for mask in masks]
        assert overlaps[1] > 10 * max(overlaps[0], overlaps[2])
        heard = masks[1][[any(start <= time < end for start, end in ON) for time in video.times]]
        assert overlaps[1] > 0.6 * heard.sum()
        assert overlaps[1] > 0.6 * found.sum()

    def test_always_leaves_masks_where_nothing_is_heard(self) -> None:
        video, _ = film(DISCS, in_spans(NOISE))
        assert sum(shown(run(video, locator="always"))) > sum(shown(run(video))) + 10

    def test_words_and_sound_together_choose_between_equals(self) -> None:
        video, masks = film(DISCS, in_spans(NOISE))
        result = run(video, Reference(id="1", text="the louder one", sound=True))
        assert [(phrase.text, phrase.sound) for phrase in result.phrases] == [("the louder one", False)]
        assert result.phrases[0].sounds
        assert result.verdict().finding == "found"
        assert on_disc(result, masks) == 1
        assert within(result, ON)

    def test_words_without_sound_are_not_silenced(self) -> None:
        video, _ = film(DISCS, in_spans(NOISE))
        result = partly(Script(), SOUND, Reference(id="2", text="the disc"), video=video, tagger="energy", locator="energy")
        assert [track.phrase.heard is None for track in result.tracks] == [False, True]

    @pytest.mark.parametrize(
        ("audio", "why"),
        [
            (None, "no audio"),
            (Audio(samples=np.zeros(16_000, np.float32), rate=16_000), "silent"),
            (Audio(samples=np.full(16_000, 1e-4, np.float32), rate=16_000), "-60 dB"),
        ],
    )
    def test_silence_is_a_verdict_with_a_reason_and_no_mask(self, audio: Audio | None, why: str) -> None:
        video, _ = film(DISCS, audio)
        result = run(video, SOUND, Reference(id="2", text="the moving thing", sound=True))
        assert [verdict.finding for verdict in result.verdicts] == ["silent", "silent"]
        assert all(why in verdict.why for verdict in result.verdicts)
        assert result.tracks == ()


def clip(name: str, **window: float) -> Video:
    """Open a real clip; skip the test where there is none."""
    path = DATA / name
    if not path.is_file():
        pytest.skip(f"no clip at {path}")
    return open_video(path, max_size=160, **window)  # type: ignore[arg-type]


class TestRealClips:
    def test_speech_has_a_verdict_and_masks_only_while_it_is_heard(self) -> None:
        result = run(clip("video/friday.mp4", every=16))
        (phrase,) = result.phrases
        assert phrase.heard
        assert result.verdict().finding in ("found", "ambiguous")
        assert any(shown(result))
        assert result.pivots[0].frame is not None

    def test_a_clip_of_several_sounds_is_masked_in_their_seconds(self) -> None:
        result = run(clip("clips/frog/video.mp4", every=16))
        heard = result.phrases[0].heard
        assert heard
        assert len(heard) > 1
        outside = [time for time, seen in zip(result.video.times, shown(result), strict=True) if seen]
        assert outside
        assert all(any(start <= time < end for start, end in heard) for time in outside)

    @pytest.mark.parametrize("name", ["clips/coffee/video.mp4", "video/juggle.mp4"])
    def test_clips_without_sound_are_silent(self, name: str) -> None:
        assert run(clip(name, every=60)).verdict().finding == "silent"


class TestNamedSounds:
    """A scripted tagger names sounds; the rules take them for objects, the rest is scripted."""

    def video(self) -> ArrayVideo:
        return film(DISCS, in_spans(NOISE))[0]

    def test_several_objects_keep_identity_and_name(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("alref_baseline.rules.rank_frames", lambda video, sought: [(30, 0.8, "seen")])
        monkeypatch.setattr("alref_baseline.rules.find_grounding", lambda video, sought: SimpleNamespace(confidence=0.8))
        heard = {"dog": ((1.0, 1.9),), "cat": ((3.0, 4.2),)}
        script = Script(
            tag=lambda video, reference: named("Bark", "Meow", "Rain", "Animal", "Dog"),
            locate=lambda video, reference, phrases: [
                phrase.model_copy(update={"heard": heard[phrase.text]}) for phrase in phrases
            ],
        )
        result = partly(script, video=self.video(), reasoner="rules")
        assert [track.phrase.text for track in result.tracks] == ["dog", "cat"]
        assert {pivot.phrase.text: pivot.finding for pivot in result.pivots} == {
            "dog": "found",
            "cat": "found",
            "Rain": "absent",
        }
        times = np.array(result.video.times)
        for name, ((start, end),) in heard.items():
            assert shown(result, name) == ((times >= start) & (times < end)).tolist()
        assert result.verdict().finding == "found"

    def test_sounds_of_nothing_visible_are_absent_with_a_reason(self) -> None:
        script = Script(tag=lambda video, reference: named("Rain", "Wind", "Inside, small room"))
        result = partly(script, video=self.video(), reasoner="rules")
        assert result.verdict().finding == "absent"
        assert "'Rain'" in result.verdict().why
        assert not any(shown(result))

    def test_speech_of_nobody_in_the_picture_is_absent(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("alref_baseline.rules.rank_frames", lambda video, sought: [])
        script = Script(tag=lambda video, reference: named("Speech"))
        result = partly(script, video=self.video(), reasoner="rules")
        assert (result.verdict().finding, result.pivots[0].phrase.text) == ("absent", "person")
        assert "person" in result.verdict().why

    def test_no_tag_is_silent(self) -> None:
        result = partly(Script(tag=lambda video, reference: []), video=self.video())
        assert result.verdict().finding == "silent"

    def test_words_get_the_names_and_seconds_of_what_is_heard(self) -> None:
        tags = [tag.model_copy(update={"heard": ON[:1]}) for tag in named("Bark", "Rain")]
        script = Script(tag=lambda video, reference: tags)
        partly(script, Reference(id="1", text="the louder one", sound=True), video=self.video())
        ((asked,),) = script.asked("pick_frames")
        assert [(phrase.text, phrase.sounds, phrase.heard) for phrase in asked] == [
            ("the louder one", ("Bark", "Rain"), ON[:1])
        ]


def named(*names: str) -> list[Phrase]:
    return [Phrase(reference="1", text=name, score=0.9 - place / 10, sound=True) for place, name in enumerate(names)]


class TestSpoken:
    def spoken(self, folder: Path) -> Recording:
        return read_recording(write_sound(folder / "question.wav", NOISE[None], "pcm_s16le"))

    def test_what_is_said_is_looked_for(self, tmp_path: Path) -> None:
        asked = Reference(id="q", spoken=self.spoken(tmp_path))
        said = [Transcript(reference="q", text=" the red", language="en", span=(0, 1)), Transcript(reference="q", text="disc ")]
        result = partly(Script(transcribe=lambda video, reference: said), asked, video=film(DISCS, None)[0])
        assert [phrase.text for phrase in result.phrases] == ["the red disc"]
        assert result.transcripts == tuple(said)
        assert result.verdict("q").finding == "found"
        assert all(shown(result))

    def test_a_file_without_words_is_absent_with_a_reason(self, tmp_path: Path) -> None:
        asked = Reference(id="q", spoken=self.spoken(tmp_path))
        result = partly(Script(), asked, video=film(DISCS, None)[0])
        assert result.verdict().finding == "absent"

    def test_what_is_said_and_what_sounds_go_together(self, tmp_path: Path) -> None:
        said = [Transcript(reference="q", text="the louder one")]
        script = Script(transcribe=lambda video, reference: said)
        asked = Reference(id="q", spoken=self.spoken(tmp_path), sound=True)
        result = partly(script, asked, video=film(DISCS, in_spans(NOISE))[0], tagger="energy", locator="energy")
        assert [(phrase.text, phrase.sounds) for phrase in result.phrases] == [("the louder one", ("what sounds",))]
        assert within(result, ON)


def write_clip(path: Path, samples: Samples, rate: int, codec: str = "pcm_f32le", layout: str = "mono", start: int = 0) -> Path:
    """Write the film of discs as a video with one sound track of samples (channels, N) at ``rate``."""
    pictures = film(DISCS, None)[0]
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=Fraction(FPS).limit_denominator(), options={"preset": "ultrafast"})
        stream.height, stream.width, stream.pix_fmt = pictures.height, pictures.width, "yuv420p"
        track = file.add_stream(codec, rate=rate, layout=layout)
        for _, picture in pictures.read_frames():
            file.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")))
        file.mux(stream.encode())
        for frame in blocks(samples, start, rate, rate // 20):
            file.mux(track.encode(frame))
        file.mux(track.encode())
    return path


def track(rate: int, seconds: float = 5.4, channels: int = 1) -> Samples:
    """Return noise that is heard in ON, (channels, N) at ``rate``."""
    times = np.arange(round(seconds * rate)) / rate
    on = np.any([(times >= start) & (times < end) for start, end in ON], axis=0)
    noise = np.random.default_rng(0).normal(0, 0.1, len(times))
    return np.repeat((noise * (0.005 + 0.995 * on))[None], channels, axis=0).astype(np.float32)


def heard_in(path: Path) -> Result:
    """Segment what sounds in a file, with scripted pictures."""
    return partly(Script(), video=open_video(path), tagger="energy", locator="energy")


class TestSoundTracks:
    @pytest.mark.parametrize(
        ("rate", "channels", "layout"), [(8_000, 1, "mono"), (96_000, 1, "mono"), (48_000, 6, "5.1"), (44_100, 2, "stereo")]
    )
    def test_any_rate_and_number_of_channels_is_heard_in_time(
        self, tmp_path: Path, rate: int, channels: int, layout: str
    ) -> None:
        result = heard_in(write_clip(tmp_path / "clip.mov", track(rate, channels=channels), rate, layout=layout))
        assert result.verdict().finding == "found"
        assert within(result, ON)

    def test_sound_shorter_than_the_picture_leaves_the_rest_empty(self, tmp_path: Path) -> None:
        result = heard_in(write_clip(tmp_path / "clip.mov", track(16_000, 2.0), 16_000))
        assert within(result, ON[:1])

    def test_sound_longer_than_the_picture_is_heard_as_far_as_it_goes(self, tmp_path: Path) -> None:
        longer = np.concatenate([track(16_000), track(16_000)], axis=1)
        assert within(heard_in(write_clip(tmp_path / "clip.mov", longer, 16_000)), ON)

    def test_sound_that_begins_late_is_heard_late(self, tmp_path: Path) -> None:
        path = write_clip(tmp_path / "clip.mkv", track(16_000, 2.4), 16_000, start=32_000)
        assert within(heard_in(path), [(3.0, 3.9)])

    def test_ten_milliseconds_are_a_sound_of_ten_milliseconds(self, tmp_path: Path) -> None:
        result = heard_in(write_clip(tmp_path / "clip.mov", NOISE[None, :160], 16_000))
        assert result.verdict().finding == "found"
        assert [index for index, seen in enumerate(shown(result)) if seen] == [0]

    def test_values_that_are_no_numbers_are_silence_and_are_spoken_of(self, tmp_path: Path) -> None:
        samples = track(16_000)
        samples[0, 20_000:20_400] = np.nan
        result = heard_in(write_clip(tmp_path / "clip.mov", samples, 16_000))
        assert within(result, ON)
        assert re.fullmatch(r"clip\.mov: .*\b400\b.*", *result.warnings)

    def test_packets_that_cannot_be_decoded_are_silence_and_are_spoken_of(self, tmp_path: Path) -> None:
        path = write_clip(tmp_path / "clip.mkv", track(16_000), 16_000, codec="aac")
        with av.open(str(path)) as file:
            packets = [bytes(packet) for packet in file.demux(audio=0) if packet.size]
        data = path.read_bytes()
        for packet in packets[35:38]:
            data = data.replace(packet, b"\xff" * len(packet))
        path.write_bytes(data)
        result = heard_in(path)
        assert within(result, ON)
        assert path.name in result.warnings[0]

    def test_a_sound_track_that_is_not_there_is_one_error(self, tmp_path: Path) -> None:
        path = write_clip(tmp_path / "clip.mov", track(16_000), 16_000)
        with pytest.raises(InputError, match=r"\b3\b.*\b0:"):
            open_video(path, audio_track=3)

    def test_a_real_sound_in_a_real_file_is_heard_in_its_seconds(self, tmp_path: Path) -> None:
        result = heard_in(write_clip(tmp_path / "clip.mkv", in_spans(sound("robin")).samples[None], 16_000, codec="aac"))
        assert within(result, ON)
