"""The published pipeline from the command line: all its components, loaded by their real code from folders of tiny models."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("transformers")
pytest.importorskip("openai")

from transformers import GroundingDinoImageProcessorPil

from alref.cli import run_command
from alref.config import resolve_config
from alref.output.run_folder import load_result
from alref.plugins.manager import PluginManager
from alref.result import Result
from support import tiny_audio_models, tiny_beats, tiny_detectors, tiny_sam2
from support.benchmark_fixtures import build
from support.clips import encode
from support.llm_server import Body, ChatServer, serving, text_of

MODEL_COMPONENTS = ("grounding-dino", "sam2", "beats", "languagebind")
TONE = np.sin(np.arange(16_000) * 0.2, dtype=np.float32)[None] / 2


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Save the models of the presets; return the options that name them."""
    folder = tmp_path_factory.mktemp("models")
    detector = tiny_detectors.grounding_dino(folder / "detector")
    larger = GroundingDinoImageProcessorPil(size={"shortest_edge": 128, "longest_edge": 192})
    larger.save_pretrained(detector)  # images so large that the coarsest map has several places
    checkpoints = [tiny_beats.save(folder / f"{seed}.pt", tiny_beats.contents(seed)) for seed in (0, 1)]
    return {
        "proposer.model": str(detector),
        "propagator.model": str(tiny_sam2.save_sam2(folder / "sam2")),
        "locator.model": str(tiny_audio_models.languagebind(folder / "languagebind")),
        "tagger.checkpoints": json.dumps([str(path) for path in checkpoints]),
    }


SETTINGS = {
    "ref-youtube-vos": "paper-rvos",
    "mevis": "paper-rvos",
    "ref-davis17": "paper-rvos",
    "avsbench-s4": "paper-s4",
    "avsbench-ms3": "paper-ms3",
    "avsbench-avss": "paper-avss",
    "avsbench-v2-binary": "paper-v2",
}
"""The seven settings: the preset of each dataset."""


def answered(body: Body) -> str:
    """Answer as GPT-4 would: the second frame, the first box, or two objects that sound."""
    said = text_of(body)
    if "audio tagger" in said:
        return '["dog": 1, "piano": 2]'
    return "The box fits. [1]" if "box" in said else "It is seen best there. [2]"


def make_options(server: ChatServer, preset: str, models: dict[str, str], folder: Path, threshold: float = 0.0) -> list[str]:
    """Return the flags that put the server and the tiny models in the places of GPT-4 and the models of a preset."""
    asked = {"base_url": server.base_url, "model": "tiny", "answers": str(folder / "answers.sqlite")}
    used = {slot: choice.use for slot, choice in resolve_config(PluginManager(), [], preset).slots.items()}
    loaded = {name: value for name, value in models.items() if used[name.partition(".")[0]] in MODEL_COMPONENTS}
    given = {f"{slot}.{name}": value for slot in ("temporal", "spatial") for name, value in asked.items()} | loaded
    return [f"-o{name}={value}" for name, value in {**given, "proposer.box_threshold": threshold}.items()]


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


@pytest.mark.parametrize("dataset", SETTINGS)
def test_every_setting_asks_what_was_published(
    dataset: str, models: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    monkeypatch.chdir(tmp_path)
    build(dataset, tmp_path / "data")
    preset = SETTINGS[dataset]
    with serving(answered) as server:
        flags = ["--data", "data", "--preset", preset, "--limit", "1", "--out", "out", "--quiet"]
        assert run_command(["eval", dataset, *flags, *make_options(server, preset, models, tmp_path)]) == 0
    (path,) = Path("out", "videos").iterdir()
    result = Result.model_validate_json(path.read_bytes())
    boxes = [question for question in server.questions if "box" in text_of(question)]
    frames = [question for question in server.questions if "box" not in text_of(question)]
    if preset == "paper-rvos":
        assert len(frames) == len({reference.text for reference in result.references})
        assert len(boxes) == len({(each.pivot.phrase.text, each.pivot.frame) for each in result.candidates})
    else:
        assert len(frames) == 1
        assert len(boxes) == len([each for each in result.candidates if len(each) > 1])
        labels = ["dog"] if preset == "paper-s4" else ["dog", "piano"]
        assert [track.phrase.text for track in result.tracks] == labels
        assert all((track.phrase.heard is None) == (preset == "paper-s4") for track in result.tracks)
    assert all(len(each) <= 3 for each in result.candidates)
    assert {record.source for record in (*result.pivots, *result.boxes)} <= {"model", "cache"}
    assert {tuple(sorted(question)) for question in server.questions} == {("messages", "model", "temperature")}
    details = {"paper-rvos": ("auto", "high"), "paper-avss": ("auto", "high")}.get(preset, ("auto", "auto"))
    assert (get_details(frames), get_details(boxes)) == ({details[0]}, {details[1]})


def get_details(questions: list[Body]) -> set[str]:
    return {question["messages"][0]["content"][1]["image_url"]["detail"] for question in questions}


@pytest.mark.parametrize(
    ("frame", "box", "threshold", "asked"),
    [
        ("I cannot tell.", "[1]", 0.0, ["frame"]),
        ("[7]", "[1]", 0.0, ["frame"]),
        ("[2]", "None of them fits. [-1]", 0.0, ["frame", "box"]),
        ("[2]", "All of them fit.", 0.0, ["frame", "box"]),
        ("[2]", "[1]", 0.999, ["frame"]),
    ],
)
def test_an_expression_without_a_box_starts_from_the_best_box_of_the_first_frame(
    frame: str, box: str, threshold: float, asked: list[str], models: dict[str, str], tmp_path: Path
) -> None:
    result, questions = run_preset("paper-rvos", {"frame": frame, "box": box}, threshold, models, tmp_path, "the dog")
    assert questions == asked
    (started,) = [each for each in result.boxes if each.xyxy is not None]
    assert (started.pivot.frame, started.source) == (0, "fallback")
    assert (result.verdict().finding, result.verdict().source) == ("found", "fallback")


@pytest.mark.parametrize(
    ("labels", "box", "threshold", "started"),
    [
        ('["dog": 11, "piano": 2]', "[1]", 0.0, {"dog": (0, "model"), "piano": (1, "model")}),
        ('["dog": 1, "piano": 2]', "I cannot tell.", 0.0, {"dog": (0, "fallback"), "piano": (1, "fallback")}),
        ('["dog": 1, "piano": 2]', "[9]", 0.0, {"dog": (0, "fallback"), "piano": (1, "fallback")}),
        ("It is a dog.", "[1]", 0.0, {}),
        ('["dog": 1, "piano": 2]', "[1]", 0.999, {}),
    ],
)
def test_a_sound_without_a_readable_answer_starts_as_published_or_is_background(
    labels: str, box: str, threshold: float, started: dict[str, Any], models: dict[str, str], tmp_path: Path
) -> None:
    result, _ = run_preset("paper-ms3", {"labels": labels, "box": box}, threshold, models, tmp_path, "--sound")
    found = {each.pivot.phrase.text: each for each in result.boxes if each.xyxy is not None}
    assert {name: (each.pivot.frame, each.source) for name, each in found.items()} == started
    assert {each.phrase.text for each in result.pivots if each.source == "fallback" and each.frame == 0} <= {"dog"}
    if not started:
        assert result.verdict().finding == "absent"
        assert result.tracks == ()


def run_preset(
    preset: str, answers: dict[str, str], threshold: float, models: dict[str, str], folder: Path, reference: str
) -> tuple[Result, list[str]]:
    """Run a preset on a clip, with one answer for each kind of question; return the result and the kinds that were asked."""

    def classify(body: Body) -> str:
        said = text_of(body)
        return "labels" if "audio tagger" in said else "box" if "box" in said else "frame"

    clip = encode(folder / "clip.mkv", 10 if reference == "--sound" else 24, sounds=[(TONE, 0)])
    with pytest.MonkeyPatch.context() as patch, serving(lambda body: answers[classify(body)]) as server:
        patch.setenv("OPENAI_API_KEY", "none")
        options = [*make_options(server, preset, models, folder, threshold), "-oproposer.fallback_threshold=0"]
        assert (
            run_command(["run", str(clip), reference, "--preset", preset, *options, "--out", str(folder / "out"), "--quiet"])
            == 0
        )
    return load_result(folder / "out"), list(map(classify, server.questions))
