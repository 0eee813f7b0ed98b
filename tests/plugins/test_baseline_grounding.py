"""Grounding: where a phrase is found, on which frames, and when it is said to be nowhere."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from alref.media.reader import open_video
from alref.testing import ArrayVideo, make_moving_square
from alref_baseline.grounding import GroundingQuery, find_grounding, rank_frames, sample_indices
from alref_baseline.region_ranking import ScoredRegion
from alref_baseline.region_score import FOUND_CONFIDENCE, estimate_confidence
from alref_baseline.regions import Region, join_stacked, split_touching

CLIPS = Path(__file__).parents[2] / ".." / "shared" / "data" / "clips"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at small pictures."""
    monkeypatch.setattr("alref_baseline.features.LONG_SIDE", 320)


@pytest.mark.parametrize("count", [1, 2, 3, 8, 500])
def test_frames_are_sampled_inside_the_video_and_evenly(count: int) -> None:
    frames = sample_indices(count)
    assert frames == sorted(set(frames))
    assert 0 <= frames[0] <= frames[-1] < count
    assert len(frames) <= 8
    steps = np.diff(frames)
    assert not len(steps) or steps.max() - steps.min() <= 1


def test_the_best_frames_come_first_and_say_why() -> None:
    video, _ = make_moving_square()
    ranked = rank_frames(video, GroundingQuery("the red square"))
    scores = [score for _, score, _ in ranked]
    assert scores == sorted(scores, reverse=True)
    assert 0 < scores[0] <= 1
    assert all("% of the frame" in why for _, _, why in ranked)


def test_a_frame_that_is_asked_for_is_looked_at() -> None:
    video, truth = make_moving_square(frames=20)
    asked = next(frame for frame in range(20) if frame not in sample_indices(20))
    found = find_grounding(video, GroundingQuery("the red square"), [asked]).get_regions(asked)
    left, top, right, bottom = found[0].region.box
    assert truth[asked, round((top + bottom) / 2 * 96), round((left + right) / 2 * 128)]


def test_without_class_color_or_motion_nothing_is_claimed() -> None:
    video = ArrayVideo(np.random.default_rng(0).integers(0, 255, (1, 48, 64, 3), np.uint8))
    assert find_grounding(video, GroundingQuery("the thing")).is_absent
    assert rank_frames(video, GroundingQuery("the thing")) == []


@pytest.mark.parametrize(("clip", "text", "absent"), [("coffee", "the cup", False), ("coffee", "the elephant", True)])
def test_real_things_are_told_from_those_that_are_not_there(clip: str, text: str, absent: bool) -> None:
    folder = CLIPS / clip / "frames"
    if not folder.is_dir():
        pytest.skip(f"no clip at {folder}")
    assert find_grounding(open_video(folder), GroundingQuery(text)).is_absent is absent


def test_sharp_frames_are_better_to_start_from_than_blurred_ones() -> None:
    sharp, _ = make_moving_square(frames=8)
    frames = [cv2.GaussianBlur(frame, (0, 0), 4) if index < 4 else frame for index, frame in sharp.read_frames()]
    grounding = find_grounding(ArrayVideo(np.stack(frames)), GroundingQuery("the red square"))
    outlines = {frame: grounding.get_regions(frame)[0].region.edge_contrast for frame in range(1, 7)}
    assert max(outlines[frame] for frame in (1, 2, 3)) < min(outlines[frame] for frame in (4, 5, 6))
    assert grounding.scored_regions[0].region.frame >= 4


def test_touching_discs_are_split_and_one_disc_is_not() -> None:
    rows, columns = np.indices((60, 120))
    one, other = (np.hypot(rows - 30, columns - middle) < 22 for middle in (38, 78))
    parts = split_touching(one | other)
    assert len(parts) == 2
    assert sorted(int((part & one).sum() > (part & other).sum()) for part in parts) == [0, 1]
    assert np.array_equal(parts[0] | parts[1], one | other)
    assert len(split_touching(one)) == 1


def test_a_waist_does_not_split_a_person_and_a_neighbor_is_another_one() -> None:
    rows, columns = np.indices((100, 120))
    chest, legs, neighbor = (
        (np.abs(rows - row) < 20) & (np.abs(columns - column) < 15) for row, column in ((25, 30), (70, 33), (50, 80))
    )
    people = join_stacked([chest, neighbor, legs])
    assert sorted(int(person.sum()) for person in people) == sorted([int(neighbor.sum()), int((chest | legs).sum())])


def test_confidence_grows_with_agreement_and_evidence() -> None:
    sure, apart, faint = (estimate_confidence(*values, area=0.1) for values in ((0.8, 1.0), (0.1, 1.0), (0.8, 0.3)))
    assert sure > FOUND_CONFIDENCE > max(apart, faint)
    assert estimate_confidence(1.0, 1.0, area=0.7) < FOUND_CONFIDENCE


@pytest.mark.parametrize(("area", "taken"), [(0.3, True), (0.9, False)])
def test_what_looks_alike_is_not_the_background(area: float, taken: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    found = iter([(0.05, 0.1), (area, 0.9)])

    def score_regions(eye: object, regions: list[Region], *others: object) -> list[ScoredRegion]:
        size, agreement = next(found)
        return [ScoredRegion(replace(regions[0], area=size), 1.0, agreement, 1.0)]

    monkeypatch.setattr("alref_baseline.grounding.score_regions", score_regions)
    grounding = find_grounding(open_video(CLIPS / "coffee" / "frames"), GroundingQuery("the cup"))
    best = grounding.scored_regions[0]
    assert best.region.area == (area if taken else 0.05)
    assert grounding.confidence == estimate_confidence(best.agreement, grounding.evidence, best.region.area)


def test_what_looks_alike_is_found_on_frames_without_a_region_too() -> None:
    from alref.testing import make_moving_square
    from alref_baseline.features import get_video_features
    from alref_baseline.look_alikes import compute_likeness

    video, truth = make_moving_square(frames=3)
    features = get_video_features(video)
    labels = compute_likeness(features, {0: truth[0]}, [0, 1, 2])
    assert labels.keys() == {0, 1, 2}
    assert all(label.shape == (features.rows, features.columns) for label in labels.values())
