"""The published pipeline from the command line: all its components, loaded by their real code from folders of tiny models."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("transformers")
pytest.importorskip("openai")

from alref.cli import run_command
from alref.output.run_folder import load_result
from support import tiny_audio_models, tiny_beats, tiny_detectors, tiny_sam2
from support.clips import encode
from support.llm_server import Body, serving, text_of

TONE = np.sin(np.arange(16_000) * 0.2, dtype=np.float32)[None] / 2


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Save the models of the presets; return the options that name them."""
    folder = tmp_path_factory.mktemp("models")
    checkpoints = [tiny_beats.save(folder / f"{seed}.pt", tiny_beats.contents(seed)) for seed in (0, 1)]
    return {
        "proposer.model": str(tiny_detectors.grounding_dino(folder / "detector")),
        "propagator.model": str(tiny_sam2.save_sam2(folder / "sam2")),
        "locator.model": str(tiny_audio_models.languagebind(folder / "languagebind")),
        "tagger.checkpoints": json.dumps([str(path) for path in checkpoints]),
    }


def answered(body: Body) -> str:
    """Answer as GPT-4 would: the second frame, the first box, or two objects that sound."""
    said = text_of(body)
    if "audio tagger" in said:
        return '["dog": 1, "piano": 2]'
    return "The box fits. [1]" if "box" in said else "It is seen best there. [2]"


def run(clip: Path, models: dict[str, str], *arguments: str) -> tuple[int, list[str]]:
    """Run with tiny models and a server in GPT-4's place; return the exit code and what was asked."""
    with serving(answered) as server:
        asked = {"base_url": server.base_url, "model": "tiny", "answers": str(clip.with_suffix(".sqlite"))}
        reasoners = {f"{kind}.{name}": value for kind in ("temporal", "spatial") for name, value in asked.items()}
        given = {**models, **reasoners, "proposer.box_threshold": "0"}
        options = [f"-o{name}={value}" for name, value in given.items()]
        out = ["--out", str(clip.with_suffix("")), "--quiet"]
        code = run_command(["run", str(clip), *arguments, *options, *out])
        return code, [text_of(request.body) for request in server.asked if "messages" in request.body]


def test_an_expression_goes_through_gpt4_grounding_dino_and_sam2(
    models: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    clip = encode(tmp_path / "clip.mkv", 24)
    seen = {name: value for name, value in models.items() if name.startswith("prop")}
    code, asked = run(clip, seen, "the dog that barks", "--preset", "paper-rvos")
    assert code == 0
    assert [re.search("box", said) is not None for said in asked] == [False, True]
    result = load_result(tmp_path / "clip")
    assert [pivot.frame for pivot in result.pivots] == [10]
    assert 1 <= len(result.candidates[0]) <= 3
    assert {record.source for record in (*result.pivots, *result.boxes)} == {"model"}
    assert result.boxes[0].xyxy is not None
    assert (result.boxes[0].xyxy == result.candidates[0].xyxy[0]).all()
    assert len(result.tracks[0].rles) == 24
    assert result.usage[0].questions == 2


def test_the_literal_command_goes_through_gpt4_grounding_dino_and_sam2(
    models: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    clip = encode(tmp_path / "clip.mkv", 24)
    code, asked = run(clip, models, "the dog", "--reasoner", "gpt4", "--propagator", "sam2")
    assert code == 0
    assert [re.search("box", said) is not None for said in asked] == [False, True]
    result = load_result(tmp_path / "clip")
    used = {slot: result.config[slot]["use"] for slot in ("temporal", "spatial", "proposer", "propagator")}
    assert used == {"temporal": "gpt4", "spatial": "gpt4", "proposer": "grounding-dino", "propagator": "sam2"}
    assert {record.source for record in (*result.pivots, *result.boxes)} == {"model"}
    assert result.boxes[0].mask is None
    assert len(result.tracks[0].rles) == 24


def test_a_sound_goes_through_beats_gpt4_and_languagebind_too(
    models: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    clip = encode(tmp_path / "clip.mkv", 24, sounds=[(TONE, 0)])
    code, asked = run(clip, models, "--sound", "--preset", "paper-ms3")
    assert code == 0
    result = load_result(tmp_path / "clip")
    assert 5 <= len(result.phrases) <= 10
    assert all(phrase.text in asked[0] for phrase in result.phrases)
    assert "accordion" in asked[0]
    assert [pivot.phrase.text for pivot in result.pivots] == ["dog", "piano"]
    assert {track.phrase.text for track in result.tracks} == {"dog", "piano"}
    assert all(track.phrase.heard is not None for track in result.tracks)
    heard = [span for track in result.tracks for span in track.phrase.heard or ()]
    assert heard
