from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("llguidance")

import torch
from asking_local_models import blind, component, question
from safetensors.torch import load_file, save_file
from tiny_models import text_model, vision_model

from alref.errors import AlrefError, ConfigError, MissingError
from alref_transformers import Transformers, kinds

NAME, COMMIT = "someone/tiny", "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep the hub away, and its cache empty: nothing can be downloaded."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("ALREF_HOME", str(tmp_path / "home"))


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
    assert "\n" not in problem
    return problem


def test_a_missing_library_is_named_with_its_extra(text: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alref.stages.find_spec", lambda name: None if name == "transformers" else object())
    assert one_problem(component(text)) == "needs transformers: pip install 'alref[transformers]'"


def test_a_model_of_text_alone_is_not_shown_pictures(text: Path) -> None:
    assert "sees no pictures: -o reasoner.vision=false" in one_problem(component(text))
    assert component(text, vision=False).problems() == []


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_a_device_that_torch_does_not_see_is_a_problem(text: Path, device: str) -> None:
    if kinds.chosen(device) == device:
        pytest.skip(f"{device} is here")
    assert f"sees no {device} here: --device cpu" in one_problem(component(text, device, vision=False))


@pytest.mark.parametrize("model", ["./nowhere", "~/nowhere", "/no/where", "no name!"])
def test_neither_a_folder_nor_a_name(model: str) -> None:
    assert f"{model} is no folder, and no name on the hub: -o reasoner.model=FOLDER or NAME" in one_problem(component(model))


@pytest.mark.parametrize(
    ("removed", "told"),
    [
        ("config.json", "has no config.json"),
        ("model.safetensors", "has no model.safetensors; get the whole model: hf download NAME --local-dir"),
        ("tokenizer*", "has no tokenizer.json"),
        ("processor_config.json", "has no preprocessor_config.json"),
    ],
)
def test_a_folder_that_lacks_files(vision: Path, tmp_path: Path, removed: str, told: str) -> None:
    folder = Path(shutil.copytree(vision, tmp_path / "part"))
    for path in folder.glob(removed):
        path.unlink()
    assert told in one_problem(component(folder))


def test_weights_in_parts_are_all_looked_for(copied: Path) -> None:
    (copied / "model.safetensors").rename(copied / "model-1.safetensors")
    index = {"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}
    (copied / "model.safetensors.index.json").write_text(json.dumps(index))
    assert "has no model-2.safetensors;" in one_problem(component(copied, vision=False))
    (copied / "model.safetensors.index.json").write_text("{")
    assert "has no model.safetensors.index.json that can be read;" in one_problem(component(copied, vision=False))


def test_weights_that_could_run_code_are_not_loaded(copied: Path) -> None:
    torch.save(load_file(copied / "model.safetensors"), copied / "pytorch_model.bin")
    (copied / "model.safetensors").unlink()
    assert "other weights can run code and are not loaded" in one_problem(component(copied, vision=False))
    with pytest.raises(MissingError, match="cannot be loaded"):
        blind(copied)


def test_code_that_comes_with_a_model_is_not_run(copied: Path) -> None:
    (copied / "own.py").write_text(f"open({str(copied / 'ran')!r}, 'w')")
    own = {"model_type": "own", "auto_map": {"AutoConfig": "own.Config", "AutoModelForCausalLM": "own.Model"}}
    (copied / "config.json").write_text(json.dumps(own))
    assert "code that comes with a model is not run: pip install -U transformers" in one_problem(component(copied))
    assert not (copied / "ran").exists()


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ("{", "cannot be loaded"),
        ('{"model_type": "clip"}', "is a clip, which answers no questions"),
        ('{"model_type": "qwen3_vl"}', "needs torchvision, of the build that fits torch"),
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
    assert "cannot be loaded" in failure(copied, MissingError)


def test_weights_that_are_not_all_there_are_not_made_up(copied: Path) -> None:
    tensors = load_file(copied / "model.safetensors")
    del tensors["model.norm.weight"]
    save_file(tensors, copied / "model.safetensors", metadata={"format": "pt"})
    assert "lacks 1 of its weights, for example model.norm.weight" in failure(copied, ConfigError)


def test_a_model_that_was_not_tuned_for_chat(copied: Path) -> None:
    (copied / "chat_template.jinja").unlink()
    assert "has no chat template: -o reasoner.model=NAME" in failure(copied, ConfigError)


def test_a_replay_needs_no_model(tmp_path: Path) -> None:
    reasoner = component("no/such-model", replay=tmp_path)
    assert reasoner.problems() == []
    reasoner.load()
    reasoner.close()


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int, str], None]]:
    """Run a hub on this machine that answers every question with one status and one code of error."""
    reply = {"status": 200, "code": ""}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(int(reply["status"]))
            self.send_header("X-Error-Code", str(reply["code"]))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *given: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        yield lambda status, code: reply.update(status=status, code=code)
        server.shutdown()


def test_a_model_that_the_hub_does_not_have(hub: Callable[[int, str], None]) -> None:
    hub(404, "RepoNotFound")
    assert "the hub has no model 'someone/tiny'" in one_problem(component(NAME))


def test_a_model_whose_terms_must_be_accepted(hub: Callable[[int, str], None]) -> None:
    hub(403, "GatedRepo")
    assert "accept its terms at https://huggingface.co/someone/tiny; then: hf auth login" in one_problem(component(NAME))


def test_a_hub_that_cannot_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    assert "the hub cannot be reached" in one_problem(component(NAME))


def test_a_model_that_is_not_in_the_cache_of_one_who_is_offline() -> None:
    assert "is not in the cache, and HF_HUB_OFFLINE is set: unset it" in one_problem(component(NAME))


def test_a_model_in_the_cache_needs_no_hub(text: Path, tmp_path: Path) -> None:
    place = tmp_path / "hub" / "models--someone--tiny"
    shutil.copytree(text, place / "snapshots" / COMMIT)
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text(COMMIT)
    assert component(NAME, vision=False).problems() == []
    answer = blind(NAME).chat(question())
    assert answer.model == f"{NAME}@{COMMIT}"
    assert answer.text == blind(text).chat(question()).text
