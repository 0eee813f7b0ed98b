from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch
from safetensors.torch import load_file, save_file

from alref.components.options import build_options
from alref.errors import AlrefError, ConfigError, MissingError
from alref.testing import ArrayVideo, make_moving_square
from alref_groundingdino import GroundingDino, LLMDet, MMGroundingDino, OpenVocabularyProposer, Owlv2
from support.detectors import EVERYTHING, boxes, component, loaded, noise, pivot
from support.fake_hub import FakeHub
from support.tiny_detectors import grounding_dino, owlv2

NAME = "someone/tiny"
VIDEO = ArrayVideo(noise(1))


pytestmark = pytest.mark.usefixtures("no_hub")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return grounding_dino(tmp_path_factory.mktemp("dino"))


@pytest.fixture(scope="module")
def owl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return owlv2(tmp_path_factory.mktemp("owl"))


@pytest.fixture
def copied(whole: Path, tmp_path: Path) -> Path:
    """Copy a Grounding DINO, to spoil it."""
    return Path(shutil.copytree(whole, tmp_path / "copied"))


def one_problem(proposer: OpenVocabularyProposer) -> str:
    (problem,) = proposer.problems()
    assert "\n" not in str(problem)
    return problem.assign_slot("proposer").describe()


def failure(folder: Path, kind: type[AlrefError], **given: Any) -> str:
    with pytest.raises(kind) as caught:
        loaded(folder, **given)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def changed(folder: Path, name: str, **values: Any) -> None:
    """Write other values into a file of JSON; None takes one out."""
    said = {**json.loads((folder / name).read_text()), **values}
    (folder / name).write_text(json.dumps({key: value for key, value in said.items() if value is not None}))


def test_a_missing_library_is_named_with_its_extra(whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alref.utils.libraries.find_spec", lambda name: None if name == "transformers" else object())
    assert one_problem(component(whole)) == "needs transformers: pip install 'alref[groundingdino]'"


@pytest.mark.parametrize(
    ("removed", "told"),
    [
        ("config.json", "config.json"),
        ("model.safetensors", "model.safetensors"),
        ("tokenizer.json", "tokenizer.json"),
        ("preprocessor_config.json", "preprocessor_config.json"),
    ],
)
def test_a_folder_that_lacks_files(copied: Path, removed: str, told: str) -> None:
    (copied / removed).unlink()
    assert f"has no {told}" in one_problem(component(copied))


def test_neither_a_folder_nor_a_name() -> None:
    assert "./nowhere" in one_problem(component("./nowhere"))


def test_weights_that_are_cut_off(copied: Path) -> None:
    data = (copied / "model.safetensors").read_bytes()
    (copied / "model.safetensors").write_bytes(data[: len(data) // 2])
    assert "model.safetensors" in one_problem(component(copied))
    assert "model.safetensors" in failure(copied, MissingError)


def test_a_model_of_another_kind(owl: Path, whole: Path) -> None:
    message = one_problem(component(owl))
    assert all(word in message for word in (str(owl), "owlv2", "mm-grounding-dino", "-o proposer.model=NAME"))
    assert "owlv2" in failure(owl, ConfigError)
    assert "grounding-dino" in one_problem(component(whole, Owlv2))


@pytest.mark.parametrize("config", ["{", "[]", "{}"])
def test_a_configuration_that_says_nothing(copied: Path, config: str) -> None:
    (copied / "config.json").write_text(config)
    assert any(word in one_problem(component(copied)) for word in ("config.json", "unknown"))


def test_a_model_on_the_hub_is_of_another_kind_before_it_is_fetched(hub: FakeHub, owl: Path) -> None:
    hub.hold(NAME, owl)
    assert "owlv2" in one_problem(component(NAME))
    assert hub.downloads("config.json")
    assert not hub.downloads("model.safetensors")


def test_a_model_on_the_hub_is_fetched_and_kept(hub: FakeHub, whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.hold(NAME, whole)
    assert component(NAME).problems() == []
    fetched, here = (loaded(model, **EVERYTHING).propose(VIDEO, [pivot(0, "dog")])[0] for model in (NAME, whole))
    assert all((one == other).all() for one, other in zip(boxes(fetched), boxes(here), strict=True))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert component(NAME).problems() == []
    loaded(NAME)
    assert len(hub.downloads("model.safetensors")) == 1


def test_no_network_and_no_weights() -> None:
    assert "HF_HUB_OFFLINE" in one_problem(component(NAME))


def test_a_device_that_is_not_here(whole: Path) -> None:
    device = next((each for each in ("cuda", "mps") if not getattr(torch, each).is_available()), None)
    if device is None:
        pytest.skip("every device is here")
    proposer = GroundingDino(GroundingDino.Options(model=str(whole)), device)
    assert "--device cpu" in one_problem(proposer)
    with pytest.raises(MissingError, match=device):
        proposer.load()


def test_half_precision_on_a_device_without_it(whole: Path) -> None:
    (problem,) = component(whole, dtype="float16").problems()
    assert problem.option == "dtype"


def test_a_checkpoint_of_another_size(whole: Path, tmp_path: Path) -> None:
    wide = grounding_dino(tmp_path / "wide", width=32)
    shutil.copy(whole / "model.safetensors", wide)
    said = failure(wide, ConfigError)
    assert all(fact in said for fact in (str(wide), "config.json", "model.backbone"))


def test_weights_that_are_not_all_there_are_not_made_up(copied: Path) -> None:
    tensors = load_file(copied / "model.safetensors")
    del tensors["model.level_embed"]
    save_file(tensors, copied / "model.safetensors", metadata={"format": "pt"})
    assert "model.level_embed" in failure(copied, ConfigError)


def test_weights_of_more_layers_than_the_configuration_has(copied: Path) -> None:
    changed(copied, "config.json", encoder_layers=1)
    assert "model.encoder.layers.1" in failure(copied, ConfigError)


def test_what_else_lies_beside_the_weights_does_no_harm(copied: Path) -> None:
    tensors = load_file(copied / "model.safetensors")
    tensors["model.text_backbone.embeddings.position_ids"] = torch.arange(8)
    save_file(tensors, copied / "model.safetensors", metadata={"format": "pt"})
    assert loaded(copied).propose(make_moving_square()[0], []) == []


@pytest.mark.parametrize("value", [{"num_queries": "many"}, {"d_model": 33}, {"text_config": {"model_type": "nothing"}}])
def test_a_configuration_that_no_model_can_have(copied: Path, value: dict[str, Any]) -> None:
    changed(copied, "config.json", **value)
    assert "cannot be loaded" in failure(copied, MissingError)


@pytest.mark.parametrize("value", [{"size": {"height": 96, "width": 96}}, {"size": None}, {"image_mean": None}, {"size": 800}])
def test_a_model_that_does_not_say_how_pictures_are_prepared(copied: Path, value: dict[str, Any]) -> None:
    changed(copied, "preprocessor_config.json", **value)
    assert "preprocessor_config.json" in failure(copied, ConfigError)


def test_settings_of_pictures_may_lie_in_one_file_with_those_of_words(copied: Path) -> None:
    settings = json.loads((copied / "preprocessor_config.json").read_text())
    before = loaded(copied, **EVERYTHING).propose(VIDEO, [pivot(0, "dog")])[0]
    (copied / "preprocessor_config.json").unlink()
    (copied / "processor_config.json").write_text(json.dumps({"image_processor": settings}))
    assert component(copied).problems() == []
    after = loaded(copied, **EVERYTHING).propose(VIDEO, [pivot(0, "dog")])[0]
    assert all((one == other).all() for one, other in zip(boxes(before), boxes(after), strict=True))


def test_a_tokenizer_that_cannot_be_read(copied: Path) -> None:
    (copied / "tokenizer.json").write_text("{}")
    assert "cannot be loaded" in failure(copied, MissingError)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"batch_size": 0}, "batch_size"),
        ({"nms_threshold": 1.5}, "nms_threshold"),
        ({"top_k": 0}, "top_k"),
        ({"box_treshold": 0.3}, "did you mean 'box_threshold'?"),
        ({"prompt": "noun"}, "prompt"),
    ],
)
def test_wrong_options_are_named(given: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match="proposer") as caught:
        build_options(GroundingDino.Options, given, "proposer")
    assert told in str(caught.value)


@pytest.mark.parametrize("cls", [GroundingDino, MMGroundingDino, LLMDet, Owlv2])
def test_the_default_models_may_be_used_by_everybody(cls: type[OpenVocabularyProposer]) -> None:
    (weights,) = cls(cls.Options()).weights()
    assert (weights.license, weights.gated) == ("Apache-2.0", "")
    assert "model.safetensors" in weights.files
