from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("llguidance")

import torch
from safetensors.torch import load_file, save_file

from alref.errors import AlrefError, ConfigError, MissingError
from alref_transformers import Transformers
from support.fake_hub import COMMIT, run_fake_hub
from support.local_models import blind, component, loaded, question
from support.tiny_models import text_model, vision_model

NAME = "someone/tiny"


pytestmark = pytest.mark.usefixtures("no_hub")


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return text_model(tmp_path_factory.mktemp("text"))


@pytest.fixture(scope="module")
def vision(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return vision_model(tmp_path_factory.mktemp("vision"))


@pytest.fixture
def copied(text: Path, tmp_path: Path) -> Path:
    """Copy a text model, to spoil it."""
    return Path(shutil.copytree(text, tmp_path / "copied"))


def one_problem(reasoner: Transformers) -> str:
    (problem,) = reasoner.problems()
    assert "\n" not in str(problem)
    return problem.assign_slot("reasoner").describe()


def test_a_missing_library_is_named_with_its_extra(text: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alref.utils.libraries.find_spec", lambda name: None if name == "transformers" else object())
    assert one_problem(component(text)) == "needs transformers: pip install 'alref[transformers]'"


def test_a_model_of_text_alone_is_not_shown_pictures(text: Path) -> None:
    assert "-o reasoner.vision=false" in one_problem(component(text))
    assert component(text, vision=False).problems() == []


def test_a_device_or_numbers_that_are_not_here_are_a_problem(text: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    (device,) = component(text, "cuda", vision=False).problems()
    assert "--device cpu" in device.hint
    (dtype,) = component(text, "cpu", vision=False, dtype="float16").problems()
    assert dtype.option == "dtype"


@pytest.mark.parametrize(
    ("removed", "told"),
    [
        ("config.json", "has no config.json"),
        ("model.safetensors", "has no model.safetensors: hf download NAME --local-dir"),
        ("tokenizer*", "has no tokenizer.json"),
        ("processor_config.json", "has no preprocessor_config.json"),
    ],
)
def test_a_folder_that_lacks_files(vision: Path, tmp_path: Path, removed: str, told: str) -> None:
    folder = Path(shutil.copytree(vision, tmp_path / "part"))
    for path in folder.glob(removed):
        path.unlink()
    assert told in one_problem(component(folder))


def test_weights_that_could_run_code_are_not_loaded(copied: Path) -> None:
    torch.save(load_file(copied / "model.safetensors"), copied / "pytorch_model.bin")
    (copied / "model.safetensors").unlink()
    assert "safetensors" in one_problem(component(copied, vision=False))
    with pytest.raises(MissingError, match="safetensors"):
        blind(copied)


def test_code_that_comes_with_a_model_is_not_run(copied: Path) -> None:
    (copied / "own.py").write_text(f"open({str(copied / 'ran')!r}, 'w')")
    own = {"model_type": "own", "auto_map": {"AutoConfig": "own.Config", "AutoModelForCausalLM": "own.Model"}}
    (copied / "config.json").write_text(json.dumps(own))
    (problem,) = component(copied).problems()
    assert (problem.option, problem.hint) == ("model", "pip install -U transformers")
    with pytest.raises(MissingError, match="pip install -U transformers"):
        blind(copied)
    assert not (copied / "ran").exists()


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ("{", "-o reasoner.model=NAME"),
        ('{"model_type": "clip"}', "clip"),
        ('{"model_type": "qwen3_vl"}', "torchvision"),
    ],
)
def test_a_model_that_cannot_be_asked(copied: Path, config: str, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transformers.utils.is_torchvision_available", lambda: False)
    (copied / "config.json").write_text(config)
    assert told in one_problem(component(copied))


def failure(folder: Path, kind: type[AlrefError]) -> str:
    with pytest.raises(kind) as caught:
        blind(folder)
    return str(caught.value)


def test_weights_that_are_cut_off(copied: Path) -> None:
    data = (copied / "model.safetensors").read_bytes()
    (copied / "model.safetensors").write_bytes(data[: len(data) // 2])
    assert "model.safetensors" in one_problem(component(copied, vision=False))
    assert "model.safetensors" in failure(copied, MissingError)


def test_weights_that_do_not_fit_into_the_memory(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*given: object, **named: object) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")

    monkeypatch.setattr("transformers.LlamaForCausalLM.to", full)
    assert "-o reasoner.dtype=bfloat16" in failure(copied, MissingError)


def test_weights_that_are_not_all_there_are_not_made_up(copied: Path) -> None:
    tensors = load_file(copied / "model.safetensors")
    del tensors["model.norm.weight"]
    save_file(tensors, copied / "model.safetensors", metadata={"format": "pt"})
    assert "model.norm.weight" in failure(copied, ConfigError)


def test_a_model_that_was_not_tuned_for_chat(copied: Path) -> None:
    (copied / "chat_template.jinja").unlink()
    assert "-o reasoner.model=NAME" in failure(copied, ConfigError)


def test_a_replay_needs_no_model(tmp_path: Path) -> None:
    reasoner = component("no/such-model", replay=tmp_path)
    assert reasoner.problems() == []
    reasoner.load()
    reasoner.close()


def test_a_model_of_the_hub_is_fetched_when_it_is_loaded(vision: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with run_fake_hub(monkeypatch, tmp_path) as hub:
        hub.hold(NAME, vision)
        assert component(NAME).problems() == []
        reasoner = loaded(NAME)
        assert reasoner.chat(question(pictures=1)).model == f"{NAME}@{COMMIT}"
        before = len(hub.requests)
        assert component(NAME).problems() == []
        assert loaded(NAME).chat(question(pictures=1)) is not None
        assert len(hub.requests) == before


def test_a_model_that_is_not_in_the_cache_of_one_who_is_offline() -> None:
    assert f"{NAME} is not here, and HF_HUB_OFFLINE is set: unset it" in one_problem(component(NAME))


def test_a_model_in_the_cache_needs_no_hub(text: Path, tmp_path: Path) -> None:
    place = tmp_path / "hub" / "models--someone--tiny"
    shutil.copytree(text, place / "snapshots" / COMMIT)
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text(COMMIT)
    assert component(NAME, vision=False).problems() == []
    answer = blind(NAME).chat(question())
    assert answer.model == f"{NAME}@{COMMIT}"
    assert answer.text == blind(text).chat(question()).text
