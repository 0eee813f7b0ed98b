"""A hub that holds a tiny model and a lone checkpoint, and what weights say that cannot be had from it."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from alref.errors import MissingError
from alref.models.weights import Weights
from support.fake_hub import FakeHub, running

NAME = "someone/tiny"
SIZE = 300_000
LONE = "checkpoint.pt"


@contextmanager
def holding(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeHub]:
    """Run a hub that holds a model and a lone file; downloads come in small pieces and are tried again at once."""
    with running(monkeypatch, tmp_path) as hub:
        monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 4096)
        monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda seconds: None)
        hub.models[NAME] = {"config.json": b"{}", "model.safetensors": safetensors(), "pytorch_model.bin": b"code"}
        hub.models["lone/files"] = {LONE: archive(tmp_path / "made.pt").read_bytes()}
        yield hub


def safetensors(size: int = SIZE) -> bytes:
    header = json.dumps({"a": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}, "__metadata__": {"format": "pt"}})
    return len(header).to_bytes(8, "little") + header.encode() + bytes(size)


def archive(path: Path) -> Path:
    """Write a file of the shape of a checkpoint of torch."""
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("archive/data.pkl", bytes(SIZE))
    return path


def problem(weights: Weights) -> str:
    (found,) = weights.problems()
    assert found.option == weights.option
    assert "\n" not in str(found)
    return str(found)


def refused(weights: Weights) -> str:
    with pytest.raises(MissingError) as caught:
        weights.fetch_files()
    return str(caught.value)
