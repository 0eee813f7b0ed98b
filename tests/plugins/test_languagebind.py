"""LanguageBind on tiny models of random weights: its numbers are the published package's, and it loads whole or not at all."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from alref.audio import vocabulary
from alref.errors import ConfigError, MissingError
from alref.llm.published_answers import import_published_answers
from alref.records import Phrase, Reference
from alref.testing import LocatorContract, make_buzzing_video
from alref_languagebind import LanguageBind, LanguageBindOptions
from alref_languagebind._runtime import LanguageBindEncoder
from alref_languagebind._towers import load_towers, merge_lora
from alref_languagebind.spectrogram import compute_centered_fbank, make_spectrogram_images
from support import tiny_audio_models

GOLDEN = Path(__file__).parents[1] / "data" / "languagebind_golden.npz"
PUBLISHED = Path(__file__).parents[2] / ".." / "shared" / "reference_run" / "gpt_results"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_audio_models.languagebind(tmp_path_factory.mktemp("languagebind"))


class TestEach(LocatorContract):
    sound = "rain"

    @pytest.fixture(autouse=True)
    def _made(self, folder: Path) -> None:
        self.folder = folder

    def make_component(self) -> LanguageBind:
        return LanguageBind(LanguageBindOptions(model=str(self.folder), negatives=("nobody",)), "cpu")

    def test_hears_what_is_more_like_the_sound_than_nothing_and_none_in_silence(self) -> None:
        found = self.locate_phrases(["dog", "piano", "rain"], make_buzzing_video(4.0, (1.0, 3.0)))
        assert [phrase.heard for phrase in found] == [((1.0, 3.0),), (), ((1.0, 3.0),)]


class TestSubsets(LocatorContract):
    @pytest.fixture(autouse=True)
    def _made(self, folder: Path) -> None:
        self.folder = folder

    def make_component(self) -> LanguageBind:
        options = LanguageBindOptions(model=str(self.folder), mode="subsets", segments="similarity", seconds=1)
        return LanguageBind(options, "cpu")

    def test_something_always_sounds_and_one_phrase_all_the_time(self) -> None:
        found = self.locate_phrases(["dog", "piano"], make_buzzing_video(4.0))
        seconds = sorted(span for phrase in found for span in phrase.heard or ())
        assert (seconds[0][0], seconds[-1][1]) == (0.0, 4.0)
        assert self.locate_phrases(["dog"], make_buzzing_video(4.0))[0].heard is None


def test_features_are_those_of_the_published_package(folder: Path) -> None:
    golden = np.load(GOLDEN)
    shapes = {
        name: shape for name, shape in tiny_audio_models.languagebind_shapes().items() if not name.endswith("position_ids")
    }
    assert shapes == json.loads(str(golden["shapes"]))
    model = load_towers(folder, tiny_audio_models.LANGUAGEBIND)
    seen = torch.randn(3, 3, 16, 48, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        sounds = model.visual_projection(model.vision_model(pixel_values=seen).pooler_output)
    np.testing.assert_allclose(sounds.numpy(), golden["sounds"], atol=1e-5)
    texts = LanguageBindEncoder(folder, "float32", "cpu").embed_texts(["dog barking", "a", "piano; violin"])
    np.testing.assert_allclose(texts, golden["texts"] / np.linalg.norm(golden["texts"], axis=1, keepdims=True), atol=1e-5)


def test_updates_of_low_rank_change_what_is_heard_and_are_merged_as_written(folder: Path, tmp_path: Path) -> None:
    published = tiny_audio_models.seeded(tiny_audio_models.languagebind_shapes())
    place = "vision_model.encoder.base_model.model.layers.0.self_attn.k_proj"
    plain = merge_lora(published, 16)
    update = published[f"{place}.lora_B.default.weight"] @ published[f"{place}.lora_A.default.weight"]
    expected = published[f"{place}.base_layer.weight"] + 16 / 2 * update
    torch.testing.assert_close(plain["vision_model.encoder.layers.0.self_attn.k_proj.weight"], expected)
    sound = [make_buzzing_video(1.0, (0.0, 1.0)).read_audio(16_000).samples]
    whole = tiny_audio_models.languagebind(tmp_path / "whole", plain)
    bare = tiny_audio_models.languagebind(tmp_path / "bare", merge_lora(published, 0))
    heard, same, other = (LanguageBindEncoder(each, "float32", "cpu").embed_audio(sound) for each in (folder, whole, bare))
    np.testing.assert_allclose(heard, same, atol=1e-5)
    assert np.abs(heard - other).max() > 0.01


def test_weights_in_safetensors_are_read_too(folder: Path, tmp_path: Path) -> None:
    tiny_audio_models.languagebind(tmp_path)
    weights = {name: each.contiguous() for name, each in torch.load(tmp_path / "pytorch_model.bin", weights_only=True).items()}
    (tmp_path / "pytorch_model.bin").unlink()
    save_file(weights, tmp_path / "model.safetensors")
    component = LanguageBind(LanguageBindOptions(model=str(tmp_path)), "cpu")
    assert component.problems() == []
    component.load()


@pytest.mark.parametrize(("name", "seconds"), [("short", 0.2), ("long", 1.5)])
def test_sounds_are_seen_as_by_the_published_package(name: str, seconds: float) -> None:
    said = tiny_audio_models.LANGUAGEBIND["vision_config"]
    shown = make_spectrogram_images(tiny_audio_models.rising(seconds), 16, 48, said["audio_mean"], said["audio_std"])
    np.testing.assert_allclose(shown, np.load(GOLDEN)[name], atol=1e-3 / (2 * said["audio_std"]))


def test_a_short_sound_is_repeated_and_a_long_one_shown_in_thirds() -> None:
    rng = np.random.default_rng(0)
    short = rng.normal(0, 0.1, 16_000).astype(np.float32)
    shown, mel = make_spectrogram_images(short, 16, 250, 0.0, 0.5), compute_centered_fbank(short, 16)
    assert shown.shape == (3, 16, 250)
    np.testing.assert_array_equal(shown[0].T[: len(mel)], mel)
    np.testing.assert_array_equal(shown[2].T[len(mel) : 2 * len(mel)], mel)
    long = rng.normal(0, 0.1, 64_000).astype(np.float32)
    shown, mel = make_spectrogram_images(long, 16, 100, 0.0, 0.5), compute_centered_fbank(long, 16)
    for picture, begin in zip(shown, (0, 100, 200), strict=True):
        np.testing.assert_array_equal(picture.T, mel[begin : begin + 100])
    np.testing.assert_allclose(make_spectrogram_images(long, 16, 100, 2.0, 3.0), (shown - 2) / 6, atol=1e-5)


def test_names_are_mapped_to_the_most_alike_word_of_a_vocabulary(folder: Path) -> None:
    component = LanguageBind(LanguageBindOptions(model=str(folder)), "cpu")
    component.load()
    assert component.match_names(["DOG", "dogs"], ["piano", "cat", "dog"])[0] == "dog"
    ears = LanguageBindEncoder(folder, "float32", "cpu")
    best = (ears.embed_texts(["chainsaw"]) @ ears.embed_texts(["axe", "saw", "dog"]).T).argmax()
    assert component.match_names(["chainsaw"], ["axe", "saw", "dog"]) == [["axe", "saw", "dog"][best]]


@pytest.mark.parametrize(("setting", "instances", "distinct"), [("avss", 39, 18), ("v2_binary", 25, 15)])
def test_published_names_outside_the_vocabulary_map_to_a_class(
    folder: Path, setting: str, instances: int, distinct: int
) -> None:
    if not (PUBLISHED / setting).is_dir():
        pytest.skip("the published answers are not here")
    classes = list(vocabulary.load_vocabulary("avsbench"))
    outside = [choice.label for choice in import_published_answers(PUBLISHED / setting).choices if choice.label not in classes]
    assert (len(outside), len(set(outside))) == (instances, distinct)
    component = LanguageBind(LanguageBindOptions(model=str(folder)), "cpu")
    component.load()
    found = component.match_names(outside, classes)
    assert all(word in classes for word in found)
    assert dict(zip(outside, found, strict=True)) == dict(zip(reversed(outside), reversed(found), strict=True))


def test_weights_that_do_not_belong_to_the_configuration_are_an_error(tmp_path: Path) -> None:
    weights = tiny_audio_models.seeded(tiny_audio_models.languagebind_shapes())
    lost, wide, more = dict(weights), dict(weights), {**weights, "classifier.weight": torch.zeros(2)}
    del lost["text_projection.weight"]
    wide["visual_projection.weight"] = torch.zeros(48, 32)
    names = ("text_projection.weight", "visual_projection.weight", "classifier.weight")
    for name, changed in zip(names, (lost, wide, more), strict=True):
        folder = tiny_audio_models.languagebind(tmp_path / name, changed)
        with pytest.raises(ConfigError, match=rf"\b1\b.*\b{name}\b"):
            LanguageBind(LanguageBindOptions(model=str(folder)), "cpu").load()


class Harmful:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, ("harm",)


def test_code_in_a_checkpoint_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tiny_audio_models.languagebind(tmp_path / "model")
    torch.save({"logit_scale": Harmful()}, folder / "pytorch_model.bin")
    with pytest.raises(MissingError, match=str(folder)):
        LanguageBind(LanguageBindOptions(model=str(folder)), "cpu").load()
    assert not (tmp_path / "harm").exists()


def test_another_model_is_said_to_be_one(tmp_path: Path, folder: Path) -> None:
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(MissingError, match=r"KeyError: 'vision_config'"):
        LanguageBind(LanguageBindOptions(model=str(tmp_path)), "cpu").load()
    (tmp_path / "pytorch_model.bin").unlink()
    [problem] = LanguageBind(LanguageBindOptions(model=str(tmp_path)), "cpu").problems()
    assert "pytorch_model.bin" in problem.message


def test_a_phrase_that_is_no_sound_is_compared_by_its_category(folder: Path) -> None:
    component = LanguageBind(LanguageBindOptions(model=str(folder)), "cpu")
    component.load()
    video = make_buzzing_video(3.0, (0.0, 3.0))
    sound, other = (Phrase(reference="1", text=text, sound=True) for text in ("cat", "piano"))
    words = Phrase(reference="1", text="piano", category="cat", sounds=("Meow",))
    heard = [phrase.heard for phrase in component.locate(video, Reference(id="1", sound=True), [sound, words, other])]
    assert heard == [((0.0, 3.0),), ((0.0, 3.0),), ()]
