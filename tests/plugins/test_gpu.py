"""On an accelerator: the same answers as on the processor, in float32, from the same tiny models."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch

from alref.records import PivotFrame
from alref.testing import SQUARE, make_moving_square, make_square_box
from alref_groundingdino import GroundingDino
from alref_sam2 import Sam2
from support import tiny_detectors, tiny_sam2

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device here"),
]
DEVICES = ("cpu", "cuda")


def test_sam2_gives_the_same_masks(tmp_path: Path) -> None:
    folder = tiny_sam2.save_sam2(tmp_path / "model")
    video, truth = make_moving_square(12)
    found = []
    for device in DEVICES:
        component = Sam2(Sam2.Options(model=str(folder), dtype="float32"), device)
        component.load()
        masks = {each.frame: each.masks for each in component.propagate(video, [make_square_box(truth, 5)])}
        found.append(np.stack([masks[frame] for frame in range(len(video))]))
        component.close()
    assert (found[0] != found[1]).mean() < 1e-3


def test_grounding_dino_gives_the_same_boxes(tmp_path: Path) -> None:
    folder = tiny_detectors.grounding_dino(tmp_path / "model")
    video = make_moving_square(4)[0]
    pivots = [PivotFrame(phrase=SQUARE, frame=frame) for frame in range(3)]
    found = []
    for device in DEVICES:
        component = GroundingDino(GroundingDino.Options(model=str(folder), dtype="float32", box_threshold=0), device)
        component.load()
        found.append(component.propose(video, pivots))
        component.close()
    for cpu, gpu in zip(*found, strict=True):
        np.testing.assert_allclose(cpu.scores, gpu.scores, atol=1e-4)
        np.testing.assert_allclose(cpu.xyxy, gpu.xyxy, atol=0.1)
