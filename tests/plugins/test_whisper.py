"""Whisper on tiny models of random weights: what it writes down, in which language, and what it says of what it cannot use."""

from __future__ import annotations

import json
import re
import wave
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from alref.errors import ConfigError, InputError, MissingError
from alref.pipeline.engine import Pipeline
from alref.pipeline.orders.pivot import PivotOrder
from alref.pipeline.references import read_recording
from alref.plugins.manager import PluginManager
from alref.records import Recording, Reference, Transcript
from alref.testing import TranscriberContract, make_moving_square
from alref_whisper import Whisper, WhisperOptions
from support import tiny_audio_models
from support.clips import write_sound as sound_file
from support.scripted import Script

SAID = ["<|fr|>", "", "<|0.00|>", *"the", "<|1.00|>", "<|1.00|>", *"end", "<|1.50|>", "<|endoftext|>"]


def write_sound(path: Path, seconds: float, level: float = 0.1) -> Path:
    samples = np.random.default_rng(0).normal(0, level, round(seconds * 16_000)).clip(-1, 1)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes((samples * 32767).astype(np.int16).tobytes())
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_audio_models.whisper(tmp_path_factory.mktemp("whisper"), [token or "a" for token in SAID])


@pytest.fixture(scope="module")
def english(tmp_path_factory: pytest.TempPathFactory) -> Path:
    said = ["<|0.00|>", "o", "k", "<|1.00|>", "<|endoftext|>"]
    return tiny_audio_models.whisper(tmp_path_factory.mktemp("english"), said, languages=["en"])


def heard(path: Path, **options: object) -> list[Transcript]:
    component = Whisper(WhisperOptions.model_validate(options), "cpu")
    assert component.problems() == []
    component.load()
    reference = Reference(id="7", spoken=read_recording(path))
    return component.transcribe(make_moving_square()[0], reference)


class TestWhisper(TranscriberContract):
    @pytest.fixture(autouse=True)
    def _made(self, model: Path, tmp_path: Path) -> None:
        self.folder = model
        self.file = write_sound(tmp_path / "spoken.wav", 2.0)

    def make_component(self) -> Whisper:
        return Whisper(WhisperOptions(model=str(self.folder)), "cpu")

    def make_recording(self) -> Recording:
        return read_recording(self.file)


def test_each_sentence_comes_with_its_seconds_and_the_language_that_is_spoken(model: Path, tmp_path: Path) -> None:
    said = heard(write_sound(tmp_path / "a.wav", 1.2), model=str(model))
    assert [(each.text, each.language, each.reference) for each in said] == [("the", "fr", "7"), ("end", "fr", "7")]
    assert [each.span for each in said] == [pytest.approx((0, 1)), pytest.approx((1, 1.2))]


def test_a_long_file_is_heard_to_its_end(model: Path, tmp_path: Path) -> None:
    said = heard(write_sound(tmp_path / "a.wav", 62), model=str(model))
    assert [each.text for each in said] == ["the", "end"] * 3
    assert [each.span[0] for each in said if each.span] == pytest.approx([0, 1, 30, 31, 60, 61], abs=0.02)


def test_the_language_that_is_asked_for_is_not_looked_for(model: Path, tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.wav", 2)
    for language in ("de", "German", " DE "):
        assert {each.language for each in heard(path, model=str(model), language=language)} == {"de"}


def test_a_model_of_english_alone_writes_english(english: Path, tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.wav", 2)
    for language in (None, "en", "english"):
        assert [(each.text, each.language) for each in heard(path, model=str(english), language=language)] == [("ok", "en")]


def test_nothing_is_written_down_of_silence(model: Path, tmp_path: Path) -> None:
    assert heard(write_sound(tmp_path / "a.wav", 2, level=0), model=str(model)) == []


def test_a_sound_of_ten_milliseconds_is_heard(model: Path, tmp_path: Path) -> None:
    assert [each.text for each in heard(write_sound(tmp_path / "a.wav", 0.01), model=str(model))] == ["the"]


@pytest.mark.parametrize(
    ("language", "words"), [("germn", "did you mean 'german'"), ("tlh", "it knows de, en, fr"), ("es", "'es'")]
)
def test_a_language_that_the_model_lacks_is_a_problem_and_an_error(model: Path, language: str, words: str) -> None:
    component = Whisper(WhisperOptions(model=str(model), language=language), "cpu")
    assert [words in problem.message for problem in component.problems()] == [True]
    with pytest.raises(ConfigError, match="language"):
        component.load()


def test_another_language_than_english_names_a_model_for_it(english: Path) -> None:
    [problem] = Whisper(WhisperOptions(model=str(english), language="fr"), "cpu").problems()
    assert (problem.option, problem.value) == ("model", "openai/whisper-small")


def test_weights_that_are_not_all_there_are_never_made_up(model: Path, tmp_path: Path) -> None:
    for file in model.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    tensors = load_file(tmp_path / "model.safetensors")
    del tensors["model.encoder.conv1.weight"]
    save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ConfigError, match=r"\b1 missing\b.*model\.encoder\.conv1\.weight"):
        Whisper(WhisperOptions(model=str(tmp_path)), "cpu").load()


def test_a_model_of_another_kind_and_a_broken_one_are_said_in_one_line(model: Path, tmp_path: Path) -> None:
    for file in model.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    component = Whisper(WhisperOptions(model=str(tmp_path)), "cpu")
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(MissingError, match=re.escape(str(tmp_path))):
        component.load()
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "model_type": "bert"}))
    [problem] = component.problems()
    assert problem.option == "model"
    assert "bert" in problem.message


def test_a_file_without_sound_is_an_input_error(model: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_text("no sound")
    with pytest.raises(InputError, match=r"a\.wav"):
        heard(path, model=str(model))


def test_values_that_are_no_numbers_are_heard_around_and_spoken_of(model: Path, tmp_path: Path) -> None:
    samples = np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32)
    samples[5_000:5_040] = np.nan
    component = Whisper(WhisperOptions(model=str(model)), "cpu")
    component.load()
    spoken = read_recording(sound_file(tmp_path / "a.wav", samples[None], "pcm_f32le"))
    assert component.transcribe(make_moving_square()[0], Reference(id="1", spoken=spoken))
    assert re.fullmatch(r"a\.wav: .*\b40\b.*", *component.warnings)


def test_the_words_of_a_spoken_reference_go_on_to_the_unifier(tmp_path: Path) -> None:
    said = ["<|en|>", "a", "<|0.00|>", *"the\u0120dog", "<|2.00|>", "<|endoftext|>"]
    folder = tiny_audio_models.whisper(tmp_path / "model", said)
    script = Script()
    plugins = PluginManager([*script.entries, EntryPoint("whisper", "alref_whisper", "alref")])
    slots = dict.fromkeys(PivotOrder.slots, "scripted")
    spoken = Reference(id="1", spoken=read_recording(write_sound(tmp_path / "a.wav", 2)))
    with Pipeline(plugins=plugins, **{**slots, "transcriber": {"use": "whisper", "model": str(folder)}}) as pipeline:
        result = pipeline.run(make_moving_square()[0], [spoken])
    assert [each.text for each in result.transcripts] == ["the dog"]
    assert [asked.text for (asked,) in script.asked("unify")] == ["the dog"]
