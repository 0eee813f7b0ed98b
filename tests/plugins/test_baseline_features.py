"""Features of a window of a frame: cheaper than those of the whole frame, nearly the same, and shared by all objects in it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from alref.media.video import Frame
from alref.records import Phrase
from alref.testing import ArrayVideo, make_square_box
from alref_baseline.efficientnet import EfficientNetLite, FloatArray
from alref_baseline.features import VideoFeatures
from alref_baseline.neighbor_search import Roi
from alref_baseline.vision import LabelPropagator


def make_video(frames: int = 1) -> ArrayVideo:
    """Make a video of smooth noise, 768 x 432 pixels."""
    noise = np.random.default_rng(0).integers(0, 256, (frames, 27, 48, 3), np.uint8)
    return ArrayVideo(np.stack([cv2.resize(image, (768, 432), interpolation=cv2.INTER_CUBIC) for image in noise]))


def test_a_window_contains_the_cells_with_context_and_its_features_are_nearly_those_of_the_frame() -> None:
    video = make_video()
    features, roi = VideoFeatures(video), Roi(20, 30, 41, 60)
    window = features.find_window(roi)
    assert window.contains(Roi(16, 34, 37, 64))
    part = features.get_window_features(0, window)[roi.shift_into(window).index]
    whole = features.get_features(0)[roi.index]
    assert float((part * whole).sum(axis=2).min()) > 0.9


def test_a_window_at_the_border_ends_there_and_a_large_one_is_the_whole_frame() -> None:
    video = make_video()
    features = VideoFeatures(video)
    assert features.find_window(Roi(0, 10, 0, 10)) == Roi(0, 16, 0, 16)
    assert features.find_window(Roi(44, 54, 86, 96)) == Roi(40, 54, 80, 96)
    whole = features.find_window(Roi(2, 50, 2, 90))
    assert whole == Roi(0, 54, 0, 96)
    assert np.array_equal(features.get_window_features(0, whole), features.get_features(0))


def test_a_small_object_costs_a_part_of_each_frame_and_two_in_one_place_share_it(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[tuple[int, ...]] = []
    extract = EfficientNetLite.extract_features

    def count_pixels(self: EfficientNetLite, image: Frame) -> tuple[FloatArray, FloatArray]:
        sizes.append(image.shape)
        return extract(self, image)

    monkeypatch.setattr(EfficientNetLite, "extract_features", count_pixels)
    mask = np.zeros((3, 432, 768), bool)
    mask[:, 200:260, 300:380] = True
    box = make_square_box(mask).model_copy(update={"mask": mask[0]})
    other = box.model_copy(update={"pivot": box.pivot.model_copy(update={"phrase": Phrase(reference="2", text="it")})})
    counts = []
    for boxes in ([box], [box, other]):
        video = ArrayVideo(np.repeat(make_video().read_frame(0)[None], 3, axis=0))
        sizes.clear()
        found = list(LabelPropagator(LabelPropagator.Options()).propagate(video, boxes))
        assert all(np.array_equal(each.masks[0], each.masks[-1]) for each in found)
        assert sizes[0][:2] == (432, 768)
        assert all(np.prod(size[:2]) < 0.4 * 432 * 768 for size in sizes[1:])
        counts.append(len(sizes))
    assert counts[0] == counts[1]
