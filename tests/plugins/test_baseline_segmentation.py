"""DeepLab as an ONNX graph, and what the baseline makes of its classes."""

from __future__ import annotations

import numpy as np
import pytest

from alref import open_video
from alref_baseline.class_activation import EvidenceMap, add_segments
from alref_baseline.deeplab import DeepLab
from alref_baseline.features import VideoFeatures, get_video_features
from alref_baseline.grammar import parse_description
from alref_baseline.grounding import rate_rival
from alref_baseline.lexicon import SEGMENT_CLASSES, look_up_noun
from alref_baseline.regions import Region
from alref_baseline.weights import SEGMENTER

OF_LITERT = {
    (0, 0, 0): 18.1903,
    (20, 32, 20): 9.0040,
    (0, 16, 5): 22.2928,
    (5, 16, 5): 12.3074,
    (15, 16, 5): 9.7839,
    (11, 16, 5): -3.3499,
}
"""Scores (class, row, column) that LiteRT 2.3 computes from the same file for the image of the test."""


def make_image(height: int, width: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Make an image with a pattern of all values."""
    return ((np.linspace(0, 255, height * width * 3).reshape(height, width, 3) * 7) % 256).astype(np.uint8)


def test_class_scores_are_those_of_litert() -> None:
    scores = DeepLab(SEGMENTER.read()).compute_class_scores(make_image(257, 257))
    assert scores.shape == (len(SEGMENT_CLASSES), 33, 33)
    for place, expected in OF_LITERT.items():
        assert scores[place] == pytest.approx(expected, abs=2e-3)


def test_an_image_of_another_size_has_a_score_for_each_eighth_pixel() -> None:
    assert DeepLab(SEGMENTER.read()).compute_class_scores(make_image(113, 209)).shape == (21, 15, 27)


def name_classes(numbers: tuple[int, ...]) -> set[str]:
    """Return the names of classes."""
    return {SEGMENT_CLASSES[number] for number in numbers}


@pytest.mark.parametrize(
    ("noun", "own"),
    [
        ("dancer", {"person"}),
        ("puppies", {"dog"}),
        ("taxi", {"car"}),
        ("vehicle", {"aeroplane", "bus", "car", "motorbike", "train"}),
        ("bicycle", set()),
        ("zebra", set()),
        ("cup", set()),
    ],
)
def test_a_noun_has_the_classes_that_it_names(noun: str, own: set[str]) -> None:
    assert name_classes(look_up_noun(noun).segments) == own


def test_the_kin_of_a_noun_are_the_other_classes_of_its_group() -> None:
    assert "horse" in name_classes(look_up_noun("zebra").kin)
    assert "dog" not in name_classes(look_up_noun("dog").kin)
    assert not look_up_noun("cup").kin
    assert not look_up_noun("man").kin


@pytest.fixture
def features(monkeypatch: pytest.MonkeyPatch) -> VideoFeatures:
    """Return the features of a video in whose left half the network sees a dog, and in the right half a bit of a horse."""
    video_features = get_video_features(open_video(np.zeros((2, 96, 192, 3), np.uint8)))
    maps = np.zeros((21, video_features.rows, video_features.columns), np.float32)
    half = video_features.columns // 2
    maps[SEGMENT_CLASSES.index("dog"), :, :half] = 0.9
    maps[SEGMENT_CLASSES.index("horse"), :, half:] = 0.8
    monkeypatch.setattr(video_features, "get_segments", lambda frame: maps)
    return video_features


def find_evidence(features: VideoFeatures, noun: str, seen: float) -> EvidenceMap:
    """Return the evidence where the classifier sees a noun everywhere with a probability."""
    size = features.height // 2, features.width // 2
    return add_segments(features, 0, look_up_noun(noun), EvidenceMap(np.full(size, seen, np.float32), seen))


def test_what_the_network_sees_is_evidence_with_an_extent(features: VideoFeatures) -> None:
    found = find_evidence(features, "dog", 0.1)
    half = features.width // 4
    assert found.probability > 0.85
    assert found.heatmap[:, : half - 8].min() > 5 * found.heatmap[:, half + 8 :].max()
    assert found.extent is not None
    assert found.extent.shape == (features.rows, features.columns)


def test_kin_counts_as_far_as_the_classifier_sees_the_noun(features: VideoFeatures) -> None:
    sure, unsure = (find_evidence(features, "zebra", seen) for seen in (0.9, 0.1))
    assert sure.extent is not None
    assert unsure.extent is None
    assert unsure.probability < 0.3


def test_the_classifier_alone_is_trusted_less_for_what_the_network_knows(features: VideoFeatures) -> None:
    assert find_evidence(features, "person", 0.8).probability < 0.5


def make_region(left: int, score: float) -> Region:
    """Make a region of one frame, whose evidence is ``score``."""
    mask = np.zeros((12, 24), bool)
    mask[2:10, left : left + 4] = True
    box = (left / 24, 2 / 12, (left + 4) / 24, 10 / 12)
    return Region(0, mask, score, 1.0, 1.0, 0.0, (0.0, 0.0), float(mask.mean()), box, 10.0)


@pytest.mark.parametrize(("score", "rate"), [(0.2, 0.0), (0.75, 0.5), (1.0, 1.0)])
def test_another_thing_that_fits_about_as_well_is_a_rival(score: float, rate: float) -> None:
    best, other = make_region(2, 1.0), make_region(14, score)
    assert rate_rival(best, [best, other], parse_description("the man")) == pytest.approx(rate)


def test_what_overlaps_is_not_a_rival() -> None:
    best = make_region(2, 1.0)
    assert rate_rival(best, [best, make_region(3, 1.0)], parse_description("the man")) == 0
