from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModel, AutoTokenizer, WhisperForConditionalGeneration
from transformers.utils import logging

from alref.errors import AlrefError, ConfigError, InputError, MissingError
from alref.models.transformers_loading import hide_library_output, load_complete_model, translate_model_errors
from support import tiny_audio_models


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tiny_audio_models.whisper(tmp_path / "model")


def refused(error: Exception) -> str:
    """Return in which words an error is told that a model raises while it is loaded."""
    with (
        pytest.raises(MissingError) as caught,
        translate_model_errors("a/model", "cpu", "take b/model", "a small one", "a whale"),
    ):
        raise error
    assert caught.value.__cause__ is error
    assert "\n" not in str(caught.value)
    return str(caught.value)


def spoil(folder: Path, **changed: torch.Tensor | None) -> None:
    """Write other weights into a model; None takes one out."""
    weights = {**load_file(folder / "model.safetensors"), **changed}
    left = {name: tensor for name, tensor in weights.items() if tensor is not None}
    save_file(left, folder / "model.safetensors", metadata={"format": "pt"})


def reason(folder: Path, *, exact: bool = False) -> str:
    with pytest.raises(ConfigError, match=r"config\.json: ") as caught:
        load_complete_model(WhisperForConditionalGeneration, folder, exact=exact)
    return str(caught.value).split(": ", 1)[1]


def test_remarks_and_bars_are_back_as_they_were_even_after_an_error() -> None:
    before = logging.get_verbosity(), logging.is_progress_bar_enabled()
    failing = hide_library_output()
    failing.__enter__()
    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == (logging.ERROR, False)
    error = KeyError("vocab")
    assert not failing.__exit__(KeyError, error, None)
    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == before


def test_nothing_is_said_while_a_model_is_loaded(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with translate_model_errors(folder, "cpu"):
        model = load_complete_model(WhisperForConditionalGeneration, folder)
    assert capfd.readouterr() == ("", "")
    assert not model.training
    assert {(each.dtype, each.requires_grad) for each in model.parameters()} == {(torch.float32, False)}


def test_weights_that_are_missing_or_of_another_size_or_more_are_told_apart(folder: Path) -> None:
    name = "model.encoder.layers.0.fc1.bias"
    tensor = load_file(folder / "model.safetensors")[name]
    spoil(folder, **{name: None})
    assert re.match(rf"1 missing\b.*{re.escape(name)}", reason(folder))
    spoil(folder, **{name: torch.zeros(3)})
    assert re.match(rf"1 .*\bshape\b.*{re.escape(name)}", reason(folder))
    spoil(folder, **{name: tensor, name.replace("0", "1"): tensor.clone(), "other.weight": tensor.clone()})
    load_complete_model(WhisperForConditionalGeneration, folder)
    assert re.match(r"1 unexpected\b.*model\.encoder\.layers\.1\.fc1\.bias", reason(folder, exact=True))


@pytest.mark.parametrize("error", [InputError("no such role"), ConfigError("of another kind")])
def test_errors_of_alref_pass(error: AlrefError) -> None:
    with pytest.raises(type(error), match=str(error)), translate_model_errors("a/model", "cpu"):
        raise error


def test_whatever_else_goes_wrong_is_one_line_with_the_next_step() -> None:
    end = "b/model"
    assert re.match(rf"a/model .*\(KeyError: 'vocab'\).*{end}", refused(KeyError("vocab")))
    assert re.match(rf"a/model .*\(AssertionError: one two\).*{end}", refused(AssertionError("one\n two")))
    full = refused(RuntimeError("CUDA out of memory. Tried"))
    assert re.match(r"a/model .*\bcpu: .*--device cpu", full)


def test_a_library_that_is_missing_is_named() -> None:
    assert "no timm" in refused(ImportError("no timm"))
    odd = ImportError("broken")
    odd.__cause__ = ImportError("no Torchvision")
    assert (
        refused(odd) == f"a/model needs torchvision, of the build that fits torch {torch.__version__}: pip install torchvision"
    )


def test_a_kind_that_the_library_does_not_know_and_its_code(folder: Path) -> None:
    own = {"model_type": "own", "auto_map": {"AutoConfig": "own.Config", "AutoModel": "own.Model"}}
    (folder / "config.json").write_text(json.dumps(own))
    (folder / "own.py").write_text(f"open({str(folder / 'ran')!r}, 'w')")
    with (
        pytest.raises(MissingError, match="pip install -U transformers"),
        translate_model_errors(folder, "cpu"),
    ):
        load_complete_model(AutoModel, folder)
    assert not (folder / "ran").exists()


@pytest.mark.parametrize("kind", ["Exception", "TypeError"])
def test_a_tokenizer_that_the_library_cannot_read(folder: Path, kind: str) -> None:
    path = folder / "tokenizer.json"
    odd = {**json.loads(path.read_text()), "model": {"type": "odd"}} if kind == "Exception" else []
    path.write_text(json.dumps(odd))
    with (
        pytest.raises(MissingError, match=rf"\({kind}: "),
        translate_model_errors(folder, "cpu"),
    ):
        AutoTokenizer.from_pretrained(folder)
