from __future__ import annotations

from typing import ClassVar

import cv2
import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import interpolate

from alref.testing import ArrayVideo
from alref.utils.masks import Mask
from alref_sam2._feature_cache import FrameFeatureCache
from alref_sam2._images import ImageReader, resize_mask, scale_box
from alref_sam2._mask_cleanup import FILLED_LOGIT, clean_logits, find_small_components
from alref_sam2._memory_bank import FrameMemory, MemoryBank, MemoryLimits
from alref_sam2._motion_model import MotionModel
from alref_sam2._network import FrameFeatures
from alref_sam2.families import HALF_NORMALIZATION
from alref_sam2.frame_assembler import FrameAssembler
from alref_sam2.visit_plan import Visit, get_start_frame, plan_visits

CPU = torch.device("cpu")
PIVOTS = st.lists(st.lists(st.integers(0, 11), min_size=1, max_size=4, unique=True).map(sorted), min_size=1, max_size=4)


def test_an_object_is_followed_to_the_end_and_then_back() -> None:
    forwards = [Visit(1, prompted=(0,)), Visit(2, tracked=(0,)), Visit(3, tracked=(0,))]
    assert plan_visits([[1]], 4) == [*forwards, Visit(0, tracked=(0,), reverse=True)]


def test_all_prompts_of_an_object_come_before_it_is_followed_from_the_middle_one() -> None:
    planned = plan_visits([[0, 2, 4]], 6)
    assert [visit.frame for visit in planned if visit.prompted] == [0, 4, 2]
    assert [(visit.frame, visit.reverse) for visit in planned if visit.tracked] == [(3, False), (5, False), (1, True)]
    assert get_start_frame([3, 8]) == 8


@given(PIVOTS)
def test_every_object_comes_once_for_each_frame(pivots: list[list[int]]) -> None:
    planned = plan_visits(pivots, 12)
    seen = [(index, visit.frame) for visit in planned for index in visit.prompted + visit.tracked]
    assert sorted(seen) == [(index, frame) for index in range(len(pivots)) for frame in range(12)]
    for place, visit in enumerate(planned):
        for index in visit.tracked:
            before = {each.frame for each in planned[:place] if index in each.prompted}
            assert before == set(pivots[index])


def memory(number: float, trusted: bool = True) -> FrameMemory:
    return FrameMemory(torch.full((2, 3), number), torch.full((4,), number), trusted)


def places(read: list[tuple[int, torch.Tensor]]) -> list[tuple[int, int]]:
    """Return place and frame of what is read; a memory here holds the number of its frame."""
    return [(place, int(each.flatten()[0])) for place, each in read]


def test_a_frame_reads_prompts_and_the_last_frames() -> None:
    bank = MemoryBank(0, MemoryLimits(max_tracked=2, max_pointer_distance=3))
    bank.add_prompted(0, memory(0))
    for frame in range(1, 6):
        bank.add_tracked(frame, memory(frame), reverse=False)
    read = bank.read_context(6, reverse=False)
    assert places(read.features) == [(0, 0), (2, 4), (1, 5)]
    assert places(read.pointers) == [(6, 0), (1, 5), (2, 4), (3, 3)]
    assert read.shape == (3, 4)


def test_pointers_of_later_prompts_are_not_read() -> None:
    bank = MemoryBank(3, MemoryLimits(max_tracked=2, max_pointer_distance=3))
    for frame in (1, 3, 9):
        bank.add_prompted(frame, memory(frame))
    assert places(bank.read_context(5, reverse=False).pointers) == [(4, 1), (2, 3)]
    assert places(bank.read_context(2, reverse=True).pointers) == [(1, 3), (7, 9)]
    assert len(bank.read_context(5, reverse=False).features) == 3


def test_a_model_may_read_few_prompts_as_such_the_nearest() -> None:
    bank = MemoryBank(3, MemoryLimits(max_tracked=2, max_pointer_distance=3, max_prompted=2))
    for frame in (1, 3, 4, 9):
        bank.add_prompted(frame, memory(frame))
    assert places(bank.read_context(5, reverse=False).features) == [(0, 4), (0, 9), (2, 3)]


def test_frames_before_a_correction_are_not_remembered_after_it() -> None:
    limits = MemoryLimits(max_tracked=6, max_pointer_distance=6)
    bank, plain = MemoryBank(3, limits, barriers={0, 6}), MemoryBank(3, limits)
    for each in (bank, plain):
        for frame in (0, 3, 6):
            each.add_prompted(frame, memory(frame))
        for frame in (4, 5, 7):
            each.add_tracked(frame, memory(frame), reverse=False)
    assert places(bank.read_context(8, reverse=False).features)[3:] == [(1, 7)]
    assert places(plain.read_context(8, reverse=False).features)[3:] == [(4, 4), (3, 5), (1, 7)]
    assert places(bank.read_context(8, reverse=False).pointers) == [(8, 0), (5, 3), (2, 6), (1, 7)]
    assert bank.read_context(5, reverse=False).shape == plain.read_context(5, reverse=False).shape
    assert places(bank.read_context(2, reverse=True).features)[3:] == [(3, 5), (2, 4)]


def test_selected_memories_are_the_trusted_ones_and_the_last() -> None:
    bank = MemoryBank(0, MemoryLimits(max_tracked=3, max_pointer_distance=3, trusted_only=True))
    bank.add_prompted(0, memory(0))
    for frame in range(1, 9):
        bank.add_tracked(frame, memory(frame, trusted=frame in (2, 3, 5)), reverse=False)
    assert places(bank.read_context(9, reverse=False).features) == [(0, 0), (3, 3), (2, 5), (1, 8)]
    bank.add_tracked(9, memory(9, trusted=False), reverse=False)
    assert places(bank.read_context(10, reverse=False).features) == [(0, 0), (3, 3), (2, 5), (1, 9)]


def map_of(frame: int) -> FrameFeatures:
    return FrameFeatures((torch.full((1, 1, 1, 1), float(frame)),))


def test_features_whose_next_use_is_farthest_away_go_first() -> None:
    encoded: list[int] = []

    def encode(frame: int) -> FrameFeatures:
        encoded.append(frame)
        return map_of(frame)

    order = [0, 1, 2, 1, 2, 0]
    store = FrameFeatureCache(order, encode, CPU, budget=8, device_budget=8)
    assert [float(store.take_features(frame).maps[0]) for frame in order] == order
    assert encoded == [0, 1, 2, 0]
    assert store.count_bytes() == 0


class Moved(FrameFeatures):
    """Features that say where they are moved, for a device that is not here."""

    moves: ClassVar[list[str]] = []

    def to(self, device: torch.device | str) -> FrameFeatures:
        self.moves.append(f"{int(self.maps[0])} {torch.device(device).type}")
        return self


def test_features_go_to_the_host_before_they_are_dropped_and_come_back() -> None:
    Moved.moves.clear()
    order = [0, 1, 2, 0, 1, 2]
    store = FrameFeatureCache(order, lambda frame: Moved(map_of(frame).maps), torch.device("cuda"), budget=8, device_budget=4)
    for frame in order[:3]:
        store.take_features(frame)
    assert Moved.moves == ["1 cpu", "2 cpu"]
    assert (store.has_frame(0), store.has_frame(1), store.has_frame(2)) == (True, True, False)
    store.take_features(0)
    store.take_features(1)
    assert Moved.moves[2:] == ["0 cuda", "1 cuda"]


def test_where_the_device_is_full_features_go_to_the_host() -> None:
    Moved.moves.clear()
    store = FrameFeatureCache(
        [0, 1, 0], lambda frame: Moved(map_of(frame).maps), torch.device("cuda"), budget=8, device_budget=8
    )
    store.take_features(0)
    assert store.free_memory("cuda")
    assert Moved.moves == ["0 cpu"]
    assert not store.free_memory("cuda")
    assert store.has_frame(0)


def moving(left: int) -> Mask:
    mask = np.zeros((16, 64), bool)
    mask[4:8, left : left + 6] = True
    return mask


def test_a_mask_that_goes_on_as_it_moved_is_trusted_and_one_that_jumps_is_not() -> None:
    motion = MotionModel()
    assert all(motion.check_and_update(moving(2 * frame), 3.0, 0.9) for frame in range(12))
    assert not motion.check_and_update(moving(50), 3.0, 0.9)
    still = MotionModel()
    assert not still.check_and_update(moving(0), -1.0, 0.9)
    assert not still.check_and_update(moving(0), 3.0, 0.1)
    assert not still.check_and_update(np.zeros((4, 4), bool), 3.0, 0.9)
    assert still.check_and_update(moving(0), 3.0, 0.9)


def test_small_holes_are_filled_and_small_parts_removed() -> None:
    logits = torch.full((2, 1, 20, 30), -3.0)
    logits[0, 0, 2:12, 2:12] = 5
    logits[0, 0, 4:6, 4:6] = -3
    logits[0, 0, 8:11, 8:11] = -3
    logits[0, 0, 15, 20:23] = 5
    assert torch.equal(clean_logits(logits, 0, 0), logits)
    cleaned = clean_logits(logits, 4, 3)
    expected = logits.clone()
    expected[0, 0, 4:6, 4:6] = FILLED_LOGIT
    expected[0, 0, 15, 20:23] = -FILLED_LOGIT
    assert torch.equal(cleaned, expected)


@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.sampled_from([0.2, 0.35, 0.45, 0.6]))
def test_small_components_are_those_of_opencv(seed: int, max_area: int, density: float) -> None:
    random = np.random.default_rng(seed)
    masks = random.random((3, 1, *random.integers(1, 16, 2))) < density
    found = find_small_components(torch.from_numpy(masks), max_area).numpy()
    for mask, small in zip(masks[:, 0], found[:, 0], strict=True):
        _, labels, facts, _ = cv2.connectedComponentsWithStats(mask.view(np.uint8), connectivity=8)
        assert (small == (mask & (facts[:, cv2.CC_STAT_AREA] <= max_area)[labels])).all()


def test_frames_wait_for_all_objects_that_are_told_of() -> None:
    mask = np.eye(3, 4, dtype=bool)
    gathering = FrameAssembler(3, [0, 2], (3, 4))
    assert gathering.add_masks(7, {2: (mask, 0.25)}) is None
    whole = gathering.add_masks(7, {0: (~mask, 0.5)})
    assert whole is not None
    assert (whole.frame, whole.scores.tolist()) == (7, [0.5, 0.0, 0.25])
    assert [each.tolist() for each in whole.masks] == [(~mask).tolist(), np.zeros((3, 4), bool).tolist(), mask.tolist()]


def test_pictures_are_squares_normalized_and_read_once() -> None:
    video = ArrayVideo(np.full((2, 6, 8, 3), (0, 255, 51), np.uint8))
    pictures = ImageReader(video, 4, "bicubic", HALF_NORMALIZATION, CPU)
    pictures.read_ahead(1)
    picture = pictures.take_image(1)
    assert picture.shape == (1, 3, 4, 4)
    assert picture[0, :, 0, 0].tolist() == pytest.approx([-1, 1, -0.6])
    assert pictures.read_count == 1


def test_the_image_of_a_first_mask_is_resized_as_by_torchvision() -> None:
    video = ArrayVideo(np.random.default_rng(0).integers(0, 255, (1, 40, 64, 3), np.uint8))
    whole = torch.from_numpy(video.read_frame(0).copy()).permute(2, 0, 1)[None] / 255
    resized = interpolate(whole, (16, 16), mode="bilinear", antialias=True)
    picture = ImageReader(video, 16, "bicubic", HALF_NORMALIZATION, CPU).read_bilinear_image(0)
    torch.testing.assert_close(picture, (resized - 0.5) / 0.5)


def test_the_two_filters_differ() -> None:
    video = ArrayVideo(np.random.default_rng(0).integers(0, 255, (1, 32, 32, 3), np.uint8))
    one, other = (ImageReader(video, 16, way, HALF_NORMALIZATION, CPU).take_image(0) for way in ("bicubic", "bilinear"))
    assert not torch.equal(one, other)


def test_prompts_are_scaled_to_the_picture() -> None:
    video = ArrayVideo(np.zeros((1, 6, 8, 3), np.uint8))
    corners = scale_box(np.array([2, 3, 4, 6], np.float32), video, 16, CPU)
    assert corners.tolist() == [[[[4, 8], [8, 16]]]]
    mask = np.zeros((6, 8), bool)
    mask[3:, 2:4] = True
    scaled = resize_mask(torch.from_numpy(mask)[None], 16)[0, 0]
    assert scaled[9:, 4:8].all()
    assert scaled.sum() == pytest.approx(mask.mean() * 256, rel=0.1)
