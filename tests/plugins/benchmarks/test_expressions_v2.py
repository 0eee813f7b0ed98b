"""MeViS v2, Long-RVOS and ReasonVOS: golden values by the published formulas, written down frame by frame."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

import support.reference_metrics as plain
from alref.components.dataset import Dataset
from alref.components.scores import Case, ScoreTable
from alref_benchmarks.datasets.long_rvos import LongRvosDataset
from alref_benchmarks.datasets.reasonvos import ReasonVosDataset
from alref_benchmarks.metrics import get_metric
from support.benchmark_fixtures import SIZE, build, save

Mask = npt.NDArray[np.bool_]


def write_results(dataset: Dataset, folder: Path, seed: int = 0) -> None:
    """Write boxes at random places as the results of all references; some are empty."""
    random = np.random.default_rng(seed)
    for video in dataset.list_videos():
        for path in dataset.list_masks(video):
            mask = np.zeros(SIZE, np.uint8)
            top, left = random.integers(0, 40, 2)
            mask[top : top + 30, left : left + 40] = 255 * (random.random() < 0.7)
            save(folder / path, mask)


def score(dataset: Dataset, folder: Path, protocol: str) -> ScoreTable:
    metric = get_metric(protocol)
    return metric.summarize_scores(
        [metric.score_video(video, dataset.read_cases(video, folder)) for video in dataset.list_videos()]
    )


def read(path: Path) -> Mask:
    return np.asarray(Image.open(path)) > 0 if path.exists() else np.zeros(SIZE, np.bool_)


def compute_long_rvos(truth: list[Mask], found: list[Mask]) -> list[float]:
    """J, F, tIoU and vIoU of one expression."""
    region = np.array([plain.region(*pair) for pair in zip(truth, found, strict=True)])
    contour = [plain.boundary(*pair) for pair in zip(truth, found, strict=True)]
    present = np.array([[mask.any() for mask in masks] for masks in (truth, found)])
    both, either = present.all(axis=0), present.any(axis=0).sum()
    spans = [both.sum() / either, region[both].sum() / either] if either else [1.0, 1.0]
    return [float(region.mean()), float(np.mean(contour)), *map(float, spans)]


def test_long_rvos_is_scored_as_published(tmp_path: Path) -> None:
    build("long-rvos", tmp_path)
    dataset, results = LongRvosDataset(tmp_path), tmp_path / "results"
    write_results(dataset, results)
    (results / "b_2/1/00002.png").unlink()  # missing masks are empty
    expected = []
    for video in dataset.list_videos():
        names = dataset.find_video_entry(video).frames
        truth = [read(tmp_path / "valid/Annotations" / video / "1" / f"{name}.png") for name in names]
        for expression in "012":
            expected.append(compute_long_rvos(truth, [read(results / video / expression / f"{name}.png") for name in names]))
    found = score(dataset, results, "long-rvos").metrics
    means = np.mean(expected, axis=0)
    assert [found[name] for name in ("J", "F", "tIoU", "vIoU")] == pytest.approx(means.tolist(), abs=1e-12)
    assert found["J&F"] == pytest.approx((means[0] + means[1]) / 2, abs=1e-12)
    shutil.rmtree(results / "b_2")  # a video without a result counts 0
    means = np.sum(expected[:3], axis=0) / 6
    lost = score(dataset, results, "long-rvos").metrics
    assert [lost[name] for name in ("J", "F", "tIoU", "vIoU")] == pytest.approx(means.tolist(), abs=1e-12)


def test_a_type_of_expression_of_long_rvos_is_an_attribute(tmp_path: Path) -> None:
    build("long-rvos", tmp_path)
    dataset = LongRvosDataset(tmp_path)
    assert [dataset.describe_reference("b_2", name) for name in "012"] == [
        {"type": kind} for kind in ("static", "dynamic", "hybrid")
    ]


def test_without_its_first_mask_an_expression_of_long_rvos_is_left_out(tmp_path: Path) -> None:
    build("long-rvos", tmp_path)
    dataset, results = LongRvosDataset(tmp_path), tmp_path / "results"
    write_results(dataset, results)
    (results / "b_2/1/00000.png").unlink()
    assert score(dataset, results, "long-rvos").metrics["dropped"] == 1


def test_reasonvos_scores_what_has_a_result(tmp_path: Path) -> None:
    build("reasonvos", tmp_path)
    dataset, results = ReasonVosDataset(tmp_path), tmp_path / "results"
    write_results(dataset, results)
    (tmp_path / "Annotations/MOSE_a b_1/00003.png").unlink()  # only frames with a true mask are scored
    expected = []
    for folder, video, name, count in (("MOSE_a b_1", "a b", "1", 3), ("burst_-c_3_2", "-c_3", "2", 4)):
        pairs = [
            (read(tmp_path / "Annotations" / folder / f"{place:05d}.png"), read(results / video / name / f"{place:05d}.png"))
            for place in range(count)
        ]
        expected.append([np.mean([plain.region(*pair) for pair in pairs]), np.mean([plain.boundary(*pair) for pair in pairs])])
    found = score(dataset, results, "reasonvos").metrics
    assert [found["J"], found["F"]] == pytest.approx(np.mean(expected, axis=0).tolist(), abs=1e-12)
    shutil.rmtree(results / "a b")
    found = score(dataset, results, "reasonvos").metrics
    assert [found["J"], found["F"], found["dropped"]] == pytest.approx([*map(float, expected[1]), 1], abs=1e-12)


def make_case(place: int, truth: bool, found: bool) -> Case:
    full, nothing = np.ones((1, 8, 8), np.bool_), np.zeros((1, 8, 8), np.bool_)
    return Case(str(place), full if truth else nothing, full if found else nothing)


@pytest.mark.parametrize(
    "pairs",
    [
        [(True, True), (False, False)],
        [(True, True), (True, False), (False, True), (False, False)],
        [(True, True), (True, False)],
    ],
    ids=["all right", "half right", "no expression of nothing"],
)
def test_final_is_the_mean_of_three_numbers(pairs: list[tuple[bool, bool]]) -> None:
    metric = get_metric("mevis-v2")
    table = metric.summarize_scores([metric.score_video("v", [make_case(place, *pair) for place, pair in enumerate(pairs)])])
    region = np.mean([truth == found for truth, found in pairs])
    mean = (region + 1) / 2  # a mask of the whole frame has no boundary, so F is 1
    target = np.mean([found for truth, found in pairs if truth])
    nothing = [not found for truth, found in pairs if not truth]
    numbers = [mean, target, *([np.mean(nothing)] if nothing else [])]
    assert table.main_value == pytest.approx(np.mean(numbers))
    assert (table.metrics["J&F"], table.metrics["T-acc"]) == pytest.approx((mean, target))
