"""Phrases against parts of a sound track: segments, subsets, nothing; by ears that hear pitch and read letters."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from alref.audio import vocabulary
from alref.audio.options import SimilarityOptions
from alref.audio.similarity import EmbeddingCache, cut_spans, locate_phrases, match_to_vocabulary
from alref.errors import ConfigError, InputError
from alref.records import Audio, Phrase, TimeSpan
from alref.testing import ArrayVideo, make_moving_square

RATE = 1_000
PITCHES = {"dog": 50, "piano": 120, "rain": 250, "silence": 0}
SHIPPED = Path(__file__).parents[2] / ".." / "shared" / "reference_run" / "audio_segment"
Floats = npt.NDArray[np.float32]


class PitchEars:
    """Hears how much of each pitch is in a sound; knows the pitches of a few words, one at a time or together."""

    rate, embedding_size = RATE, len(PITCHES)

    def __init__(self) -> None:
        self.asked: list[str] = []

    def embed_audio(self, waveforms: Sequence[Floats]) -> Floats:
        assert all(len(sound) for sound in waveforms)
        return np.stack([unit(np.array([share(sound, pitch) for pitch in PITCHES.values()])) for sound in waveforms])

    def embed_texts(self, texts: Sequence[str]) -> Floats:
        self.asked += texts
        return np.stack([unit(np.array([float(word in text) for word in PITCHES])) for text in texts])


def share(sound: Floats, pitch: int) -> float:
    if not pitch:
        return 0.05
    time = np.arange(len(sound)) / RATE
    return float(np.abs((sound * np.exp(-2j * np.pi * pitch * time)).mean()))


def unit(values: npt.NDArray[np.floating]) -> Floats:
    return np.asarray(values / max(np.linalg.norm(values), 1e-9), np.float32)


def playing(seconds: Sequence[str], frames_each: int = 1, rest: float = 0.0) -> ArrayVideo:
    """Make a video of one frame (or more) a second, in which the named sounds play in each second; then silence."""
    time = np.arange(RATE) / RATE
    played = [
        sum((0.3 * np.sin(2 * np.pi * PITCHES[name] * time) for name in names.split()), np.zeros(RATE)) for names in seconds
    ]
    samples = np.concatenate([*played, np.zeros(round(rest * RATE))]).astype(np.float32)
    frames = [frame for _, frame in make_moving_square(frames_each * len(seconds))[0].read_frames()]
    return ArrayVideo(frames, fps=frames_each, audio=Audio(samples=samples, rate=RATE))


def asking(*names: str) -> list[Phrase]:
    return [Phrase(reference="1", text=name, sound=True) for name in names]


def heard(video: ArrayVideo, *names: str, **options: object) -> list[tuple[TimeSpan, ...] | None]:
    return [
        each.heard for each in locate_phrases(PitchEars(), video, asking(*names), SimilarityOptions.model_validate(options))
    ]


def test_each_phrase_is_heard_where_it_sounds_and_nothing_in_silence() -> None:
    video = playing(["", "dog", "dog", "", "piano", "rain"], frames_each=4)
    assert heard(video, "dog", "piano", "violin") == [((1, 3),), ((4, 5),), ()]
    assert heard(video, "dog") == [((1, 3),)]


def test_shorter_windows_place_a_sound_better() -> None:
    video = playing(["dog", ""], frames_each=4)
    audio = video.read_audio(RATE)
    shifted = ArrayVideo([frame for _, frame in video.read_frames()], fps=4, audio=audio.model_copy(update={"start": 0.5}))
    assert heard(shifted, "dog", seconds=1) == [((0, 2),)]
    assert heard(shifted, "dog", seconds=0.5) == [((0.5, 1.5),)]


def test_whole_seconds_are_those_of_the_videos_clock() -> None:
    video = playing(["dog", "piano", "dog"], frames_each=4)
    later = ArrayVideo(
        [frame for _, frame in video.read_frames()], fps=4, audio=video.read_audio(RATE).model_copy(update={"start": 10.0})
    )
    later.times = later.times + 10.25
    spans = heard(later, "dog", "piano", seconds=1)
    assert spans == [((10, 11), (12, 13)), ((11, 12),)]


def test_subsets_hear_several_at_once_and_always_something() -> None:
    video = playing(["dog", "dog piano", "piano", ""])
    spans = heard(video, "dog", "piano", mode="subsets", segments="windows", seconds=1)
    assert spans[0] is not None
    assert spans[0][0] == (0, 2)
    assert spans[1] is not None
    assert spans[1][0][0] == 1
    assert max(end for span in spans for _, end in span or ()) == 4


def test_subsets_are_asked_for_as_published() -> None:
    ears = PitchEars()
    options = SimilarityOptions(mode="subsets", separator="; ", seconds=1)
    locate_phrases(ears, playing(["dog", "piano"]), asking("dog", "gun", "Cat"), options)
    single, pairs = (
        ["dog barking", "gun shot", "cat meow"],
        ["dog barking; gun shot", "dog barking; cat meow", "gun shot; cat meow"],
    )
    assert ears.asked == [*single, *pairs, "dog barking; gun shot; cat meow"]
    assert heard(playing(["", ""]), "piano", mode="subsets") == [None]


def test_after_the_last_segment_its_decision_holds(tmp_path: Path) -> None:
    path = tmp_path / "segments.json"
    path.write_text(json.dumps({"in memory": [[0, 1], [1, 2]]}))
    video = playing(["dog", "piano", "dog", "dog"])
    published = {"mode": "subsets", "segments_file": path}
    assert heard(video, "dog", "piano", **published) == [((0, 1),), ((1, 4),)]
    assert heard(video, "dog", "piano", segments_file=path) == [((0, 1),), ((1, 2),)]


def test_sound_that_ends_before_the_picture_leaves_the_last_decision_or_nothing() -> None:
    whole = playing(["dog", "piano", "", ""])
    frames = [frame for _, frame in whole.read_frames()]
    cut = ArrayVideo(frames, fps=1, audio=Audio(samples=whole.read_audio(RATE).samples[: 2 * RATE], rate=RATE))
    assert heard(cut, "dog", "piano", mode="subsets", seconds=1) == [((0, 1),), ((1, 4),)]
    assert heard(cut, "dog", "piano", seconds=1) == [((0, 1),), ((1, 2),)]


def test_similar_seconds_make_one_segment() -> None:
    ears = PitchEars()
    lengths: list[list[int]] = []
    hear = ears.embed_audio
    ears.embed_audio = lambda sounds: lengths.append([len(sound) for sound in sounds]) or hear(sounds)  # type: ignore[method-assign]
    options = SimilarityOptions(mode="subsets", segments="similarity", seconds=1)
    found = locate_phrases(ears, playing(["dog", "dog", "dog", "piano", "piano"]), asking("dog", "piano"), options)
    assert lengths == [[RATE] * 5, [3 * RATE, 2 * RATE]]
    assert [each.heard for each in found] == [((0, 3),), ((3, 5),)]


def test_a_clip_that_the_file_does_not_name_is_an_input_error(tmp_path: Path) -> None:
    path = tmp_path / "segments.json"
    path.write_text(json.dumps({"in memori": [[0, 1]]}))
    with pytest.raises(InputError, match=r"'in memory'.*'in memori'"):
        heard(playing(["dog"]), "dog", "cat", segments_file=path)


@pytest.mark.parametrize(("name", "clips"), [("ms3", 64), ("avss", 1554), ("v2_binary", 750)])
def test_the_shipped_segments_serve_their_clips(name: str, clips: int) -> None:
    path = SHIPPED / f"{name}_audio_segment.json"
    if not path.is_file():
        pytest.skip("the published segments are not here")
    known = json.loads(path.read_text())
    assert len(known) == clips
    clip, segments = next((clip, segments) for clip, segments in known.items() if len(segments) > 1)
    video = playing(["dog", "piano"] * 5)
    video.name = clip
    edges = {
        edge for spans in heard(video, "dog", "piano", mode="subsets", segments_file=path) for span in spans for edge in span
    }
    assert edges <= {0, 10, *(edge for segment in segments for edge in segment)}


def test_too_many_phrases_for_all_subsets_are_an_error_that_names_the_other_mode() -> None:
    with pytest.raises(ConfigError, match=r"\b10\b.*\b11: -o locator\.mode=independent"):
        heard(playing(["dog"]), *(f"thing {number}" for number in range(11)), mode="subsets")


def test_something_must_stand_for_nothing() -> None:
    with pytest.raises(ValidationError):
        SimilarityOptions.model_validate({"negatives": []})


def test_names_outside_a_vocabulary_are_mapped_by_meaning() -> None:
    assert match_to_vocabulary(PitchEars(), ["Dog", "hot dog", "grand piano"], ["piano", "rain", "DOG", "dog house"]) == [
        "DOG",
        "dog house",
        "piano",
    ]
    assert match_to_vocabulary(PitchEars(), ["dog"], []) == [None]
    outside = ["chainsaw", "goat", "microphone", "French horn", "basketball bounce", "clapping", "waves"]
    classes = vocabulary.load_vocabulary("avsbench")
    assert all(word in classes for word in match_to_vocabulary(PitchEars(), outside, classes))


def test_texts_are_read_once() -> None:
    asked: list[str] = []

    def encode(texts: Sequence[str]) -> Floats:
        asked.extend(texts)
        return np.array([[len(text)] for text in texts], np.float32)

    read = EmbeddingCache(encode, size=2)
    assert read(["a", "bb", "ccc", "a"]).tolist() == [[1], [2], [3], [1]]
    assert read(["ccc", "dddd"]).tolist() == [[3], [4]]
    assert asked == ["a", "bb", "ccc", "dddd"]


@settings(max_examples=60)
@given(length=st.integers(0, 500), block=st.integers(1, 200), cuts=st.lists(st.integers(0, 700), min_size=2, max_size=8))
def test_parts_are_cut_out_of_blocks_of_any_length(length: int, block: int, cuts: list[int]) -> None:
    samples = np.arange(length, dtype=np.float32)
    blocks = (Audio(samples=samples[at : at + block], rate=100, start=3 + at / 100) for at in range(0, length, block))
    edges = sorted(cuts)
    spans = [(3 + start / 100, 3 + end / 100) for start, end in pairwise(edges)]
    parts = list(cut_spans(blocks, spans))
    assert [part.tolist() for part in parts] == [samples[a:b].tolist() for a, b in pairwise(edges)]
