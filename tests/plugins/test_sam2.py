from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch
from torch.nn.functional import interpolate

from alref.components.base import Propagator
from alref.records import FrameMasks, PivotBox, list_object_phrases
from alref.testing import ArrayVideo, PropagatorContract, make_moving_square
from alref.utils.logit_maps import FAR_LOGIT
from alref.utils.masks import Mask
from alref_sam2 import EdgeTam, Sam2, Sam2FamilyPropagator, Sam3Tracker, _runtime
from support.propagation import boxes, counted, made, save_all

FRAMES = 6


@pytest.fixture(scope="class")
def _loaded_once() -> Iterator[None]:
    """Load each model once, since loading takes longer than asking."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_runtime, "load_model", cache(_runtime.load_model))
        yield


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[type[Sam2FamilyPropagator], Path]:
    return save_all(tmp_path_factory.mktemp("trackers"))


@pytest.mark.usefixtures("_loaded_once")
class TrackerContract(PropagatorContract):
    cls: type[Sam2FamilyPropagator]
    long_video_length = 60
    """2,000 frames take more than a minute."""

    @pytest.fixture(autouse=True)
    def _folder(self, folders: dict[type[Sam2FamilyPropagator], Path]) -> None:
        self.folder = folders[self.cls]

    def make_component(self) -> Propagator:
        return made(self.cls, self.folder, feature_memory=1)

    def make_video(self) -> tuple[ArrayVideo, Mask]:
        return make_moving_square(4)


class TestSam2(TrackerContract):
    cls = Sam2


class TestEdgeTam(TrackerContract):
    cls = EdgeTam


class TestSam3Tracker(TrackerContract):
    cls = Sam3Tracker


def run(folders: dict[type[Sam2FamilyPropagator], Path], given: list[PivotBox], **options: Any) -> list[FrameMasks]:
    component = made(Sam2, folders[Sam2], **options)
    component.load()
    return sorted(component.propagate(counted(FRAMES), given), key=lambda each: each.frame)


def test_masks_leave_as_soon_as_they_are_known(folders: dict[type[Sam2FamilyPropagator], Path]) -> None:
    component = made(Sam2, folders[Sam2])
    component.load()
    order = [each.frame for each in component.propagate(counted(FRAMES), boxes([3], frames=FRAMES))]
    assert order == [3, 4, 5, 2, 1, 0]


def test_no_thread_is_left_behind(folders: dict[type[Sam2FamilyPropagator], Path]) -> None:
    before = set(threading.enumerate())
    component = made(Sam2, folders[Sam2])
    component.load()
    for end in (1, FRAMES):
        masks = component.propagate(counted(FRAMES), boxes([3], frames=FRAMES))
        assert len(list(islice(masks, end))) == end
        masks.close()  # type: ignore[attr-defined]
    assert set(threading.enumerate()) <= before


def test_a_box_that_carries_a_mask_starts_from_the_mask(folders: dict[type[Sam2FamilyPropagator], Path]) -> None:
    mask = np.zeros((48, 64), bool)
    mask[8:40, 8:24] = True
    (box,) = boxes([4], frames=FRAMES)
    for prompt in ("mask", "box"):
        frame = run(folders, [box.model_copy(update={"mask": mask})], prompt=prompt)[4]
        assert (frame.masks[0] & mask).sum() / (frame.masks[0] | mask).sum() > 0.9
        assert frame.scores[0] > 0.99


def test_the_box_itself_can_be_the_prompt(folders: dict[type[Sam2FamilyPropagator], Path]) -> None:
    given = boxes([4], frames=FRAMES)
    one, other = (run(folders, given, prompt=prompt) for prompt in ("mask", "box"))
    assert any((first.masks != second.masks).any() for first, second in zip(one, other, strict=True))


def test_an_object_without_a_box_is_nowhere(folders: dict[type[Sam2FamilyPropagator], Path]) -> None:
    given = boxes([4], [2], frames=FRAMES)
    absent = PivotBox(pivot=given[0].pivot, finding="absent")
    found = run(folders, [absent, given[1]])
    assert len(list_object_phrases([absent, given[1]])) == len(found[0].masks) == 2
    assert not any(each.masks[0].any() or each.scores[0] for each in found)
    assert all(each.scores[1] > 0.5 for each in found)
    nothing = run(folders, [absent])
    assert [each.frame for each in nothing] == list(range(FRAMES))
    assert not any(each.masks.any() for each in nothing)


def click(box: PivotBox, label: bool = True) -> PivotBox:
    assert box.xyxy is not None
    middle = np.array([box.xyxy[:2] + box.xyxy[2:]], np.float32) / 2
    return box.model_copy(update={"points": middle, "point_labels": np.array([label]), "xyxy": None})


def test_points_start_an_object(folders: dict[type[Sam2FamilyPropagator], Path]) -> None:
    given = boxes([2], [2], frames=FRAMES)
    component = made(Sam2, folders[Sam2])
    component.load()
    same = [click(given[0]), click(given[1].model_copy(update={"xyxy": given[0].xyxy}))]
    frames = list(component.propagate(counted(FRAMES), same))
    assert len(frames) == FRAMES
    assert any(frame.masks.any() for frame in frames)
    assert all((frame.masks[0] == frame.masks[1]).all() for frame in frames)
    other = [click(given[0]), click(given[1].model_copy(update={"xyxy": given[0].xyxy}), label=False)]
    found = list(component.propagate(counted(FRAMES), other))
    assert any((frame.masks[0] != frame.masks[1]).any() for frame in found)


def test_an_object_is_not_where_the_user_says_so(folders: dict[type[Sam2FamilyPropagator], Path]) -> None:
    start, gone = boxes([1, 3], frames=FRAMES)
    plain = run(folders, [start], logits=True)
    assert all(frame.masks.any() for frame in plain)
    absent = gone.model_copy(update={"finding": "absent", "xyxy": None})
    found = run(folders, [start, absent], logits=True)
    assert [bool(frame.masks.any()) for frame in found] == [frame != 3 for frame in range(FRAMES)]
    assert [bool(frame.scores[0]) for frame in found] == [frame != 3 for frame in range(FRAMES)]
    assert found[3].logits is not None
    assert (found[3].logits == FAR_LOGIT).all()
    assert all((found[frame].masks == plain[frame].masks).all() for frame in (1, 2))
    assert not any(frame.masks.any() for frame in run(folders, [absent]))


def test_a_gate_empties_the_masks_of_low_scores(folders: dict[type[Sam2FamilyPropagator], Path]) -> None:
    given = boxes([4], frames=FRAMES)
    plain = run(folders, given)
    gated = run(folders, given, gate=0.999)
    assert plain[4].scores[0] > 0.999 > plain[3].scores[0]
    assert plain[3].masks.any()
    assert [bool(each.masks.any()) for each in gated] == [frame == 4 for frame in range(FRAMES)]


def test_logits_are_those_of_the_masks(folders: dict[type[Sam2FamilyPropagator], Path]) -> None:
    given = boxes([4], [4], [2], frames=FRAMES)
    assert all(each.logits is None for each in run(folders, given))
    for each in run(folders, given, logits=True):
        assert each.logits is not None
        whole = interpolate(torch.from_numpy(each.logits.copy())[None], each.masks.shape[1:], mode="bilinear")[0]
        assert (whole.numpy() > 0).tolist() == each.masks.tolist()
    gated = run(folders, given, logits=True, gate=0.999)
    assert all((each.logits == FAR_LOGIT).all() for each in gated if each.logits is not None and not each.masks.any())


def test_the_image_of_the_first_mask_can_be_resized_as_by_the_authors(
    folders: dict[type[Sam2FamilyPropagator], Path],
) -> None:
    def start(**options: Any) -> npt.NDArray[np.float32]:
        first = next(each for each in run(folders, boxes([4], frames=FRAMES), logits=True, **options) if each.frame == 4)
        assert first.logits is not None
        return first.logits

    assert np.abs(start(mask_resize="bilinear") - start()).max() > 0
    same = start(resize="bilinear", mask_resize="bilinear") - start(resize="bilinear")
    assert np.abs(same).max() <= np.abs(start(mask_resize="bilinear") - start()).max() + 1e-3


def test_holes_and_sprinkles_go_where_asked(folders: dict[type[Sam2FamilyPropagator], Path]) -> None:
    given = boxes([4], frames=FRAMES)
    plain = run(folders, given)
    area = 32 * 32
    filled = run(folders, given, fill_holes=area)
    removed = run(folders, given, remove_sprinkles=area)
    assert plain[3].masks.any()
    assert not plain[3].masks.all()
    assert all(each.masks.all() for each in filled)
    assert not any(each.masks.any() for each in removed)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_gives_nearly_the_same(folders: dict[type[Sam2FamilyPropagator], Path], dtype: str) -> None:
    given = boxes([4], frames=FRAMES)
    whole, half = run(folders, given), run(folders, given, dtype=dtype)
    assert half[0].scores[0] != whole[0].scores[0]
    assert half[0].scores[0] == pytest.approx(whole[0].scores[0], abs=0.01)
