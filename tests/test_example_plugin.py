"""The example of a third party's distribution: installed from its own folder, its components are used by name."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from alref.cli import demo_clip, run_command
from alref.output.run_folder import load_result
from alref.result import Result

FOLDER = Path(__file__).parents[1] / "docs" / "example-plugin"
NAMES = {
    "unifier": "plain-words",
    "reasoner": "by-place",
    "proposer": "color-regions",
    "propagator": "template-match",
}
QUICK = {
    "unifier": "verbatim",
    "temporal": "first-frame",
    "spatial": "top-score",
    "proposer": "color-regions",
    "propagator": "template-match",
}
"""What each is used beside: the quick ones among the shipped components."""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the distribution into a folder, from its own, with nothing fetched."""
    target = tmp_path_factory.mktemp("installed")
    alone = ["--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check", "--no-compile"]
    command = [sys.executable, "-m", "pip", "install", "--quiet", *alone, "--target", target, FOLDER]
    finished = subprocess.run(command, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return target


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the clip of two balls."""
    return demo_clip.write_clip(tmp_path_factory.mktemp("clip") / "clip.mp4")


@pytest.fixture(autouse=True)
def _ready(installed: Path, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Enter an empty folder with the clip, where the plugin is found."""
    monkeypatch.syspath_prepend(str(installed))
    monkeypatch.chdir(tmp_path)
    Path("clip.mp4").symlink_to(clip)


def run(expression: str, *options: str, **components: str) -> Result:
    flags = [part for slot, name in components.items() for part in (f"--{slot}", name)]
    assert run_command(["run", "clip.mp4", expression, *flags, *options, "--out", "out", "--quiet"]) == 0
    return load_result(Path("out"))


def likeness(result: Result, ball: str) -> float:
    found, truth = result.masks(), demo_clip.compute_masks()[ball]
    return float((found & truth).sum() / (found | truth).sum())


def test_its_own_tests_pass(installed: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", FOLDER]
    finished = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(installed)})
    assert finished.returncode == 0, finished.stdout + finished.stderr


def test_its_components_are_listed_and_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["plugins"]) == 0
    listed = capsys.readouterr().out
    for name in NAMES.values():
        assert name in listed
        assert run_command(["plugins", name]) == 0
        assert "alref-example 0.1.0" in " ".join(capsys.readouterr().out.split())


def test_editors_know_its_names_and_options(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["config", "--schema"]) == 0
    slots = json.loads(capsys.readouterr().out)["properties"]
    for slot, name in NAMES.items():
        assert f'"{name}"' in json.dumps(slots[slot])
    assert '"reach"' in json.dumps(slots["propagator"])


@pytest.mark.parametrize("slot", NAMES)
def test_each_is_used_by_name_beside_components_of_others(slot: str) -> None:
    slots = ("temporal", "spatial") if slot == "reasoner" else (slot,)
    beside = {other: name for other, name in QUICK.items() if other not in slots}
    result = run("the blue ball", **beside, **{slot: NAMES[slot]})
    assert [result.config[each]["use"] for each in slots] == [NAMES[slot]] * len(slots)
    assert likeness(result, "the blue ball") > 0.8


@pytest.mark.parametrize("ball", demo_clip.compute_masks())
def test_together_they_find_a_ball_by_its_color(ball: str) -> None:
    result = run(f"please show me {ball}", **NAMES)
    assert [(phrase.text, phrase.category) for phrase in result.phrases] == [(ball, "ball")]
    assert result.verdicts[0].finding == "found"
    assert likeness(result, ball) > 0.8


def test_an_option_of_a_component_is_a_flag() -> None:
    assert run("the red ball", "-o", "proposer.smallest=0.9", **NAMES).verdicts[0].finding == "absent"


def test_words_without_a_color_reach_the_user_as_a_warning() -> None:
    result = run("the ball", **NAMES)
    assert result.verdicts[0].finding == "absent"
    assert any("'the ball' names no color; name one of red" in warning for warning in result.warnings)
