"""How ``rules`` reviews masks: by the evidence of the classifier, by color and by motion; a doubt changes no mask."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from alref import Pipeline, Reference
from alref.media.video import Video
from alref.records import BehaviorReview, MaskReview, Phrase, Track
from alref.testing import ArrayVideo, ReviewerContract
from alref.utils.masks import encode_mask
from alref_baseline.class_activation import EvidenceMap
from alref_baseline.reasoners import RulesReasoner

HEIGHT, WIDTH, FRAMES = 96, 160, 10
RED, BLUE = (210, 30, 30), (40, 70, 210)


def make_scene(start: int = 20, end: int = 20, color: tuple[int, int, int] = RED) -> tuple[Video, np.ndarray]:
    """Return a video of a square that moves evenly from one column to another, and its masks."""
    ground = np.random.default_rng(0).integers(90, 130, (HEIGHT, WIDTH, 1), np.uint8).repeat(3, 2)
    frames, masks = np.stack([ground] * FRAMES), np.zeros((FRAMES, HEIGHT, WIDTH), bool)
    for frame, left in enumerate(np.linspace(start, end, FRAMES).round().astype(int)):
        masks[frame, 36:60, left : left + 24] = True
        frames[frame][masks[frame]] = color
    return ArrayVideo(frames), masks


def make_track(text: str, masks: np.ndarray) -> Track:
    rles = tuple(encode_mask(mask) for mask in masks)
    return Track(phrase=Phrase(reference="1", text=text), rles=rles, scores=(1.0,) * len(masks))


def review(text: str, video: Video, masks: np.ndarray) -> MaskReview:
    (made,) = RulesReasoner(RulesReasoner.Options()).review_masks(video, [make_track(text, masks)], [[1, 5]])
    assert made.frames == (1, 5)
    return made


def review_behavior(text: str, *scene: int) -> BehaviorReview:
    video, masks = make_scene(*scene)
    (made,) = RulesReasoner(RulesReasoner.Options()).review_behavior(video, [make_track(text, masks)])
    return made


@pytest.fixture
def evidence(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """Let the classifier see the noun where the square of ``make_scene`` is, with a settable probability."""
    facts = {"probability": 0.9}

    def compute_evidence(video_features: Any, frame: int, classes: Any) -> EvidenceMap:
        height, width = video_features.height // 2, video_features.width // 2
        heatmap = np.zeros((height, width), np.float32)
        heatmap[int(0.45 * height) : int(0.55 * height), int(0.15 * width) : int(0.25 * width)] = 1
        return EvidenceMap(heatmap, facts["probability"])

    monkeypatch.setattr("alref_baseline.review_rules.compute_class_evidence", compute_evidence)
    return facts


def test_the_evidence_confirms_or_contradicts_a_mask(evidence: dict[str, float]) -> None:
    video, masks = make_scene()
    assert review("the dog", video, masks).answers == ("yes", "yes")
    elsewhere = review("the dog", video, np.roll(masks, 90, axis=2))
    assert elsewhere.answers == ("no", "no")
    assert all(elsewhere.reasons)


def test_what_the_classifier_hardly_sees_is_unclear(evidence: dict[str, float]) -> None:
    video, masks = make_scene()
    evidence["probability"] = 0.2
    for given in (masks, np.roll(masks, 90, axis=2)):
        assert review("the dog", video, given).answers == ("unclear", "unclear")


@pytest.mark.parametrize("probability", [0.02, 0.9])
def test_evidence_does_not_say_that_an_object_is_away(evidence: dict[str, float], probability: float) -> None:
    video, masks = make_scene()
    evidence["probability"] = probability
    assert review("the dog", video, np.zeros_like(masks)).answers == ("unclear", "unclear")


def test_another_color_contradicts_a_mask() -> None:
    video, masks = make_scene(color=RED)
    assert review("the blue dog", video, masks).answers == ("no", "no")
    assert review("the red one", video, masks).answers == ("yes", "yes")
    assert review("the doohickey", video, masks).answers == ("unclear", "unclear")


MOTIONS = {
    "the car that moves right": "fits",
    "the car that moves left": "contradicted",
    "the car": "unsure",
    "the car on the left": "unsure",
}


@pytest.mark.parametrize(("text", "verdict"), MOTIONS.items(), ids=MOTIONS)
def test_motion_over_the_video_is_compared_with_the_words(text: str, verdict: str) -> None:
    made = review_behavior(text, 20, 110)
    assert made.verdict == verdict
    assert made.why


@pytest.mark.parametrize("preset", ["baseline", "tracks-baseline"])
def test_a_review_needs_nothing_but_the_embedded_components(preset: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alref_baseline.features.LONG_SIDE", 192)
    video, _ = make_scene(20, 60)
    reference = Reference(id="1", text="the red one")
    with Pipeline(preset) as pipeline:
        plain = pipeline.run(video, [reference])
    with Pipeline(preset, review=2) as pipeline:
        reviewed = pipeline.run(video, [reference])
    assert plain.masks().any()
    assert np.array_equal(plain.masks(), reviewed.masks())
    assert "no" not in {answer for each in reviewed.reviews for answer in each.answers}
    assert reviewed.reviews
    assert reviewed.repairs == ()


class TestRulesReviewer(ReviewerContract):
    @pytest.fixture(autouse=True)
    def _quick(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Look at small images."""
        monkeypatch.setattr("alref_baseline.features.LONG_SIDE", 96)

    def make_component(self) -> RulesReasoner:
        return RulesReasoner(RulesReasoner.Options())
