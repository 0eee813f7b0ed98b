"""MeViS and Ref-YouTube-VOS: means over expressions, and what is missing counted as the official evaluator counts it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from math import isnan
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from pycocotools import mask as coco

from alref.errors import InputError
from alref.evaluation.bootstrap import estimate_interval
from alref_benchmarks.metrics import Case, VideoScores, get_metric
from support.metric_samples import GOLDEN, Array, numbers_of, official, one, small

MEVIS, YOUTUBE = get_metric("mevis"), get_metric("ref-youtube-vos")
VALID = GOLDEN / "mevis" / "valid_u"


def golden_cases(video: str, entry: Any, masks: Any) -> Iterator[Case]:
    for name, expression in entry["expressions"].items():
        frames = [[masks[str(number)][frame] for number in expression["anno_id"]] for frame in range(len(entry["frames"]))]
        folder = GOLDEN / "mevis_results" / video
        predicted = [gray(folder / name / f"{frame}.png") for frame in entry["frames"]] if folder.exists() else None
        size = next(rle["size"] for frame in frames for rle in frame if rle)
        yield Case(f"{video}_{name}", [union(rles, size) for rles in frames], predicted)


def gray(path: Path) -> Array:
    image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    assert image is not None
    return image


def union(rles: list[Any], size: tuple[int, int]) -> Array:
    masks = [coco.decode(rle) for rle in rles if rle]
    return np.any([np.zeros(size), *masks], axis=0)


def test_official_scores() -> None:
    expected = official("mevis_scores.json")
    meta = json.loads((VALID / "meta_expressions.json").read_text(encoding="utf-8"))["videos"]
    masks = json.loads((VALID / "mask_dict.json").read_text(encoding="utf-8"))
    videos = [MEVIS.score_video(video, golden_cases(video, entry, masks)) for video, entry in meta.items()]
    numbers = MEVIS.summarize_scores(videos).metrics
    assert numbers["J"] == pytest.approx(expected["J"], abs=1e-9)
    assert numbers["F"] == pytest.approx(expected["F"], abs=1e-9)
    assert numbers["J&F"] == pytest.approx(expected["JF"], abs=1e-9)
    assert (numbers["dropped"], numbers["J&F-strict"]) == (0, numbers["J&F"])
    for part in (part for video in videos for part in video.objects):
        alone = MEVIS.summarize_scores([VideoScores(protocol="mevis", video="", objects=(part,))]).metrics
        assert [alone["J"], alone["F"]] == pytest.approx(expected["per_expression"][part.case], abs=1e-9)


def test_small_cases() -> None:
    masks, expected = small()
    for video, scores in expected["masks"].items():
        frames = [masks[f"davis-{video}-{kind}"] == 1 for kind in ("truth", "predicted")]
        for way in (MEVIS, YOUTUBE):
            numbers = numbers_of(way, *frames)
            assert [numbers["J"], numbers["F"]] == pytest.approx(scores, abs=1e-9)


def square(frames: int = 4) -> Array:
    masks = np.zeros((frames, 20, 30), np.uint8)
    masks[:, 4:9, 5:12] = 1
    return masks


NOTHING = np.zeros_like(square())


def scores_of(*cases: tuple[Any, Any]) -> dict[str, float]:
    named = [Case(str(number), truth, predicted) for number, (truth, predicted) in enumerate(cases)]
    return MEVIS.summarize_scores([MEVIS.score_video("clip", named)]).metrics


def test_any_value_but_zero_is_foreground() -> None:
    for found in (square() * 255, square() > 0, square().astype(np.uint16) * 300):
        assert numbers_of(YOUTUBE, square(), found) == {"J&F": 1, "J": 1, "F": 1}


def test_a_video_that_is_missing_scores_nothing() -> None:
    numbers = scores_of((square(), square()), (square(), None), (NOTHING, None))
    assert numbers["J&F"] == pytest.approx(1 / 3)
    assert numbers["dropped"] == 0
    assert (numbers["N-acc"], numbers["T-acc"]) == (0, 0.5)


@pytest.mark.parametrize("found", [[], [*square(3)], [None, *square(3)], [*square(2), None, square()[0]]])
def test_an_expression_with_a_missing_frame_leaves_the_official_mean(found: list[Any]) -> None:
    numbers = scores_of((square(), square()), (square(), found))
    assert (numbers["J&F"], numbers["dropped"], numbers["J&F-strict"], numbers["T-acc"]) == (1, 1, 0.5, 0.5)


def test_nothing_is_left_when_all_expressions_lack_a_frame() -> None:
    numbers = scores_of((square(), []))
    assert isnan(numbers["J&F"])
    assert (numbers["J&F-strict"], numbers["dropped"]) == (0, 1)


def test_an_expression_that_is_dropped_is_not_in_the_interval_either() -> None:
    half = np.concatenate([square(2), NOTHING[:2]])
    whole = MEVIS.score_video("whole", [Case("0", square(), half)])
    lacking = [Case("0", square(), square()), Case("1", square(), [])]
    videos = [whole, MEVIS.score_video("lacking", lacking), MEVIS.score_video("empty", lacking[1:])]
    number = MEVIS.summarize_scores(videos).metrics["J&F"]
    assert number == 0.75
    assert estimate_interval(MEVIS, videos).value == number


def test_masks_are_no_probabilities() -> None:
    for way in (MEVIS, YOUTUBE):
        with pytest.raises(InputError, match=r"clip, 0: .*float64"):
            one(way, square(), square() / 2)


def test_accuracies_ask_whether_anything_was_predicted() -> None:
    hidden = np.concatenate([NOTHING[:3], square(1)])
    wrong = np.roll(square(), 9, axis=2)
    numbers = scores_of((NOTHING, NOTHING), (NOTHING, hidden), (NOTHING, square()), (hidden, wrong), (square(), NOTHING))
    assert (numbers["N-acc"], numbers["T-acc"]) == (pytest.approx(1 / 3), 0.5)
    assert isnan(scores_of((square(), square()))["N-acc"])


def test_frames_that_the_truth_lacks_do_not_count() -> None:
    assert scores_of((square(3), square(5)))["J&F"] == 1


def test_expressions_weigh_the_same_however_many_frames_they_have() -> None:
    videos = [one(MEVIS, square(1), square(1)), one(MEVIS, square(9), NOTHING[:1].repeat(9, axis=0))]
    assert MEVIS.summarize_scores(videos).metrics["J"] == 0.5


def test_ref_youtube_vos_wants_every_frame() -> None:
    for found, message in (
        (None, "got none"),
        ([*square(3)], "frame 3 has no predicted mask"),
        ([None], "frame 0 has no predicted"),
    ):
        with pytest.raises(InputError, match=message):
            one(YOUTUBE, square(), found)


def test_masks_of_another_size_are_refused() -> None:
    with pytest.raises(InputError, match=r"clip, 0, frame 0: .*20x30"):
        one(MEVIS, square(), square()[:, 1:])


def test_an_expression_without_true_masks_is_dropped_and_in_no_accuracy() -> None:
    numbers = scores_of(([], square()), (square(), square()))
    assert (numbers["J&F"], numbers["dropped"], numbers["T-acc"]) == (1, 1, 1)
    assert isnan(numbers["N-acc"])
