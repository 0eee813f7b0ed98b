"""Full memory, of the device or of the host: failures are injected, since neither is full here, and no device is."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from alref.errors import MissingError
from alref.models import devices
from alref.records import FrameMasks
from alref_sam2 import Sam2, _transfers
from alref_sam2._batch_limiter import BatchLimiter
from alref_sam2._feature_cache import FrameFeatureCache
from alref_sam2._network import FrameFeatures
from alref_sam2.frame_assembler import FrameAssembler
from support.propagation import boxes, counted, model_of, save_sam2

CUDA = torch.device("cuda")
DEVICE_FULL = torch.OutOfMemoryError("CUDA out of memory")
PINNED_FULL = RuntimeError("CUDA error: out of memory")
HOST_FULL = RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")
SLOW = "ALREF_SLOW" in os.environ
FRAMES, PIVOTS = (30, ([16], [4, 20], [9], [16])) if SLOW else (6, ([2], [0, 4], [5], [2]))
"""With ALREF_SLOW=1, the long video; each of the failures is one run."""


class Allocations(TorchDispatchMode):
    """Counts the operations that allocate memory; number ``fails``, from 1, does not get it."""

    def __init__(self, fails: int = 0) -> None:
        super().__init__()
        self.fails, self.count = fails, 0
        self.places: dict[tuple[str, int], list[int]] = {}

    def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if operation.is_view or operation._schema.is_mutable:
            return operation(*args, **(kwargs or {}))
        self.count += 1
        if self.count == self.fails:
            raise torch.OutOfMemoryError("out of memory")
        if self.fails == 0:
            self.places.setdefault(_find_place(), []).append(self.count)
        return operation(*args, **(kwargs or {}))


def _find_place() -> tuple[str, int]:
    """Return the function of the plugin that is at work, with ALREF_SLOW=1 also the line."""
    frame = sys._getframe(2)
    while "alref_sam2" not in frame.f_code.co_filename:
        assert frame.f_back is not None
        frame = frame.f_back
    return frame.f_code.co_qualname, frame.f_lineno if SLOW else 0


def test_wherever_memory_runs_out_the_run_ends_right_or_says_what_is_full(tmp_path: Path) -> None:
    model, given = model_of(Sam2, save_sam2(tmp_path, 64)), boxes(*PIVOTS, frames=FRAMES)

    def run(allocations: Allocations) -> list[FrameMasks]:
        with allocations:
            return sorted(model.propagate(counted(FRAMES), given), key=lambda each: each.frame)

    plain = Allocations()
    expected = run(plain)
    places = plain.places.values()
    failures = {
        each for numbers in places for each in ((numbers[0], numbers[-1]) if SLOW else numbers[len(numbers) // 2 :][:1])
    }
    said: list[str] = []
    for fails in failures:
        try:
            found = run(Allocations(fails))
        except MissingError as error:
            said.append(str(error))
            continue
        assert [each.frame for each in found] == list(range(FRAMES))
        for one, other in zip(found, expected, strict=True):
            assert (one.masks != other.masks).mean() < 1e-3
            np.testing.assert_allclose(one.scores, other.scores, atol=1e-4)
    assert all("memory of cpu" in each for each in said)
    assert len(said) < len(failures) // 2


class HostIsFull(FrameFeatures):
    """Features that cannot be copied to the host."""

    def to(self, device: torch.device | str) -> FrameFeatures:
        if torch.device(device).type == "cpu":
            raise HOST_FULL
        return self


def test_features_that_no_memory_takes_are_computed_again() -> None:
    encoded: list[int] = []

    def encode(frame: int) -> FrameFeatures:
        encoded.append(frame)
        return HostIsFull((torch.full((1,), float(frame)),))

    order = [0, 1, 2, 2, 1, 0]
    cache = FrameFeatureCache(order, encode, CUDA, budget=8, device_budget=4)
    assert [float(cache.take_features(frame).maps[0]) for frame in order] == order
    assert encoded == [0, 1, 2, 1, 0]


def test_taking_features_can_be_repeated_after_a_failure() -> None:
    failing = [True, False, True, False, False]

    def encode(frame: int) -> FrameFeatures:
        if failing.pop(0):
            raise DEVICE_FULL
        return FrameFeatures((torch.full((1,), float(frame)),))

    cache = FrameFeatureCache([0, 1, 0], encode, torch.device("cpu"), budget=8, device_budget=8)
    for frame in (0, 1):
        with pytest.raises(torch.OutOfMemoryError):
            cache.take_features(frame)
        assert float(cache.take_features(frame).maps[0]) == frame
    assert float(cache.take_features(0).maps[0]) == 0


@pytest.mark.parametrize(("error", "full"), [(DEVICE_FULL, "cuda"), (HOST_FULL, "cpu"), (MemoryError(), "cpu")])
def test_the_memory_that_is_full_is_named(error: Exception, full: str) -> None:
    assert devices.find_full_memory(error, "cuda") == full
    cache = FrameFeatureCache([0], lambda frame: FrameFeatures(()), CUDA, budget=8, device_budget=8)
    limiter = BatchLimiter(CUDA, cache, lambda message: None)

    def fail() -> None:
        raise error

    with pytest.raises(MissingError, match=rf"memory of {full} .*--?\w+ (cpu|propagator)"):
        limiter.run_until_fits(fail)


def test_a_full_host_does_not_make_the_device_follow_fewer_objects() -> None:
    cache = FrameFeatureCache([0], lambda frame: FrameFeatures(()), CUDA, budget=8, device_budget=8)
    limiter = BatchLimiter(CUDA, cache, lambda message: None)
    before = limiter.get_max_objects(100)

    def fail() -> None:
        raise HOST_FULL

    with pytest.raises(MissingError):
        limiter.run_if_fits(fail, 4, 100)
    assert limiter.get_max_objects(100) == before


def test_a_host_too_small_for_the_masks_of_a_frame_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    model = model_of(Sam2, save_sam2(tmp_path, 64))
    monkeypatch.setattr(FrameAssembler, "add_masks", fail)
    with pytest.raises(MissingError, match=r"memory of cpu .*--max-size"):
        list(model.propagate(counted(2), boxes([0], frames=2)))


def test_pageable_memory_serves_where_no_memory_can_be_pinned(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise PINNED_FULL

    monkeypatch.setattr(_transfers, "supports_queued_copies", lambda device: True)
    monkeypatch.setattr(_transfers.torch, "empty_like", refuse)
    given = torch.arange(6.0)
    features = FrameFeatures((given,)).to("cpu")
    assert torch.equal(features.maps[0], given)
    assert torch.equal(_transfers.upload_tensor(given, torch.device("cpu")), given)
