"""Faults while a detector computes: too little memory, other errors, and values that are not numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch
from transformers import GroundingDinoForObjectDetection

from alref.errors import ConfigError, MissingError
from alref.testing import ArrayVideo
from support.detectors import EVERYTHING, Counted, loaded, noise, pivot, ready
from support.tiny_detectors import grounding_dino

VIDEO = ArrayVideo(noise())
PHRASES = ("dog", "the red square that barks", "a man near the guitar, playing")
ASKED = [pivot(frame, text) for text in PHRASES for frame in (2, 0)]
pytestmark = pytest.mark.usefixtures("no_hub")


@pytest.fixture(scope="module")
def dino(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return grounding_dino(tmp_path_factory.mktemp("dino"))


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let no more than as many prompts fit into the memory as the list says."""
    room = [8]
    compare = GroundingDinoForObjectDetection.forward

    def compared(self: Any, **given: Any) -> Any:
        if len(given["input_ids"]) > room[0]:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return compare(self, **given)

    monkeypatch.setattr(GroundingDinoForObjectDetection, "forward", compared)
    return room


def test_short_memory_makes_the_batch_smaller_and_says_so(dino: Path, narrow: list[int]) -> None:
    wide, video = ready(dino, batch_size=5, **EVERYTHING), Counted(VIDEO)
    expected = wide.propose(VIDEO, ASKED)
    narrow[0] = 1
    shrunk = wide.propose(video, ASKED)
    assert video.read == [0, 2]
    told = "the memory was too small for {} prompts at once: -o proposer.batch_size={} from here on"
    assert wide.warnings == [told.format(5, 2), told.format(2, 1)]
    for found, before in zip(shrunk, expected, strict=True):
        np.testing.assert_allclose(found.scores, before.scores, atol=1e-5)
    wide.propose(VIDEO, ASKED)
    assert len(wide.warnings) == 2


def test_memory_too_short_for_one_prompt_is_said(dino: Path, narrow: list[int]) -> None:
    narrow[0] = 0
    with pytest.raises(MissingError, match="-o proposer"):
        ready(dino, batch_size=4).propose(VIDEO, ASKED)


def test_other_faults_of_the_model_are_not_taken_for_short_memory(dino: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Any, **given: Any) -> Any:
        raise RuntimeError("an illegal instruction")

    monkeypatch.setattr(GroundingDinoForObjectDetection, "forward", broken)
    with pytest.raises(RuntimeError, match="an illegal instruction"):
        ready(dino).propose(VIDEO, ASKED)


def test_answers_that_are_no_numbers_are_not_taken_for_nothing_seen(tmp_path: Path) -> None:
    proposer = loaded(grounding_dino(tmp_path))
    proposer.model._model.model.level_embed.fill_(float("nan"))  # type: ignore[union-attr]
    with pytest.raises(ConfigError, match=r"-o proposer\.dtype=float32"):
        proposer.propose(VIDEO, ASKED)
