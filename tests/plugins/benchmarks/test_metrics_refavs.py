"""Ref-AVS: the measures of AVSBench with settings of its own, and S of its null split."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

import support.reference_metrics as plain
from alref.errors import InputError
from alref_benchmarks.metrics import EvaluationProtocol, get_metric
from alref_benchmarks.metrics.refavs import RefAvsMetric
from support.metric_samples import Array, clip_with_sound, numbers_of, one, scored

REFAVS, NULL = get_metric("ref-avs"), get_metric("ref-avs-null")


def ref_avs_cases(count: int = 5) -> tuple[list[Array], list[Array]]:
    cases = [clip_with_sound(seed, frames=1, side=64) for seed in range(count)]
    return [case[0] for case in cases], [case[1] for case in cases]


def test_ref_avs_takes_four_expressions_at_a_time() -> None:
    """The last call has one; both calls weigh the same, J is foreground above 0.4, all on 256x256 pixels."""
    truths, logits = ref_avs_cases()
    large = [np.array([cv2.resize(frame * 255, (256, 256)) > 0 for frame in truth], np.float32) for truth in truths]
    found = [np.array([cv2.resize(frame, (256, 256)) for frame in each]) for each in logits]
    calls = [
        (torch.from_numpy(np.concatenate(found[part])), torch.from_numpy(np.concatenate(large[part])))
        for part in (slice(4), slice(4, 5))
    ]
    regions = np.mean([plain.mask_iou(*call, threshold=0.4) for call in calls])
    tops = np.mean([plain.f_measure(torch.sigmoid(call[0]), call[1]) for call in calls])
    numbers = scored(REFAVS, truths, logits).metrics
    assert numbers == pytest.approx({"J&F": (regions + tops) / 2, "J": regions, "F": tops}, abs=1e-6)
    assert scored(RefAvsMetric(1), truths, logits).metrics["F"] != numbers["F"]


def test_ref_avs_follows_the_official_order() -> None:
    truths, logits = ref_avs_cases()
    cases = [one(REFAVS, *pair, case=str(place), place=place) for place, pair in enumerate(zip(truths, logits, strict=True))]
    assert REFAVS.summarize_scores(cases[::-1]) == REFAVS.summarize_scores(cases)


def test_ref_avs_squeezes_what_was_predicted_elsewhere() -> None:
    truth = np.zeros((2, 512, 300), np.uint8)
    truth[:, 100:300, 60:200] = 1
    assert numbers_of(REFAVS, truth, truth > 0)["J&F"] > 0.97


def test_pixels_that_are_sure_are_squeezed_as_logits_are() -> None:
    truth = np.zeros((2, 512, 300), np.uint8)
    truth[:, 100:303, 60:201] = 1
    for way, true in ((REFAVS, truth), (NULL, truth * 0)):
        high, infinite = (np.where(truth, np.float32(sure), np.float32(-sure)) for sure in (1e4, np.inf))
        assert numbers_of(way, true, infinite) == numbers_of(way, true, high)


def test_null_split_is_the_root_of_the_share_predicted() -> None:
    """By calls of four expressions: one with a quarter of its pixels in one expression, one with all."""
    nothing = np.zeros((2, 256, 256), np.uint8)
    quarter, logits = nothing.copy(), nothing - np.float32(3)
    quarter[:, :128, :128] = 1
    predicted = [quarter, nothing, logits, nothing, nothing + 1]
    table = scored(NULL, [nothing] * 5, predicted)
    assert table.metrics == {"S": pytest.approx(((0.25 / 4) ** 0.5 + 1) / 2, abs=1e-7)}


@pytest.mark.parametrize("logit", [-0.2, 0.0, 0.2])
def test_null_split_has_logits_above_0_as_foreground(logit: float) -> None:
    nothing = np.zeros((1, 256, 256), np.uint8)
    assert numbers_of(NULL, nothing, nothing + np.float32(logit))["S"] == (logit > 0)


def test_masks_are_squeezed_by_the_nearest_pixel() -> None:
    mask = np.random.default_rng(0).uniform(size=(300, 512)) < 0.3
    squeezed = cv2.resize(mask.view(np.uint8), (256, 256), interpolation=cv2.INTER_NEAREST)
    assert numbers_of(NULL, [mask & False], [mask])["S"] == pytest.approx(squeezed.mean() ** 0.5, abs=1e-6)


@pytest.mark.parametrize("way", [REFAVS, NULL])
def test_results_may_have_the_size_of_the_official_test(way: EvaluationProtocol) -> None:
    truth, found = np.random.default_rng(0).uniform(size=(2, 2, 300, 512)) < 0.3
    squeezed = [cv2.resize(mask.view(np.uint8), (256, 256), interpolation=cv2.INTER_NEAREST) for mask in found]
    assert numbers_of(way, truth, squeezed) == numbers_of(way, truth, found)
    with pytest.raises(InputError, match=r"256x256.*300x512.*299x512"):
        one(way, truth, found[:, 1:])
