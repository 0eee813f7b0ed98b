"""Grounding: where a phrase is found, on which frames, and when it is said to be nowhere."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from alref.media.reader import open_video
from alref.testing import ArrayVideo, make_moving_square
from alref_baseline.grammar import parse_description
from alref_baseline.grounding import GroundingQuery, find_grounding, rank_frames, sample_indices
from alref_baseline.region_score import score_region
from alref_baseline.regions import Region

CLIPS = Path(__file__).parents[2] / ".." / "shared" / "data" / "clips"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at small pictures."""
    monkeypatch.setattr("alref_baseline.features.LONG_SIDE", 320)


def region(left: float, top: float, size: float = 0.2, score: float = 1.0, moving: float = 0.0) -> Region:
    return Region(
        frame=0,
        mask=np.ones((2, 2), bool),
        score=score,
        color_share=1.0,
        part_color_share=1.0,
        motion_strength=moving,
        velocity=(0.01 if moving else 0.0, 0.0),
        area=size * size,
        box=(left, top, left + size, top + size),
        edge_contrast=10.0,
    )


LEFT, MIDDLE, RIGHT = region(0.0, 0.4, 0.15), region(0.4, 0.4), region(0.75, 0.4, 0.25, moving=1.0)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("the cup on the left", LEFT),
        ("the cup on the right", RIGHT),
        ("the cup in the middle", MIDDLE),
        ("the second cup from the left", MIDDLE),
        ("the third cup from the left", RIGHT),
        ("the rightmost cup", RIGHT),
        ("the smallest cup", LEFT),
        ("the biggest cup", RIGHT),
        ("the moving cup", RIGHT),
        ("the cup moving to the right", RIGHT),
    ],
)
def test_words_of_place_order_size_and_motion_choose_between_equals(text: str, meant: Region) -> None:
    rivals = [LEFT, MIDDLE, RIGHT]
    best = max(rivals, key=lambda one: score_region(one, rivals, parse_description(text)))
    assert rivals.index(best) == rivals.index(meant)


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
