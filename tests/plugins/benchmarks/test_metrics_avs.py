"""M_J and M_F of AVSBench, by the official test and by the published system's: float32 digits included."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import support.reference_metrics as plain
from alref.errors import InputError
from alref.evaluation.bootstrap import estimate_interval
from alref_benchmarks.metrics import EvaluationProtocol, get_metric
from alref_benchmarks.metrics.avs import AvsBenchMetric
from alref_benchmarks.metrics.means import compute_sequential_mean, compute_torch_mean
from alref_benchmarks.metrics.threshold_curve import THRESHOLDS, apply_sigmoid
from support.metric_samples import GOLDEN, Array, clip_with_sound, numbers_of, official, one, scored, small

BENCH, FRAMES, REFAVS, NULL = map(get_metric, ("avs-avsbench", "avs-alref", "ref-avs", "ref-avs-null"))


def golden() -> tuple[Array, Array]:
    with np.load(GOLDEN / "avs.npz") as file:
        return file["gt"], file["logits_x8"].astype(np.float32) / 8


@pytest.mark.parametrize("batch", [1, 4, 24])
def test_official_scores(batch: int) -> None:
    expected = official("avs_scores.json")["batch"][str(batch)]
    assert scored(AvsBenchMetric(batch), *golden()).metrics == pytest.approx(expected, abs=1e-9)


def test_official_scores_of_each_clip() -> None:
    expected = official("avs_scores.json")
    tables = [numbers_of(BENCH, *clip) for clip in zip(*golden(), strict=True)]
    assert [table["M_J"] for table in tables] == pytest.approx(expected["per_clip_J"], abs=1e-9)
    assert [table["M_F"] for table in tables] == pytest.approx(expected["per_clip_F"], abs=1e-9)


def test_scores_of_the_published_system() -> None:
    expected = official("avs_scores.json")["alref_binary_per_frame"]
    truth, logits = golden()
    metrics = scored(FRAMES, truth, logits).metrics
    assert metrics["M_J"] == pytest.approx(expected["M_J"], abs=5e-7)  # the golden mean is in float64, the program's in float32
    assert metrics["M_F"] == pytest.approx(expected["M_F"], abs=1e-9)
    assert scored(FRAMES, truth, logits > 0) == scored(FRAMES, truth, logits)
    frames = [
        numbers_of(FRAMES, [each], [found])
        for each, found in zip(truth.reshape(-1, 64, 64), logits.reshape(-1, 64, 64), strict=True)
    ]
    assert [frame["M_J"] for frame in frames] == pytest.approx(expected["J"], abs=1e-9)
    assert [frame["M_F"] for frame in frames] == pytest.approx(expected["F"], abs=1e-9)


def test_small_cases() -> None:
    masks, expected = small()
    truth, logits = masks["avs-truth"], masks["avs-logits"].astype(np.float32) / 8
    tables = [numbers_of(BENCH, *clip) for clip in zip(truth, logits, strict=True)]
    assert [[table["M_J"], table["M_F"]] for table in tables] == [
        pytest.approx(each, abs=1e-9) for each in expected["avs"]["avs-avsbench"]
    ]
    whole = scored(FRAMES, truth, logits).metrics
    assert [whole["M_J"], whole["M_F"]] == pytest.approx(expected["avs"]["avs-alref"], abs=1e-7)


def test_frames_of_the_published_system_are_added_one_by_one_in_float32() -> None:
    """To the last digit: 700 frames, whose exact mean has other digits."""
    random = np.random.default_rng(3)
    truth, found = random.uniform(size=(2, 700, 9, 11)) < 0.4
    total = np.float32(0)
    for each, mask in zip(truth, found, strict=True):
        total += np.float32(np.sum(each & mask)) / (np.float32(np.sum(each | mask)) + np.float32(1e-7))
    assert numbers_of(FRAMES, truth, found)["M_J"] == float(total / np.float32(700))
    exact = np.mean([np.sum(each & mask) / np.sum(each | mask) for each, mask in zip(truth, found, strict=True)])
    assert numbers_of(FRAMES, truth, found)["M_J"] != pytest.approx(exact, abs=1e-9)


@settings(max_examples=8)
@given(st.integers(0, 9999), st.sampled_from([225 / 255, 1 / 255, 0.5]))
def test_a_true_mask_in_fractions_scores_as_the_formula_says(seed: int, fraction: float) -> None:
    masks, logits = clip_with_sound(seed)
    truth = masks * np.float32(fraction)
    tensors = torch.from_numpy(logits), torch.from_numpy(truth)
    numbers = numbers_of(BENCH, truth, logits)
    assert numbers["M_J"] == pytest.approx(plain.mask_iou(*tensors), abs=1e-6)
    assert numbers["M_F"] == pytest.approx(plain.f_measure(torch.sigmoid(tensors[0]), tensors[1]), abs=1e-6)


@settings(max_examples=8)
@given(st.integers(0, 9999))
def test_logits_score_as_the_formula_says(seed: int) -> None:
    truth, logits = clip_with_sound(seed)
    tensors = torch.from_numpy(logits), torch.from_numpy(truth).float()
    numbers = numbers_of(BENCH, truth, logits)
    assert numbers["M_J"] == pytest.approx(plain.mask_iou(*tensors), abs=1e-9)
    assert numbers["M_F"] == pytest.approx(plain.f_measure(torch.sigmoid(tensors[0]), tensors[1]), abs=1e-9)


@settings(max_examples=15)
@given(st.integers(0, 9999))
def test_masks_score_as_logits_that_are_sure(seed: int) -> None:
    truth, logits = clip_with_sound(seed)
    sure = np.where(logits > 0, np.float32(np.inf), np.float32(-np.inf))
    expected = numbers_of(BENCH, truth, sure)
    assert numbers_of(BENCH, truth, logits > 0) == expected
    assert numbers_of(BENCH, truth, (logits > 0) * np.uint8(255)) == expected
    assert numbers_of(BENCH, truth * 255, logits > 0) == expected


def test_thresholds_are_those_of_the_official_code() -> None:
    np.testing.assert_allclose(THRESHOLDS, torch.linspace(0, 1 - 1e-10, 255).numpy(), atol=6e-8, rtol=0)
    assert (THRESHOLDS[0], THRESHOLDS[127], THRESHOLDS[254]) == (0, 0.5, 1)


def test_probabilities_at_a_threshold_reach_it() -> None:
    """Logit 0 is a probability of 0.5: threshold 127, and background for J."""
    truth = np.zeros((1, 8, 8), np.uint8)
    truth[0, :4] = 1
    half = np.where(truth, np.float32(0), np.float32(-50))
    assert numbers_of(BENCH, truth, half) == {"M_J": 0, "M_F": pytest.approx(1)}


@pytest.mark.parametrize(("reaches", "below"), [(0, -0.005), (20, 7)])
def test_a_probability_equal_to_a_threshold_is_told_from_one_below(reaches: float, below: float) -> None:
    """Logit 0 is threshold 127 itself, and 20 the last, 1; the others lie between these and the next lower ones."""
    truth = np.zeros((1, 8, 8), np.uint8)
    truth[0, :4] = 1
    assert numbers_of(BENCH, truth, np.where(truth, np.float32(reaches), np.float32(below)))["M_F"] == pytest.approx(1)


@pytest.mark.parametrize("way", [BENCH, FRAMES])
def test_an_object_of_one_pixel(way: EvaluationProtocol) -> None:
    truth = np.zeros((1, 8, 8), np.uint8)
    truth[0, 3, 4] = 1
    assert numbers_of(way, truth, truth) == {"M_J": pytest.approx(1), "M_F": pytest.approx(1)}
    assert numbers_of(way, truth, truth * 0)["M_J"] == 0


def test_frames_weigh_the_same_in_the_published_system_however_long_the_clip() -> None:
    """In the interval as in the number."""
    right = np.zeros((1, 8, 8), np.uint8)
    right[0, :4] = 1
    clips = [one(FRAMES, right, right), one(FRAMES, right.repeat(4, axis=0), right.repeat(4, axis=0) * 0)]
    assert FRAMES.summarize_scores(clips).metrics["M_J"] == pytest.approx(0.2)
    assert estimate_interval(FRAMES, clips).value == pytest.approx(0.2)


@pytest.mark.parametrize("logit", [-1000.0, -90.0, 90.0, 1000.0])
def test_extreme_logits_are_probabilities(logit: float) -> None:
    assert apply_sigmoid(np.array([logit], np.float32)) == pytest.approx(float(logit > 0))


def test_frames_without_an_object() -> None:
    """J is the share of pixels left alone; the official F leaves such frames out, the published system's counts 0."""
    truth, alarm = np.zeros((2, 2, 10, 10), np.uint8)
    truth[1, :5], alarm[1, :5], alarm[0, 0, 0] = 1, 1, 1
    assert numbers_of(BENCH, truth, alarm) == {"M_J": pytest.approx(0.995), "M_F": pytest.approx(1)}
    assert numbers_of(FRAMES, truth, alarm) == {"M_J": pytest.approx(0.995), "M_F": pytest.approx(0.5)}
    assert numbers_of(BENCH, truth[:1], alarm[:1])["M_F"] == 0


def test_an_empty_prediction_scores_as_one_of_everything() -> None:
    """Since at threshold 0 everything is foreground."""
    truth = np.zeros((1, 10, 10), np.uint8)
    truth[0, :2] = 1
    share = 0.2
    for way in (BENCH, FRAMES):
        assert numbers_of(way, truth, truth * 0)["M_F"] == pytest.approx(1.3 * share / (0.3 * share + 1))


def test_logits_that_are_not_numbers() -> None:
    truth, logits = clip_with_sound(1)
    logits[1, 2, 3] = np.nan
    for way in (BENCH, FRAMES, REFAVS, NULL):
        with pytest.raises(InputError, match=r"clip, 0, frame 1: .*NaN"):
            one(way, truth, logits)


@pytest.mark.parametrize("way", [BENCH, FRAMES, REFAVS, NULL])
def test_a_clip_without_frames(way: EvaluationProtocol) -> None:
    with pytest.raises(InputError, match="clip, 0: "):
        one(way, [], [])


@pytest.mark.parametrize("count", [1, 3, 5, 7, 8, 10, 31, 40, 71, 120, 300])
def test_means_are_added_as_torch_adds(count: int) -> None:
    for values in np.random.default_rng(count).uniform(size=(50, count)).astype(np.float32):
        assert compute_torch_mean(values) == pytest.approx(torch.from_numpy(values).mean().item(), abs=1e-9)


def test_means_over_calls_are_added_one_by_one() -> None:
    values = np.random.default_rng(1).uniform(size=300).astype(np.float32)
    total = torch.zeros(())
    for value in values:
        total += torch.tensor(value)
    assert compute_sequential_mean(list(values)) == (total / len(values)).item() != float(values.mean())
