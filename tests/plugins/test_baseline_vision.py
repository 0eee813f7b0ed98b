"""The embedded proposer and propagator: what they see, what they follow, and the frames that have nothing to see."""

from __future__ import annotations

import gc
import subprocess
import sys
import weakref

import numpy as np
import numpy.typing as npt
import pytest

from alref.records import FrameMasks, Phrase, PivotBox, PivotFrame
from alref.testing import ArrayVideo, PropagatorContract, ProposerContract, make_moving_square, make_square_box
from alref_baseline.features import get_video_features
from alref_baseline.label_tracker import LabelTracker, compute_confidence
from alref_baseline.propagation import TrackedObject
from alref_baseline.vision import ClassEvidenceProposer, LabelPropagator

Mask = npt.NDArray[np.bool_]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at small pictures."""
    monkeypatch.setattr("alref_baseline.features.LONG_SIDE", 320)


def propagated(video: ArrayVideo, boxes: list[PivotBox]) -> dict[int, FrameMasks]:
    return {each.frame: each for each in LabelPropagator(LabelPropagator.Options()).propagate(video, boxes)}


def jaccard(one: Mask, other: Mask) -> float:
    return float((one & other).sum() / max(1, (one | other).sum()))


def pivot(text: str, frame: int = 0, reference: str = "1") -> PivotFrame:
    return PivotFrame(phrase=Phrase(reference=reference, text=text), frame=frame)


def scene(frames: int = 5, size: tuple[int, int] = (96, 160)) -> tuple[ArrayVideo, Mask, Mask]:
    """Make a red disc that moves right and a blue one that moves left, on green noise: the video and both true masks."""
    height, width = size
    noise = np.random.default_rng(1).integers(-12, 12, (height, width, 3))
    down, across = np.mgrid[0:height, 0:width]
    pictures = np.empty((frames, height, width, 3), np.uint8)
    red, blue = np.zeros((2, frames, height, width), bool)
    for index in range(frames):
        pictures[index] = np.clip(np.array([70, 120, 60]) + noise, 0, 255)
        red[index] = (across - 30 - 6 * index) ** 2 + (down - 30) ** 2 < 18**2
        blue[index] = (across - 130 + 6 * index) ** 2 + (down - 68) ** 2 < 18**2
        pictures[index][red[index]], pictures[index][blue[index]] = (210, 25, 30), (25, 40, 200)
    return ArrayVideo(pictures), red, blue


class TestClassEvidenceKeepsItsPromises(ProposerContract):
    frames_together = True

    @pytest.fixture(autouse=True)
    def _tiny(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Look at tiny pictures."""
        monkeypatch.setattr("alref_baseline.features.LONG_SIDE", 96)

    def make_component(self) -> ClassEvidenceProposer:
        return ClassEvidenceProposer(ClassEvidenceProposer.Options())


class TestLabelPropagationKeepsItsPromises(PropagatorContract):
    long_video_length = 500
    """2,000 frames take twenty seconds."""

    @pytest.fixture(autouse=True)
    def _tiny(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Look at tiny pictures, and keep as much less of them."""
        monkeypatch.setattr("alref_baseline.features.LONG_SIDE", 32)
        monkeypatch.setattr("alref_baseline.features._CACHE_BYTES", 4 << 20)

    def make_component(self) -> LabelPropagator:
        return LabelPropagator(LabelPropagator.Options())


@pytest.mark.parametrize("start", [0, 2, 4])
def test_follows_a_mask_forwards_and_backwards(start: int) -> None:
    video, red, _ = scene()
    box = make_square_box(red, start).model_copy(update={"mask": red[start]})
    masks = propagated(video, [box])
    assert min(jaccard(masks[frame].masks[0], red[frame]) for frame in range(5)) > 0.85


def test_finds_the_object_inside_a_box() -> None:
    video, red, _ = scene()
    assert jaccard(propagated(video, [make_square_box(red)])[0].masks[0], red[0]) > 0.9


def test_the_mask_of_a_pivot_is_given_back_as_it_came() -> None:
    video, red, _ = scene()
    odd = red[2].copy()
    odd[::2] = False
    box = make_square_box(red, 2).model_copy(update={"mask": odd})
    assert np.array_equal(propagated(video, [box])[2].masks[0], odd)


def test_objects_with_different_pivots_are_followed_in_one_pass() -> None:
    video, red, blue = scene()
    other = make_square_box(blue, 4, Phrase(reference="2", text="the blue disc"))
    masks = propagated(video, [make_square_box(red, 1), other])
    for frame in range(5):
        assert jaccard(masks[frame].masks[0], red[frame]) > 0.8
        assert jaccard(masks[frame].masks[1], blue[frame]) > 0.8


def test_an_object_that_leaves_has_an_empty_mask_and_no_confidence() -> None:
    video, red, _ = scene()
    pictures = np.stack([video.read_frame(index) for index in range(4)])
    pictures[2:][red[2:4]] = np.roll(pictures[2:], 48, axis=1)[red[2:4]]
    masks = propagated(ArrayVideo(pictures), [make_square_box(red)])
    assert masks[1].masks[0].any()
    assert masks[1].scores[0] > 0.5
    assert not masks[3].masks[0].any()
    assert masks[3].scores[0] == 0


@pytest.mark.parametrize(("cells", "gone"), [(1, True), (60, False)])
def test_a_remnant_of_a_large_object_is_no_object(cells: int, gone: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    video, red, _ = scene(frames=2)
    box = PivotBox(pivot=pivot("the disc"), xyxy=np.array([12, 12, 48, 48]), score=1.0, mask=red[0])
    thing = TrackedObject(video, get_video_features(video), [box])
    label = np.zeros((24, 40), np.float32)
    label.ravel()[:cells] = 1
    monkeypatch.setattr(LabelTracker, "move_to", lambda self, frame: setattr(self, "label", label))
    _, (mask, score) = thing.track_on()
    assert (not mask.any(), score == 0) == (gone, gone)


def test_an_object_at_the_border_is_followed() -> None:
    video, red, _ = scene()
    pictures = np.stack([video.read_frame(index)[:, 20:] for index in range(5)])
    masks = propagated(ArrayVideo(pictures), [make_square_box(red[:, :, 20:])])
    assert jaccard(masks[4].masks[0], red[4, :, 20:]) > 0.8


def test_the_same_input_gives_the_same_masks() -> None:
    first, second = (propagated(scene()[0], [make_square_box(scene()[1])]) for _ in range(2))
    assert all(np.array_equal(first[frame].masks, second[frame].masks) for frame in range(5))


@pytest.mark.parametrize("size", [(16, 16), (9, 300), (40, 24)])
def test_pictures_of_any_size_get_masks_of_their_size(size: tuple[int, int]) -> None:
    pictures = np.random.default_rng(0).integers(0, 255, (2, *size, 3), np.uint8)
    box = PivotBox(pivot=pivot("the thing"), xyxy=np.array([2, 2, 8, 8], np.float32))
    masks = propagated(ArrayVideo(pictures), [box])
    assert masks[0].masks.shape == masks[1].masks.shape == (1, *size)
    assert masks[0].masks[0].any()


def test_one_pixel_is_enough_to_start_from() -> None:
    video, _, _ = scene(2)
    dot = np.zeros((96, 160), bool)
    dot[30, 30] = True
    box = PivotBox(pivot=pivot("the dot"), xyxy=np.array([30, 30, 31, 31], np.float32), mask=dot)
    assert set(propagated(video, [box])) == {0, 1}


def test_a_color_is_told_from_another() -> None:
    video, red, blue = scene()
    proposer = ClassEvidenceProposer(ClassEvidenceProposer.Options())
    for text, truth in (("the red ball", red), ("the blue ball", blue)):
        found = proposer.propose(video, [pivot(text, 2)])[0]
        assert found.masks is not None
        assert jaccard(found.masks[0], truth[2]) > 0.7


def test_no_more_candidates_than_asked_for_and_scores_in_range() -> None:
    options = ClassEvidenceProposer.Options.model_validate({"max_candidates": 1})
    video, _, _ = scene()
    found = ClassEvidenceProposer(options).propose(video, [pivot("the thing", 1)])[0]
    assert len(found) <= 1
    assert ((found.scores >= 0) & (found.scores <= 1)).all()


def test_what_is_not_there_is_not_proposed() -> None:
    video, _ = make_moving_square()
    assert len(ClassEvidenceProposer(ClassEvidenceProposer.Options()).propose(video, [pivot("the elephant")])[0]) == 0


@pytest.mark.parametrize("frames", [1, 3])
@pytest.mark.parametrize("text", ["the dog", "the red thing", "the moving object"])
def test_a_flat_picture_holds_nothing_to_fall_over(frames: int, text: str) -> None:
    video = ArrayVideo(np.full((frames, 48, 64, 3), 128, np.uint8))
    candidates = ClassEvidenceProposer(ClassEvidenceProposer.Options()).propose(video, [pivot(text)])
    assert len(candidates) == 1
    assert candidates[0].masks is None or candidates[0].masks.shape[1:] == (48, 64)


def test_rounding_gives_no_confidence_above_one() -> None:
    assert compute_confidence(np.full((3, 4), np.nextafter(np.float32(1), np.float32(2)))) == 1.0


def test_the_eye_does_not_keep_a_video_alive() -> None:
    video, red, _ = scene(2)
    propagated(video, [make_square_box(red)])
    gone = weakref.ref(video)
    del video
    gc.collect()
    assert gone() is None


def test_importing_the_components_loads_nothing_heavy() -> None:
    code = "import alref_baseline.vision, sys; print(*({'cv2', 'onnx', 'onnxruntime', 'torch'} & set(sys.modules)))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == ""


def test_an_object_has_the_same_masks_alone_and_beside_others() -> None:
    video, red, blue = scene()
    boxes = [make_square_box(red, 1), make_square_box(blue, 3, Phrase(reference="2", text="the blue disc"))]
    together = propagated(video, boxes)
    for number, box in enumerate(boxes):
        alone = propagated(scene()[0], [box])
        assert all(np.array_equal(alone[frame].masks[0], together[frame].masks[number]) for frame in range(5))


def test_an_equal_object_nearby_is_not_taken_too() -> None:
    video, red, _ = scene(8, (96, 240))
    pictures = np.stack([video.read_frame(index) for index in range(8)])
    other = np.roll(red, 60, axis=2)
    pictures[other] = np.roll(pictures, 60, axis=2)[other]
    masks = propagated(ArrayVideo(pictures), [make_square_box(red).model_copy(update={"mask": red[0]})])
    assert not any((masks[frame].masks[0] & other[frame]).any() for frame in range(8))
    assert min(jaccard(masks[frame].masks[0], red[frame]) for frame in range(8)) > 0.8


def test_an_object_that_comes_back_is_found_again_elsewhere() -> None:
    video, red, _ = scene(6, (96, 240))
    pictures = np.stack([video.read_frame(index) for index in range(6)])
    away = np.roll(pictures, 100, axis=2)
    pictures[2:][red[2:]] = away[2:][red[2:]]
    back = np.roll(red, 120, axis=2)
    pictures[4:][back[4:]] = (210, 25, 30)
    masks = propagated(ArrayVideo(pictures), [make_square_box(red).model_copy(update={"mask": red[0]})])
    assert not masks[2].masks[0].any()
    assert not masks[3].masks[0].any()
    assert jaccard(masks[5].masks[0], back[5]) > 0.7


def clicked(text: str, *points: tuple[int, int], labels: list[bool], **fields: object) -> PivotBox:
    made = {"points": np.array(points, np.float32), "point_labels": np.array(labels), "score": 1.0, **fields}
    return PivotBox(pivot=pivot(text), **made)


def test_a_point_grows_to_the_object_around_it() -> None:
    video, red, blue = scene(frames=3)
    for truth, point in ((red, (30, 30)), (blue, (130, 68))):
        found = propagated(video, [clicked("disc", point, labels=[True])])
        assert min(jaccard(found[frame].masks[0], truth[frame]) for frame in range(3)) > 0.7


def test_points_correct_a_mask_that_has_too_much_or_too_little() -> None:
    video, red, blue = scene(frames=1)
    both = red[0] | blue[0]
    less = propagated(video, [clicked("red", (130, 68), labels=[False], mask=both)])[0].masks[0]
    assert jaccard(less, red[0]) > 0.95
    half = red[0] & (np.arange(160) < 30)
    more = propagated(video, [clicked("red", (40, 30), labels=[True], mask=half)])[0].masks[0]
    assert jaccard(more, red[0]) > jaccard(half, red[0]) + 0.1
    assert (half & ~more).sum() == 0


@pytest.mark.parametrize("missing", [3, 8, 14])
def test_a_point_adds_the_missing_part_and_nothing_around_the_rest(missing: int) -> None:
    video, red, _ = scene(frames=1)
    less = red[0] & (np.arange(160) < 48 - missing)
    more = propagated(video, [clicked("red", (47 - missing // 2, 30), labels=[True], mask=less)])[0].masks[0]
    assert jaccard(more, red[0]) > jaccard(less, red[0])
    assert (more & ~red[0] & (np.arange(160) < 30)).sum() == 0


def test_an_object_is_absent_until_it_is_given_again() -> None:
    video, red, _ = scene(frames=6)
    start = PivotBox(pivot=pivot("red"), xyxy=[12, 12, 49, 49], mask=red[0], score=1.0)
    gone = PivotBox(pivot=pivot("red", 3), finding="absent")
    found = propagated(video, [start, gone])
    assert jaccard(found[1].masks[0], red[1]) > 0.8
    assert not any(found[frame].masks.any() for frame in (3, 4, 5))
    again = PivotBox(pivot=pivot("red", 5), xyxy=[42, 12, 79, 49], mask=red[5], score=1.0)
    both = propagated(video, [start, gone, again])
    assert not both[4].masks.any()
    assert jaccard(both[5].masks[0], red[5]) > 0.95


def test_each_frame_follows_the_nearest_known_frame() -> None:
    video, red, blue = scene(frames=6)
    right = PivotBox(pivot=pivot("disc"), xyxy=[12, 12, 49, 49], mask=red[0], score=0.5)
    other = PivotBox(pivot=pivot("disc", 5), xyxy=[82, 50, 119, 87], mask=blue[5], score=1.0)
    for boxes in ([right, other], [right.model_copy(update={"score": 1.0}), other]):
        found = propagated(video, boxes)
        assert min(jaccard(found[frame].masks[0], red[frame]) for frame in (1, 2)) > 0.8
        assert min(jaccard(found[frame].masks[0], blue[frame]) for frame in (3, 4)) > 0.8


def test_an_absence_counts_from_its_frame_on() -> None:
    video, red, _ = scene(frames=6)
    start = PivotBox(pivot=pivot("red"), xyxy=[12, 12, 49, 49], mask=red[0], score=1.0)
    found = propagated(video, [start, PivotBox(pivot=pivot("red", 3), finding="absent")])
    assert [bool(found[frame].masks.any()) for frame in range(6)] == [True] * 3 + [False] * 3
    later = PivotBox(pivot=pivot("red", 5), xyxy=[42, 12, 79, 49], mask=red[5], score=1.0)
    found = propagated(video, [PivotBox(pivot=pivot("red", 1), finding="absent"), later])
    assert [bool(found[frame].masks.any()) for frame in range(6)] == [False] * 4 + [True] * 2


def test_passes_in_both_directions_are_merged_for_each_object() -> None:
    video, red, blue = scene(frames=6)
    boxes = [
        PivotBox(pivot=pivot("red", 5), xyxy=[42, 12, 79, 49], mask=red[5], score=1.0),
        PivotBox(pivot=pivot("blue", 0, "2"), xyxy=[112, 50, 149, 87], mask=blue[0], score=1.0),
        PivotBox(pivot=pivot("blue too", 3, "3"), xyxy=[94, 50, 131, 87], mask=blue[3], score=1.0),
    ]
    found = propagated(video, boxes)
    for frame in range(6):
        overlaps = [jaccard(*pair) for pair in zip(found[frame].masks, (red[frame], blue[frame], blue[frame]), strict=True)]
        assert min(overlaps) > 0.7, f"frame {frame}: {overlaps}"
