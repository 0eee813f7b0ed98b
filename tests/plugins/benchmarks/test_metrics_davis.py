"""Both tasks of DAVIS 2017: equal to the official numbers, whatever the order of videos and of object numbers."""

from __future__ import annotations

import warnings
from math import isnan, nan
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import support.reference_metrics as plain
from alref.errors import InputError
from alref_benchmarks.metrics import Case, EvaluationProtocol, VideoScores, get_metric
from alref_benchmarks.metrics.means import compute_decay, compute_mean, compute_published_decay, compute_recall
from support.metric_samples import GOLDEN, Array, numbers_of, official, one, small, table_of

SEMI, UNSUPERVISED = get_metric("davis17-semi-supervised"), get_metric("davis17-unsupervised")
TASKS = {"semi-supervised": SEMI, "unsupervised": UNSUPERVISED}
OFFICIAL_NAMES = ("J&F", "J", "J-Recall", "J-Decay", "F", "F-Recall", "F-Decay")


def labels(folder: Path) -> Array:
    return np.array([np.array(Image.open(path)) for path in sorted(folder.glob("*.png"))])


def golden_video(way: Any, name: str) -> VideoScores:
    return one(way, labels(GOLDEN / "davis" / "Annotations" / "480p" / name), labels(GOLDEN / "davis_results" / name), name)


@pytest.mark.parametrize("task", TASKS)
def test_official_scores(task: str) -> None:
    """Every frame of every object to the last bit, then all seven numbers, NaN included."""
    expected = official("davis_scores.json")[task]
    videos = {name: golden_video(TASKS[task], name) for name in expected["sequences"]}
    for name, objects in expected["sequences"].items():
        for part, values in zip(videos[name].objects, objects, strict=True):
            assert (list(part.columns["J"]), list(part.columns["F"])) == (values["J"], values["F"]), name
    whole = TASKS[task].summarize_scores(list(videos.values())).metrics
    assert [whole[name] for name in OFFICIAL_NAMES] == pytest.approx(expected["global"], abs=1e-9, nan_ok=True)
    assert isnan(whole["J-Decay"])
    assert not isnan(whole["J-Decay-unwrapped"])
    short = TASKS[task].summarize_scores([video for name, video in videos.items() if name != "k-long300"]).metrics
    assert [short[name] for name in OFFICIAL_NAMES] == pytest.approx(expected["global_without_k-long300"], abs=1e-9)
    assert short["F-Decay"] == short["F-Decay-unwrapped"]


def test_scores_of_vos_benchmark() -> None:
    expected = official("davis_scores.json")["vos_benchmark_skip_first_last"]
    for name, objects in expected["per_object"].items():
        parts = golden_video(SEMI, name).objects
        scores = {part.object: [100 * compute_mean(part.columns["J"]), 100 * compute_mean(part.columns["F"])] for part in parts}
        assert {key: pytest.approx(value, abs=1e-9) for key, value in objects.items()} == scores


@pytest.mark.parametrize("name", ["davis17-semi-supervised", "davis17-unsupervised"])
def test_small_cases(name: str) -> None:
    masks, expected = small()
    for video, objects in expected["davis"][name].items():
        scores = one(get_metric(name), masks[f"davis-{video}-truth"], masks[f"davis-{video}-predicted"])
        found = {part.object: np.stack([part.columns["J"], part.columns["F"]], axis=1) for part in scores.objects}
        assert len(found) == len(objects)
        for number, values in enumerate(objects, 1):
            np.testing.assert_allclose(found[str(number)], values, atol=1e-9, rtol=0)


def video(seed: int, count: int = 2, frames: int = 5) -> tuple[Array, Array]:
    """Random object numbers in large cells, and a prediction in which a quarter of the cells differ."""
    random = np.random.default_rng(seed)
    truth = random.integers(0, count + 1, (frames, 4, 5), np.uint8)
    truth[0, 0, : count + 1] = range(count + 1)
    predicted = np.where(random.uniform(size=truth.shape) < 0.25, random.integers(0, count + 1, truth.shape, np.uint8), truth)
    return tuple(maps.repeat(6, axis=1).repeat(6, axis=2) for maps in (truth, predicted))  # type: ignore[return-value]


@settings(max_examples=20)
@given(st.integers(0, 9999), st.permutations([1, 2, 3]))
def test_numbers_of_predicted_objects_do_not_matter_when_matched(seed: int, order: list[int]) -> None:
    truth, predicted = video(seed, count=3)
    renumbered = np.array([0, *order], np.uint8)[predicted]
    scores = numbers_of(UNSUPERVISED, truth, predicted)
    assert numbers_of(UNSUPERVISED, truth, renumbered) == pytest.approx(scores)


@settings(max_examples=20)
@given(st.integers(0, 9999))
def test_matching_is_the_best_there_is(seed: int) -> None:
    truth, predicted = video(seed, count=3)
    predicted[2:4][predicted[2:4] == 3] = 4
    expected = plain.davis_unsupervised(truth, predicted)
    assert numbers_of(UNSUPERVISED, truth, predicted)["J&F"] == pytest.approx(expected.mean())


@settings(max_examples=20)
@given(st.integers(0, 9999))
def test_void_pixels_count_in_one_task_only(seed: int) -> None:
    truth, predicted = video(seed)
    truth[:, :9, :9] = 255
    changed = predicted.copy()
    changed[:, :9, :9] = 2
    assert table_of(UNSUPERVISED, truth, changed) == table_of(UNSUPERVISED, truth, predicted)
    assert numbers_of(SEMI, truth, changed) != numbers_of(SEMI, np.where(truth == 255, 2, truth), changed)


def test_an_object_of_the_result_that_lies_on_void_alone_is_a_proposal() -> None:
    """It is empty then, and right for a true object that is never there again."""
    truth, predicted = np.zeros((2, 6, 20, 20), np.uint8)
    truth[0, :3, :3], truth[:, 10:, 10:], truth[1:, :3, :3] = 1, 255, 0
    predicted[:, 5:, 5:8], predicted[:, 12:, 12:] = 1, 2
    assert numbers_of(UNSUPERVISED, truth, predicted)["J"] == pytest.approx(5 / 6)


def test_ref_davis_is_the_mean_over_annotators() -> None:
    truth, good = video(1)
    bad = np.zeros_like(good)
    videos = [UNSUPERVISED.score_video(name, [Case("0", truth, truth), Case("1", truth, bad)]) for name in ("a", "b")]
    table = UNSUPERVISED.summarize_scores(videos)
    alone = numbers_of(UNSUPERVISED, truth, bad)
    assert table.groups["0"]["J&F"] == 1
    assert table.groups["1"] == pytest.approx(alone)
    assert table.metrics["J&F"] == pytest.approx((1 + alone["J&F"]) / 2)


def test_objects_weigh_the_same_however_many_a_video_has() -> None:
    one_right, three_wrong = video(1, count=1)[0], video(2, count=3)[0]
    videos = [one(UNSUPERVISED, one_right, one_right), one(UNSUPERVISED, three_wrong, np.zeros_like(three_wrong))]
    wrong = numbers_of(UNSUPERVISED, three_wrong, np.zeros_like(three_wrong))["J"]
    assert UNSUPERVISED.summarize_scores(videos).metrics["J"] == pytest.approx((1 + 3 * wrong) / 4)


def test_frames_may_come_one_by_one_and_differ_in_size() -> None:
    maps = [[frame[: 24 - number, : 30 - number] for number, frame in enumerate(each)] for each in video(4)]
    assert table_of(UNSUPERVISED, iter(maps[0]), iter(maps[1])) == table_of(UNSUPERVISED, *maps)


@pytest.mark.parametrize(
    ("way", "change", "message"),
    [
        (
            SEMI,
            lambda found: found + 1,
            "clip, 0: expected a map of object numbers 0..2 as in the true first frame, got uint8 of 0..3",
        ),
        (
            UNSUPERVISED,
            lambda found: found + 19,
            "clip, 0: expected a map of object numbers 0..20 as this task allows, got uint8 of 0..21",
        ),
        (SEMI, lambda found: found[:3], "clip, 0: frame 3 has no predicted mask; expected both for every frame"),
        (SEMI, lambda found: [*found, found[0]], "clip, 0: frame 5 has no true mask; expected both for every frame"),
        (SEMI, lambda found: found[:, 1:], "clip, 0, frame 1: "),
        (UNSUPERVISED, lambda found: found[:4], "clip, 0: frame 4 has no predicted mask; expected both for every frame"),
        (
            UNSUPERVISED,
            lambda found: found.astype(np.int16) - 1,
            "expected a map of object numbers 0..20 as this task allows, got int16 of -1..1",
        ),
        (
            SEMI,
            lambda found: found / 2,
            "clip, 0: expected a map of object numbers 0..2 as in the true first frame, got float64",
        ),
        (UNSUPERVISED, lambda found: np.stack([found] * 3, axis=-1), "24x30x3"),
        (UNSUPERVISED, lambda _: None, "got none"),
    ],
)
def test_results_that_cannot_be_scored(way: Any, change: Any, message: str) -> None:
    truth, predicted = video(3)
    with pytest.raises(InputError) as caught:
        one(way, truth, change(predicted))
    assert message in str(caught.value)


@pytest.mark.parametrize("there", [np.full((24, 30), 99, np.uint8), np.zeros((2, 2)), None])
def test_what_is_predicted_for_frames_that_do_not_count_is_not_looked_at(there: Any) -> None:
    truth, predicted = video(3)
    assert numbers_of(SEMI, truth, [there, *predicted[1:-1], there]) == numbers_of(SEMI, truth, predicted)
    assert numbers_of(SEMI, truth, predicted[:4]) == numbers_of(SEMI, truth, predicted)


def test_too_few_frames_for_a_task_that_leaves_two_out() -> None:
    truth, predicted = video(3, frames=2)
    with pytest.raises(InputError, match=r"\b3\b.*\b2\b"):
        one(SEMI, truth, predicted)
    assert numbers_of(UNSUPERVISED, truth, truth)["J"] == 1


@pytest.mark.parametrize("way", TASKS.values())
def test_a_video_without_objects_adds_nothing(way: EvaluationProtocol) -> None:
    truth, predicted = video(3)
    nothing = one(way, np.zeros_like(truth), np.zeros_like(truth))
    some = one(way, truth, predicted)
    assert way.summarize_scores([nothing, some]) == way.summarize_scores([some])
    with pytest.raises(InputError):
        way.summarize_scores([nothing])


def test_every_annotator_must_have_every_video() -> None:
    truth, predicted = video(3)
    both = UNSUPERVISED.score_video("a", [Case("0", truth, predicted), Case("1", truth, predicted)])
    with pytest.raises(InputError, match="'0': 4, '1': 2"):
        UNSUPERVISED.summarize_scores([both, one(UNSUPERVISED, truth, predicted, "b")])


def test_numbers_of_another_protocol_are_not_mixed_in() -> None:
    scores = one(SEMI, *video(3))
    with pytest.raises(InputError, match=r"davis17-unsupervised.*davis17-semi-supervised"):
        UNSUPERVISED.summarize_scores([scores])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=255))
def test_statistics_of_one_object(values: list[float]) -> None:
    expected = plain.statistics(np.array(values))
    assert (compute_mean(values), compute_recall(values), compute_decay(values)) == pytest.approx(expected, abs=1e-12)
    assert compute_published_decay(values) == compute_decay(values)


@pytest.mark.parametrize(("count", "published"), [(255, 0.5), (256, nan), (300, nan), (400, 0.0)])
def test_decay_of_long_videos(count: int, published: float) -> None:
    """The official code counts frames in 8 bits: from frame 256 on it looks at the wrong frames or at none."""
    values = np.where(np.arange(count) < count // 2, 1.0, 0.5).tolist()
    assert compute_decay(values) == 0.5
    assert compute_published_decay(values) == pytest.approx(published, nan_ok=True)


@pytest.mark.parametrize("count", [255, 256, 257, 300, 400, 512, 700, 1023])
def test_decay_is_published_as_numpy_wraps(count: int) -> None:
    values = np.random.default_rng(count).uniform(size=count)
    corners = (np.round(np.linspace(1, count, 5) + 1e-10) - 1).astype(np.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        quarters = [np.nanmean(values[corners[k] : corners[k + 1] + 1]) for k in (0, 3)]
    assert compute_published_decay(values.tolist()) == pytest.approx(quarters[0] - quarters[1], nan_ok=True)
