"""How often the host waits for a device. No device is here: the meta device stands for CUDA, see support/meta_device.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch

from alref_sam2 import Sam2
from alref_sam2.visit_plan import plan_visits
from support.meta_device import Waits, pretend_cuda
from support.propagation import boxes, counted, model_of, save_sam2

FRAMES = 6
PIVOTS = ([2], [2], [1, 3], [4])
VISITS = len(plan_visits(PIVOTS, FRAMES))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_sam2(tmp_path_factory.mktemp("model"), 64)


@pytest.mark.parametrize(
    ("options", "most"),
    [
        ({"prompt": "mask"}, 1),
        ({"prompt": "box"}, 1),
        ({"logits": True, "mask_resize": "bilinear"}, 1),
        ({"memory": "selected"}, 5),
    ],
)
def test_the_host_waits_once_a_visit_for_all_objects(
    folder: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], most: int
) -> None:
    model = model_of(Sam2, folder, fill_holes=8, **options)
    monkeypatch.setattr("alref_sam2._session.get_device_budget", lambda device: 0)
    with pretend_cuda(model, monkeypatch) as waits:
        found = list(model.propagate(counted(FRAMES), boxes(*PIVOTS, frames=FRAMES)))
    assert len(found) == FRAMES
    assert (waits.copies, waits.reads) == (0, 0)
    assert VISITS <= waits.arrivals <= most * VISITS


def test_the_next_frame_is_given_to_the_device_before_masks_are_waited_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = model_of(Sam2, folder)
    with pretend_cuda(model, monkeypatch):
        masks = model.propagate(counted(FRAMES), boxes([0], frames=FRAMES))
        assert next(masks).frame == 0
        assert model.network.encoded_count == 2
        assert [each.frame for each in masks] == list(range(1, FRAMES))


def test_waits_are_counted() -> None:
    with Waits() as waits:
        there = torch.ones(2, 3, device="meta")
        there.cpu()
        torch.ones(2).to("meta")
        torch.ones(2).to("meta", non_blocking=True)
        float(there[0, 0])
        bool(there.any())
    assert (waits.copies, waits.reads) == (2, 2)
