from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from hypothesis import given
from hypothesis import strategies as st

from alref.testing import ArrayVideo
from alref_sam2._feature_cache import FeatureStore
from alref_sam2._images import Pictures, corners_of, mask_of
from alref_sam2._memory_bank import Bank, Memory, Rule
from alref_sam2._motion_model import Motion
from alref_sam2._network import Features
from alref_sam2.families import HALF
from alref_sam2.frame_assembler import Gathering
from alref_sam2.mask_cleanup import polished
from alref_sam2.visit_plan import Visit, start, visits

CPU = torch.device("cpu")
PIVOTS = st.lists(st.lists(st.integers(0, 11), min_size=1, max_size=4, unique=True).map(sorted), min_size=1, max_size=4)


def test_an_object_is_followed_to_the_end_and_then_back() -> None:
    forwards = [Visit(1, prompt=(0,)), Visit(2, follow=(0,)), Visit(3, follow=(0,))]
    assert visits([[1]], 4) == [*forwards, Visit(0, follow=(0,), reverse=True)]


def test_all_prompts_of_an_object_come_before_it_is_followed_from_the_middle_one() -> None:
    planned = visits([[0, 2, 4]], 6)
    assert [visit.frame for visit in planned if visit.prompt] == [0, 4, 2]
    assert [(visit.frame, visit.reverse) for visit in planned if visit.follow] == [(3, False), (5, False), (1, True)]
    assert start([3, 8]) == 8


@given(PIVOTS)
def test_every_object_comes_once_for_each_frame(pivots: list[list[int]]) -> None:
    planned = visits(pivots, 12)
    seen = [(index, visit.frame) for visit in planned for index in visit.prompt + visit.follow]
    assert sorted(seen) == [(index, frame) for index in range(len(pivots)) for frame in range(12)]
    for place, visit in enumerate(planned):
        for index in visit.follow:
            before = {each.frame for each in planned[:place] if index in each.prompt}
            assert before == set(pivots[index])


def memory(number: float, trusted: bool = True) -> Memory:
    return Memory(torch.full((2, 3), number), torch.full((4,), number), trusted)


def places(read: list[tuple[int, torch.Tensor]]) -> list[tuple[int, int]]:
    """Return place and frame of what is read; a memory here holds the number of its frame."""
    return [(place, int(each.flatten()[0])) for place, each in read]


def test_a_frame_reads_prompts_and_the_last_frames() -> None:
    bank = Bank(0, Rule(near=2, far=3))
    bank.give(0, memory(0))
    for frame in range(1, 6):
        bank.remember(frame, memory(frame), reverse=False)
    read = bank.read(6, reverse=False)
    assert places(read.features) == [(0, 0), (2, 4), (1, 5)]
    assert places(read.pointers) == [(6, 0), (1, 5), (2, 4), (3, 3)]
    assert read.shape == (3, 4)


def test_pointers_of_later_prompts_are_not_read() -> None:
    bank = Bank(3, Rule(near=2, far=3))
    for frame in (1, 3, 9):
        bank.give(frame, memory(frame))
    assert places(bank.read(5, reverse=False).pointers) == [(4, 1), (2, 3)]
    assert places(bank.read(2, reverse=True).pointers) == [(1, 3), (7, 9)]
    assert len(bank.read(5, reverse=False).features) == 3


def test_a_model_may_read_few_prompts_as_such_the_nearest() -> None:
    bank = Bank(3, Rule(near=2, far=3, given=2))
    for frame in (1, 3, 4, 9):
        bank.give(frame, memory(frame))
    assert places(bank.read(5, reverse=False).features) == [(0, 4), (0, 9), (2, 3)]


def test_selected_memories_are_the_trusted_ones_and_the_last() -> None:
    bank = Bank(0, Rule(near=3, far=3, selected=True))
    bank.give(0, memory(0))
    for frame in range(1, 9):
        bank.remember(frame, memory(frame, trusted=frame in (2, 3, 5)), reverse=False)
    assert places(bank.read(9, reverse=False).features) == [(0, 0), (3, 3), (2, 5), (1, 8)]
    bank.remember(9, memory(9, trusted=False), reverse=False)
    assert places(bank.read(10, reverse=False).features) == [(0, 0), (3, 3), (2, 5), (1, 9)]


def map_of(frame: int) -> Features:
    return Features((torch.full((1, 1, 1, 1), float(frame)),))


def test_features_whose_next_use_is_farthest_away_go_first() -> None:
    encoded: list[int] = []

    def encode(frame: int) -> Features:
        encoded.append(frame)
        return map_of(frame)

    order = [0, 1, 2, 1, 2, 0]
    store = FeatureStore(order, encode, CPU, budget=8, near=8)
    assert [float(store.take(frame).maps[0]) for frame in order] == order
    assert encoded == [0, 1, 2, 0]
    assert store.size() == 0


class Moved(Features):
    """Features that say where they are moved, for a device that is not here."""

    moves: ClassVar[list[str]] = []

    def to(self, device: torch.device | str) -> Features:
        self.moves.append(f"{int(self.maps[0])} {torch.device(device).type}")
        return self


def test_features_go_to_the_host_before_they_are_dropped_and_come_back() -> None:
    Moved.moves.clear()
    order = [0, 1, 2, 0, 1, 2]
    store = FeatureStore(order, lambda frame: Moved(map_of(frame).maps), torch.device("cuda"), budget=8, near=4)
    for frame in order[:3]:
        store.take(frame)
    assert Moved.moves == ["1 cpu", "2 cpu"]
    assert (store.has(0), store.has(1), store.has(2)) == (True, True, False)
    store.take(0)
    store.take(1)
    assert Moved.moves[2:] == ["0 cuda", "1 cuda"]


def test_where_the_device_is_full_features_go_to_the_host() -> None:
    Moved.moves.clear()
    store = FeatureStore([0, 1, 0], lambda frame: Moved(map_of(frame).maps), torch.device("cuda"), budget=8, near=8)
    store.take(0)
    assert store.spill()
    assert Moved.moves == ["0 cpu"]
    assert not store.spill()
    assert store.has(0)


def moving(left: int) -> torch.Tensor:
    logits = torch.full((16, 64), -1.0)
    logits[4:8, left : left + 6] = 1
    return logits


def test_a_mask_that_goes_on_as_it_moved_is_trusted_and_one_that_jumps_is_not() -> None:
    motion = Motion()
    assert all(motion.trusts(moving(2 * frame), 3.0, 0.9) for frame in range(12))
    assert not motion.trusts(moving(50), 3.0, 0.9)
    still = Motion()
    assert not still.trusts(moving(0), -1.0, 0.9)
    assert not still.trusts(moving(0), 3.0, 0.1)
    assert not still.trusts(torch.full((4, 4), -1.0), 3.0, 0.9)
    assert still.trusts(moving(0), 3.0, 0.9)


def test_small_holes_are_filled_and_small_parts_removed() -> None:
    mask = np.zeros((20, 30), bool)
    mask[2:12, 2:12] = True
    mask[4:6, 4:6] = False
    mask[8:11, 8:11] = False
    mask[15, 20:23] = True
    assert (polished(mask, 0, 0) == mask).all()
    changed = polished(mask, 4, 3)
    assert changed[4:6, 4:6].all()
    assert not changed[8:11, 8:11].any()
    assert not changed[15].any()
    assert changed.sum() == mask.sum() + 4 - 3


def test_frames_wait_for_all_objects_that_are_told_of() -> None:
    mask = np.eye(3, 4, dtype=bool)
    gathering = Gathering(3, [0, 2], (3, 4))
    assert gathering.add(7, {2: (mask, 0.25)}) is None
    whole = gathering.add(7, {0: (~mask, 0.5)})
    assert whole is not None
    assert (whole.frame, whole.scores.tolist()) == (7, [0.5, 0.0, 0.25])
    assert [each.tolist() for each in whole.masks] == [(~mask).tolist(), np.zeros((3, 4), bool).tolist(), mask.tolist()]


def test_pictures_are_squares_normalised_and_read_once() -> None:
    video = ArrayVideo(np.full((2, 6, 8, 3), (0, 255, 51), np.uint8))
    pictures = Pictures(video, 4, "bicubic", HALF, CPU)
    pictures.look_ahead(1)
    picture = pictures.take(1)
    assert picture.shape == (1, 3, 4, 4)
    assert picture[0, :, 0, 0].tolist() == pytest.approx([-1, 1, -0.6])
    assert pictures.read == 1


def test_the_two_filters_differ() -> None:
    video = ArrayVideo(np.random.default_rng(0).integers(0, 255, (1, 32, 32, 3), np.uint8))
    one, other = (Pictures(video, 16, way, HALF, CPU).take(0) for way in ("bicubic", "bilinear"))
    assert not torch.equal(one, other)


def test_prompts_are_scaled_to_the_picture() -> None:
    video = ArrayVideo(np.zeros((1, 6, 8, 3), np.uint8))
    corners = corners_of(np.array([2, 3, 4, 6], np.float32), video, 16, CPU)
    assert corners.tolist() == [[[[4, 8], [8, 16]]]]
    mask = np.zeros((6, 8), bool)
    mask[3:, 2:4] = True
    scaled = mask_of(mask, 16, CPU)[0, 0]
    assert scaled[9:, 4:8].all()
    assert scaled.sum() == pytest.approx(mask.mean() * 256, rel=0.1)
