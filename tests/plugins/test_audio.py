"""AST, CLAP and PE-A-Frame on tiny models of random weights: what they tag, when they hear it, and what they cannot load."""

from __future__ import annotations

import json
import shutil
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load_file, save_file
from transformers import ClapModel, PeAudioFrameLevelModel

from alref.audio import audioset, vocabulary
from alref.errors import ConfigError, MissingError
from alref.media.reader import open_video
from alref.pipeline.engine import Pipeline
from alref.pipeline.orders.pivot import PivotOrder
from alref.plugins.manager import PluginManager
from alref.records import Phrase, Reference
from alref.testing import LocatorContract, TaggerContract, make_buzzing_video
from alref.testing.diff import find_difference
from alref_audio import Ast, AstOptions, Clap, ClapOptions, PeAFrame, PeAFrameOptions
from support import tiny_audio_models
from support.scripted import Script

SOUND = Reference(id="1", sound=True)
CLIP = Path(__file__).parents[2] / ".." / "shared" / "data" / "video" / "friday.mp4"
LABELS = ("dog", "piano", "rain", "wind", "a bell", "speech")


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    base = tmp_path_factory.mktemp("listeners")
    return {
        "ast": tiny_audio_models.ast(base / "ast"),
        "clap": tiny_audio_models.clap(base / "clap"),
        "pe-a-frame": tiny_audio_models.pe_a_frame(base / "pe-a-frame"),
    }


def component(folders: dict[str, Path], cls: type[Any], **options: Any) -> Any:
    given = {"labels": LABELS} if cls is Clap else {}
    return cls(cls.Options.model_validate({"model": str(folders[cls.name]), **given, **options}), "cpu")


def loaded(folders: dict[str, Path], cls: type[Any], **options: Any) -> Any:
    made = component(folders, cls, **options)
    made.load()
    return made


class TestAst(TaggerContract):
    @pytest.fixture(autouse=True)
    def _made(self, folders: dict[str, Path]) -> None:
        self.folders = folders

    def make_component(self) -> Ast:
        return component(self.folders, Ast)


class TestClap(TaggerContract, LocatorContract):
    sound = "rain"

    @pytest.fixture(autouse=True)
    def _made(self, folders: dict[str, Path]) -> None:
        self.folders = folders

    def make_component(self) -> Clap:
        return component(self.folders, Clap)


class TestClapSubsets(LocatorContract):
    @pytest.fixture(autouse=True)
    def _made(self, folders: dict[str, Path]) -> None:
        self.folders = folders

    def make_component(self) -> Clap:
        return component(self.folders, Clap, mode="subsets", segments="similarity")


class TestPeAFrame(LocatorContract):
    @pytest.fixture(autouse=True)
    def _made(self, folders: dict[str, Path]) -> None:
        self.folders = folders

    def make_component(self) -> PeAFrame:
        return component(self.folders, PeAFrame)


def names(tags: list[Phrase]) -> list[str]:
    return [tag.text for tag in tags]


@pytest.mark.parametrize("cls", [Ast, Clap])
def test_as_many_tags_are_given_as_asked_for_and_score_enough(folders: dict[str, Path], cls: type[Ast | Clap]) -> None:
    video = make_buzzing_video(3.0, (0.0, 3.0))
    all_tags = loaded(folders, cls, top_k=100).tag(video, SOUND)
    assert len(all_tags) == 6
    assert names(loaded(folders, cls, top_k=2).tag(video, SOUND)) == names(all_tags)[:2]
    least = (all_tags[3].score + all_tags[4].score) / 2
    assert names(loaded(folders, cls, top_k=100, threshold=least).tag(video, SOUND)) == names(all_tags)[:4]


def test_ast_names_its_labels_without_silence(folders: dict[str, Path]) -> None:
    tags = loaded(folders, Ast, top_k=100).tag(make_buzzing_video(), SOUND)
    assert set(names(tags)) == {"Dog", "Piano", "Rain", "Speech", "Car", "Bird"}


@pytest.mark.parametrize("cls", [Ast, Clap])
def test_long_sound_is_tagged_in_windows_and_says_when(folders: dict[str, Path], cls: type[Ast | Clap]) -> None:
    video = make_buzzing_video(27.0, (12.0, 14.0))
    tags = loaded(folders, cls, top_k=3, hop=5.0).tag(video, SOUND)
    for tag in tags:
        assert tag.heard
        assert all(0 <= start < end <= 27 for start, end in tag.heard)
    together = loaded(folders, cls, top_k=3, hop=5.0, batch_size=1).tag(video, SOUND)
    assert [(tag.text, tag.heard) for tag in together] == [(tag.text, tag.heard) for tag in tags]
    assert [tag.score for tag in together] == pytest.approx([tag.score for tag in tags], abs=1e-5)
    assert [tag.heard for tag in loaded(folders, cls, top_k=3, relative_threshold=None).tag(video, SOUND)] == [None] * 3


def test_ast_scores_are_those_of_the_library(folders: dict[str, Path]) -> None:
    from transformers import ASTForAudioClassification

    made = loaded(folders, Ast, top_k=100)
    video = make_buzzing_video(4.0)
    model = ASTForAudioClassification.from_pretrained(folders["ast"])
    inputs = made.model._loaded.feature_extractor(video.read_audio(16_000).samples, sampling_rate=16_000, return_tensors="pt")
    with torch.no_grad():
        expected = model(**inputs).logits[0].sigmoid()
    for tag in made.tag(video, SOUND):
        assert tag.score == pytest.approx(float(expected[model.config.label2id[tag.text]]), abs=1e-5)


def test_clap_scores_are_shares_among_the_labels_and_nothing(folders: dict[str, Path]) -> None:
    made = loaded(folders, Clap, top_k=100, negatives=["silence"])
    video = make_buzzing_video(4.0)
    model = ClapModel.from_pretrained(folders["clap"]).eval()
    ears = made.model._loaded
    heard = ears.feature_extractor(video.read_audio(48_000).samples, sampling_rate=48_000, return_tensors="pt")
    sentences = [f"This is a sound of {label}." for label in (*LABELS, "silence")]
    read = ears.tokenizer(sentences, padding=True, return_tensors="pt")
    with torch.no_grad():
        logits = model(**read, input_features=heard["input_features"].float(), is_longer=heard["is_longer"]).logits_per_audio
    expected = dict(zip(LABELS, logits[0].softmax(-1).tolist(), strict=False))
    for tag in made.tag(video, SOUND):
        assert tag.score == pytest.approx(expected[tag.text], abs=1e-5)


def test_claps_labels_are_a_shipped_vocabulary_or_a_list(folders: dict[str, Path]) -> None:
    avsbench = loaded(folders, Clap, labels="avsbench")
    assert set(names(avsbench.tag(make_buzzing_video(), SOUND))) <= set(vocabulary.load_vocabulary("avsbench"))
    assert component(folders, Clap, labels=("x",)).options.labels == ("x",)
    assert ClapOptions().labels == "audioset"
    assert len(audioset.load_class_names()) == 527
    with pytest.raises(ValidationError):
        ClapOptions(labels=())


def test_claps_labels_are_read_once(folders: dict[str, Path]) -> None:
    made = loaded(folders, Clap)
    read, asked = made.model._loaded.tokenizer, []
    made.model._loaded.tokenizer = lambda texts, **settings: asked.extend(texts) or read(texts, **settings)
    for _ in range(2):
        made.tag(make_buzzing_video(), SOUND)
    assert len(asked) == len(LABELS) + 2
    made.match_names(["bells"], list(LABELS))
    assert len(asked) == len(LABELS) + 3


def test_clap_hears_a_long_segment_whole(folders: dict[str, Path]) -> None:
    ears = loaded(folders, Clap).model
    samples = np.random.default_rng(0).normal(0, 0.1, 48_000 * 15).astype(np.float32)
    first, second, both = ears.embed_audio([samples[:480_000], samples[480_000:], samples])
    mean = (first + second) / np.linalg.norm(first + second)
    np.testing.assert_allclose(both, mean, atol=1e-5)
    np.testing.assert_allclose(ears.embed_audio([samples])[0], both, atol=1e-5)


def test_pe_a_frame_scores_are_those_of_the_library(folders: dict[str, Path]) -> None:
    model = loaded(folders, PeAFrame).model
    samples = make_buzzing_video(2.0, (0.0, 2.0), 48_000).read_audio(48_000).samples.copy()
    made = PeAudioFrameLevelModel.from_pretrained(folders["pe-a-frame"]).eval()
    texts = model._loaded.tokenizer(["dog", "piano"], padding=True, return_tensors="pt")
    with torch.no_grad():
        out = made(**texts, input_values=torch.from_numpy(samples)[None, None])
    expected = out.logits_audio_text[0].sigmoid().T.numpy()
    found = model.score_phrases(samples, ["dog", "piano"])
    assert found.shape == (50, 2)
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize(("bias", "heard"), [(20.0, ((1.0, 3.0),)), (-20.0, ())])
def test_pe_a_frame_hears_what_scores_enough_and_nothing_in_silence(bias: float, heard: Any, tmp_path: Path) -> None:
    folder = tiny_audio_models.pe_a_frame(tmp_path, bias)
    made = PeAFrame(PeAFrameOptions(model=str(folder)), "cpu")
    made.load()
    [phrase] = made.locate(make_buzzing_video(4.0, (1.0, 3.0), 48_000), SOUND, [Phrase(reference="1", text="dog", sound=True)])
    assert phrase.heard == tuple(pytest.approx(span, abs=0.04) for span in heard)


class Rising:
    """Scores the time since the window began, in seconds over a hundred."""

    rate, step = 100, 0.04

    def score_phrases(self, samples: Any, texts: Any) -> Any:
        return np.repeat(np.arange(-(-len(samples) // 4))[:, None] * np.float32(0.04 / 100), len(texts), axis=1)


def test_windows_of_frames_are_joined_by_their_mean() -> None:
    from alref_audio.frame_scores import _score_video

    video = make_buzzing_video(50.0, (0.0, 50.0), 100)
    times, scores, end = _score_video(Rising(), video, ["dog"])
    assert len(times) == len(scores) == 1250
    assert end == pytest.approx(50)
    assert scores[100, 0] == pytest.approx(0.04)
    assert scores[625, 0] == pytest.approx((25 + 5) / 2 / 100)
    assert scores[-1, 0] == pytest.approx(29.96 / 100)


@pytest.mark.parametrize("cls", [Ast, Clap, PeAFrame])
def test_weights_that_are_not_all_there_are_never_made_up(
    folders: dict[str, Path], cls: type[Ast | Clap | PeAFrame], tmp_path: Path
) -> None:
    folder = shutil.copytree(folders[cls.name], tmp_path / "model")
    tensors = load_file(folder / "model.safetensors")
    lost = min(tensors)
    del tensors[lost]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ConfigError, match=f"1 missing, for example {lost}"):
        cls(cls.Options(model=str(folder)), "cpu").load()


@pytest.mark.parametrize("cls", [Ast, Clap, PeAFrame])
def test_a_model_of_another_kind_is_a_problem_and_an_error(
    folders: dict[str, Path], cls: type[Ast | Clap | PeAFrame], tmp_path: Path
) -> None:
    folder = shutil.copytree(folders[cls.name], tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "model_type": "bert"}))
    made = cls(cls.Options(model=str(folder)), "cpu")
    [problem] = made.problems()
    assert (problem.option, problem.value) == ("model", "NAME")
    assert all(word in problem.message for word in (str(folder), "bert", cls.name, *cls.model_types))
    with pytest.raises(ConfigError, match="bert"):
        made.load()


def test_a_broken_model_is_said_in_one_line(folders: dict[str, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(folders["clap"], tmp_path / "model")
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(MissingError, match=str(folder)):
        Clap(ClapOptions(model=str(folder)), "cpu").load()


def test_claps_weights_may_be_a_checkpoint_of_torch(folders: dict[str, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(folders["clap"], tmp_path / "model")
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    made = Clap(ClapOptions(model=str(folder), labels=LABELS), "cpu")
    assert made.problems() == []
    made.load()
    expected = loaded(folders, Clap).tag(make_buzzing_video(), SOUND)
    assert find_difference(expected, made.tag(make_buzzing_video(), SOUND)) == ""
    assert AstOptions().model == "MIT/ast-finetuned-audioset-10-10-0.4593"


def test_a_sound_goes_through_the_whole_order(folders: dict[str, Path]) -> None:
    script = Script()
    plugins = PluginManager([*script.entries, EntryPoint("audio", "alref_audio", "alref")])
    slots = dict.fromkeys(PivotOrder.slots, "scripted")
    settings = {
        "tagger": {"use": "ast", "model": str(folders["ast"]), "top_k": 2},
        "locator": {"use": "pe-a-frame", "model": str(folders["pe-a-frame"]), "threshold": 0.0},
    }
    with Pipeline(plugins=plugins, **{**slots, **settings}) as pipeline:
        result = pipeline.run(make_buzzing_video(4.0, (1.0, 3.0), 48_000), [SOUND])
    assert result.verdict().finding == "found"
    assert len(result.tracks) == 2
    shown = result.masks().any(axis=(1, 2))
    times = np.array(result.video.times)
    assert shown[(times > 1.05) & (times < 2.95)].all()
    assert not shown[(times < 0.95) | (times > 3.05)].any()


def test_one_clap_tags_and_locates_on_a_real_clip(folders: dict[str, Path]) -> None:
    if not CLIP.is_file():
        pytest.skip("the recorded clips are not here")
    script = Script()
    plugins = PluginManager([*script.entries, EntryPoint("audio", "alref_audio", "alref")])
    chosen = {"use": "clap", "model": str(folders["clap"]), "labels": ["man", "dog", "car"], "mode": "subsets", "seconds": 1}
    settings = {**dict.fromkeys(PivotOrder.slots, "scripted"), "tagger": chosen, "locator": chosen}
    video = open_video(CLIP)
    with Pipeline(plugins=plugins, **settings) as pipeline:
        result = pipeline.run(video, [SOUND])
    assert {phrase.text for phrase in result.phrases} == {"man", "dog", "car"}
    assert result.verdict().finding == "found"
    spans = [span for track in result.tracks for span in track.phrase.heard or ()]
    assert all(start == int(start) for start, _ in spans)
    shown = np.flatnonzero(result.masks().any(axis=(1, 2)))
    heard = {place for place, time in enumerate(video.times) if any(start <= time < end for start, end in spans)}
    assert set(shown.tolist()) == heard == set(range(len(video)))
