from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch

from alref.errors import MissingError
from alref_sam2 import EdgeTam, Sam2, Sam2FamilyPropagator, Sam3Tracker
from alref_sam2._feature_cache import FrameFeatureCache
from alref_sam2._memory_bank import FrameMemory, MemoryBank
from alref_sam2._runtime import Sam2VideoRunner
from support.propagation import SAVED, boxes, counted, farthest, logits, model_of

PIVOTS = ([6], [1, 9], [11], [6])
"""Objects that start late, at the end, on the same frame, and twice."""
FRAMES = 12
SMALL = {Sam2: 64, EdgeTam: 64, Sam3Tracker: 56}
"""Pixels of the pictures that the models take here, to be quick."""
FRAME = 1 << 15
"""Bytes of the features of one frame then."""


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[type[Sam2FamilyPropagator], Path]:
    place = tmp_path_factory.mktemp("trackers")
    return {cls: save(place / cls.name, SMALL[cls]) for cls, save in SAVED.items()}


@pytest.fixture(scope="module")
def model(folders: dict[type[Sam2FamilyPropagator], Path]) -> Sam2VideoRunner:
    return model_of(Sam2, folders[Sam2])


def changed(model: Sam2VideoRunner, monkeypatch: pytest.MonkeyPatch, **options: Any) -> Sam2VideoRunner:
    """Return the model with other options, and its weights not loaded again."""
    monkeypatch.setattr(model, "_options", model._options.model_copy(update=options))
    return model


@pytest.mark.parametrize("cls", [Sam2, EdgeTam, Sam3Tracker])
def test_objects_of_one_pass_are_what_each_is_alone(
    cls: type[Sam2FamilyPropagator], folders: dict[type[Sam2FamilyPropagator], Path]
) -> None:
    model, video = model_of(cls, folders[cls]), counted(FRAMES)
    given = boxes(*PIVOTS, frames=FRAMES)
    together = logits(model, video, given)
    assert together.keys() == {(row, frame) for row in range(len(PIVOTS)) for frame in range(FRAMES)}
    for row in range(len(PIVOTS)):
        alone = logits(model, video, [box for box in given if box.pivot.phrase.reference == str(row)])
        assert farthest({key: each for key, each in together.items() if key[0] == row}, alone) < 1e-4


def test_every_frame_is_read_once_and_encoded_once(model: Sam2VideoRunner) -> None:
    video, before = counted(FRAMES), model.network.encoded_count
    logits(model, video, boxes(*PIVOTS, frames=FRAMES))
    assert video.reads == [1] * FRAMES
    assert model.network.encoded_count - before == FRAMES


def test_without_room_for_features_frames_are_encoded_at_most_twice(
    model: Sam2VideoRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = boxes(*PIVOTS, frames=FRAMES)
    kept = logits(model, counted(FRAMES), given)
    video, before = counted(FRAMES), model.network.encoded_count
    again = logits(changed(model, monkeypatch, feature_memory=0), video, given)
    assert FRAMES < model.network.encoded_count - before == sum(video.reads) <= 2 * FRAMES
    assert farthest(again, kept) < 1e-4


def test_features_stay_within_their_budget_and_spare_what_they_can(
    model: Sam2VideoRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    take = FrameFeatureCache.take_features

    def watched(self: FrameFeatureCache, frame: int) -> object:
        found = take(self, frame)
        sizes.append(self.count_bytes())
        return found

    monkeypatch.setattr(FrameFeatureCache, "take_features", watched)
    monkeypatch.setattr("alref_sam2._runtime.MEBIBYTE", FRAME)
    before = model.network.encoded_count
    logits(changed(model, monkeypatch, feature_memory=4), counted(FRAMES), boxes(*PIVOTS, frames=FRAMES))
    assert max(sizes) == 4 * FRAME
    assert FRAMES < model.network.encoded_count - before < 2 * FRAMES - 4


@pytest.mark.parametrize(("memory", "pivots"), [("recent", ([19], [4, 22])), ("selected", ([19],))])
def test_forgetting_changes_nothing(
    memory: str, pivots: tuple[list[int], ...], model: Sam2VideoRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = 38
    video, given = counted(frames), boxes(*pivots, frames=frames)
    model = changed(model, monkeypatch, memory=memory)
    forgetting = logits(model, video, given)

    def remember_all(self: MemoryBank, frame: int, memory: FrameMemory, reverse: bool) -> None:
        self._tracked[frame], self._pointers[frame] = memory, memory.pointer

    monkeypatch.setattr(MemoryBank, "add_tracked", remember_all)
    remembering = logits(model, video, given)
    assert farthest(forgetting, remembering) < 1e-4


def test_selected_memories_are_others_than_the_recent_ones(model: Sam2VideoRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    video, given = counted(FRAMES), boxes([3], frames=FRAMES)
    recent = logits(model, video, given)
    monkeypatch.setattr("alref_sam2._session.MotionModel.check_and_update", lambda self, logits, score, quality: False)
    selected = logits(changed(model, monkeypatch, memory="selected"), video, given)
    torch.testing.assert_close(selected[0, 4], recent[0, 4])
    assert not torch.allclose(selected[0, 7], recent[0, 7], atol=1e-4)


def test_memory_does_not_grow_with_the_video(model: Sam2VideoRunner) -> None:
    peaks = []
    for frames in (40, 80):
        session = model.create_session(counted(frames), [{4: boxes([4], frames=frames)[0]}])
        with torch.inference_mode():
            peaks.append(max(session.count_bytes() for _ in session.iterate_steps()))
    assert peaks[0] == peaks[1] > 0


def test_expressions_that_mean_the_same_box_are_followed_once(model: Sam2VideoRunner) -> None:
    given = boxes([3], frames=6)
    other = given[0].pivot.phrase.model_copy(update={"reference": "again"})
    twin = given[0].model_copy(update={"pivot": given[0].pivot.model_copy(update={"phrase": other})})
    with batches(model) as seen:
        found = list(model.propagate(counted(6), [*given, twin]))
    assert seen == [1] * 5
    assert all((each.masks[0] == each.masks[1]).all() for each in found)


def test_objects_that_read_alike_are_followed_in_one_call(model: Sam2VideoRunner) -> None:
    with batches(model) as seen:
        logits(model, counted(6), boxes([0], [0], [0], frames=6))
    assert seen == [3] * 5


def test_where_the_memory_is_full_fewer_objects_are_followed_at_once(
    model: Sam2VideoRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    given, said = boxes([0], [0], [0], [2], frames=6), []
    plain = logits(model, counted(6), given)
    monkeypatch.setattr(model, "_warn", said.append)
    with batches(model, most=1) as seen:
        cramped = logits(model, counted(6), given)
    assert set(seen) == {1}
    assert farthest(cramped, plain) < 1e-4
    assert [bool(re.search(r"\bcpu\b.*\b1 of 3\b", line)) for line in said] == [True]


def test_where_not_even_one_object_fits_it_says_so(model: Sam2VideoRunner) -> None:
    with batches(model, most=0), pytest.raises(MissingError, match=r"\bcpu\b.*-o propagator"):
        logits(model, counted(6), boxes([0], frames=6))


def test_other_errors_are_not_taken_for_a_full_memory(model: Sam2VideoRunner) -> None:
    with batches(model, most=0, error=RuntimeError("shapes differ")), pytest.raises(RuntimeError, match="shapes differ"):
        logits(model, counted(6), boxes([0], frames=6))


class batches:  # noqa: N801
    """Count the objects of each call of memory attention, and fail where they are more than ``most``."""

    def __init__(self, model: Sam2VideoRunner, most: int = 99, error: Exception | None = None) -> None:
        self._keys = model.network.model.memory_attention.layers[0].cross_attn_image.k_proj
        self._most, self._error = most, error
        self._seen: list[int] = []

    def __enter__(self) -> list[int]:
        self._hook = self._keys.register_forward_pre_hook(self._count)
        return self._seen

    def __exit__(self, *_: object) -> None:
        self._hook.remove()

    def _count(self, module: object, given: tuple[torch.Tensor]) -> None:
        count = len(given[0])
        if count > self._most:
            raise self._error or torch.OutOfMemoryError("out of memory")
        self._seen.append(count)
