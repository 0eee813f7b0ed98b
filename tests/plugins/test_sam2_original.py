"""The authors' own package as a backend: the same masks by the same contract, and one clear message where it is not there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from alref.errors import ConfigError
from alref.records import FrameMasks, Phrase, PivotBox, PivotFrame
from alref_sam2 import Sam2Options, _original
from alref_sam2._original import OriginalPredictor
from alref_sam2._runtime import Sam2VideoRunner
from support.sam2_official import BOXES, drifting, golden, seeded

FIRST, SECOND = (Phrase(reference=each, text="object") for each in "12")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Save SAM 2.1, tiny, with weights that anybody can make again, in a folder called as its repository is."""
    folder = tmp_path_factory.mktemp("hub") / "sam2.1-hiera-tiny"
    folder.mkdir()
    torch.save({"model": seeded(golden()[0])}, folder / "sam2.1_hiera_tiny.pt")
    return folder


def options(checkpoint: Path, **changes: Any) -> Sam2Options:
    return Sam2Options(**{"model": str(checkpoint), "backend": "original", "image_size": 256, "dtype": "float32", **changes})


def box(phrase: Phrase, frame: int, place: int) -> PivotBox:
    return PivotBox(pivot=PivotFrame(phrase=phrase, frame=frame), xyxy=BOXES[place])


def test_it_is_said_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_original, "find_spec", lambda name: None)
    (problem,) = _original.find_problems(Sam2Options(backend="original"))
    assert all(name in problem.message for name in ("sam2", "hydra", "iopath"))
    assert problem.hint.startswith("SAM2_BUILD_CUDA=0 pip install --no-build-isolation --no-deps sam2")


def test_options_that_it_does_not_take_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_original, "find_spec", lambda name: object())
    assert _original.find_problems(Sam2Options(backend="original", prompt="box", image_size=512, fill_holes=8)) == []
    (problem,) = _original.find_problems(Sam2Options(backend="original", gate=0.5, memory="selected"))
    assert problem.message.endswith("gate, memory")
    assert (problem.option, problem.value) == ("backend", "transformers")


def test_objects_are_gathered_by_the_frames_they_start_on() -> None:
    third = Phrase(reference="3", text="object")
    boxes = [box(FIRST, 4, 0), box(SECOND, 2, 1), box(third, 4, 2), box(FIRST, 2, 0), box(third, 2, 2)]
    assert _original.group_by_pivots(boxes) == {(2, 4): [0, 2], (2,): [1]}


class TestWithThePackage:
    @pytest.fixture(autouse=True)
    def _installed(self) -> None:
        pytest.importorskip("sam2", reason="the authors' package sam2 is not installed")

    @pytest.mark.filterwarnings("ignore::UserWarning:hydra", "ignore::FutureWarning:hydra")
    def test_masks_and_scores_are_those_of_our_session(self, checkpoint: Path) -> None:
        video = drifting(frames=5)
        boxes = [box(FIRST, 2, 0), box(SECOND, 0, 1), box(SECOND, 4, 1)]
        chosen = options(checkpoint)
        theirs = {each.frame: each for each in OriginalPredictor(chosen, "cpu", str(checkpoint)).propagate(video, boxes)}
        ours = {each.frame: each for each in self._model(chosen, checkpoint).propagate(video, boxes)}
        assert theirs.keys() == ours.keys() == set(range(5))
        for frame, mine in ours.items():
            self._agree(mine, theirs[frame])

    def _model(self, chosen: Sam2Options, checkpoint: Path) -> Sam2VideoRunner:
        return Sam2VideoRunner(chosen, "cpu", path=checkpoint / "sam2.1_hiera_tiny.pt")

    def _agree(self, mine: FrameMasks, theirs: FrameMasks) -> None:
        assert theirs.masks.shape == mine.masks.shape
        assert (theirs.masks ^ mine.masks).mean() < 0.001
        assert theirs.masks.any()
        assert np.abs(theirs.scores - mine.scores).max() < 1e-4

    @pytest.mark.filterwarnings("ignore::UserWarning:hydra", "ignore::FutureWarning:hydra")
    def test_a_checkpoint_that_is_none_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "model.pt").write_bytes(b"nothing")
        with pytest.raises(ConfigError, match=r"model\.pt "):
            OriginalPredictor(options(tmp_path / "model.pt"), "cpu", str(tmp_path / "model.pt"))
