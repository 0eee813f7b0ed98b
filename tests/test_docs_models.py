"""The components of the page on models that are not torch run with tiny models, and keep their contracts."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from alref.cli import run_command
from alref.errors import MissingError
from alref.media.write import write_video
from alref.output.run_folder import load_result
from alref.plugins.manager import PluginManager
from alref.scaffold.example_models import build_example_model
from alref.testing import make_moving_square
from alref.testing.runner import SLOW_TESTS, build_contract, run_checks
from support.tiny_edge_models import save_color_nanotrack, save_red_segmentation
from test_docs import TEXT

EXAMPLES = dict(re.findall(r"```python\n# (\w+\.py)\n(.*?)```", TEXT["other-models.md"], re.DOTALL))


@pytest.fixture(autouse=True)
def _saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Enter a folder with the examples, their models and a clip."""
    monkeypatch.chdir(tmp_path)
    for name, text in EXAMPLES.items():
        Path(name).write_text(text)
    save_red_segmentation(Path("people.tflite"))
    Path("sounds.onnx").write_bytes(build_example_model("tagger"))
    save_color_nanotrack(Path("nanotrack_backbone.onnx"), Path("nanotrack_head.onnx"))
    video = make_moving_square(12)[0]
    write_video(Path("clip.mp4"), video, video.times)


@pytest.mark.parametrize("name", EXAMPLES)
def test_each_keeps_its_contract(name: str) -> None:
    (registered,) = PluginManager([], files=[Path(name)]).components
    cls: Any = registered.cls
    contract = build_contract(cls, make_component=lambda _: cls(cls.Options()))
    outcomes = list(run_checks(contract, cls, SLOW_TESTS))
    assert [f"{each.test}: {each.reason}" for each in outcomes if each.state not in ("passed", "skipped")] == []


def test_the_proposer_and_the_propagator_find_the_object() -> None:
    """The tiny tracker finds a cell of 8 pixels and lags behind, so that its masks are not exact."""
    flags = ["--plugin", "people.py", "--plugin", "nano.py", "--proposer", "people", "--propagator", "nano"]
    run = ["run", "clip.mp4", "the red square", *flags, "--temporal", "first-frame", "--preset", "baseline", "--quiet"]
    assert run_command([*run, "--out", "out"]) == 0
    found, truth = load_result(Path("out")).masks(), make_moving_square(12)[1]
    overlaps = [(mask & true).sum() / (mask | true).sum() for mask, true in zip(found, truth, strict=True)]
    assert overlaps[0] > 0.8
    assert min(overlaps) > 0.25
    Path("nanotrack_head.onnx").unlink()
    assert run_command([*run, "--out", "other"]) == MissingError.exit_code


def test_what_a_device_lacks_is_a_problem() -> None:
    check = ["plugins", "check", "people", "--plugin", "people.py", "--device", "cuda"]
    assert run_command(check) == MissingError.exit_code
