"""A hub with a tiny model and a single-file checkpoint, and helpers for the problems of weights."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from alref.errors import MissingError, Problem
from alref.models.weights import Weights
from support.fake_hub import FakeHub, run_fake_hub

NAME = "someone/tiny"
SIZE = 300_000
LONE = "checkpoint.pt"


@contextmanager
def run_tiny_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeHub]:
    """Run a hub with a model and a single file; downloads come in small chunks and are retried without delay."""
    with run_fake_hub(monkeypatch, tmp_path) as hub:
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


def find_problem(weights: Weights) -> Problem:
    """Return the only problem of weights, which concerns their option and is one line."""
    (problem,) = weights.problems()
    assert problem.option == weights.option
    assert "\n" not in str(problem)
    return problem


def fetch_with_error(weights: Weights) -> Problem:
    """Fetch weights; return the problem of the MissingError."""
    with pytest.raises(MissingError) as caught:
        weights.fetch_files()
    (problem,) = caught.value.problems
    return problem
