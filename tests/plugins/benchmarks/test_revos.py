"""ReVOS: golden values by the published formulas, written down frame by frame."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from pycocotools import mask as coco

import support.reference_metrics as plain
from alref.components.scores import Case, ScoreTable
from alref.errors import InputError
from alref_benchmarks.datasets.revos import ReVosDataset
from alref_benchmarks.metrics import get_metric
from support.benchmark_fixtures import SIZE, build, clip, result, save

Mask = npt.NDArray[np.bool_]


def read_run_lengths(runs: Any) -> Mask:
    whole = np.zeros(SIZE, np.bool_)
    for each in runs if isinstance(runs, list) else [runs]:
        whole |= coco.decode(each).astype(np.bool_) if each else whole
    return whole


def compute_expression(root: Path, results: Path, video: str, number: str) -> list[float]:
    """J, F, A and R of one expression in percent, rounded, in plain arithmetic."""
    meta = json.loads((root / "meta_expressions_valid_.json").read_text())["videos"][video]
    masks = json.loads((root / "mask_dict.json").read_text())
    every = json.loads((root / "mask_dict_foreground.json").read_text())[video]["masks_rle"]
    rows = []
    for place, name in enumerate(meta["frames"]):
        (one,) = meta["expressions"][number]["anno_id"]
        truth, around = read_run_lengths(masks[str(one)][place]), read_run_lengths(every[place])
        path = results / video / number / f"{name}.png"
        if not path.exists():
            return [0.0] * 4
        found = np.asarray(Image.open(path)) > 0
        robust = max(1 - (~truth & found).sum() / (around.sum() + 1e-6), 0.0)
        rows.append([plain.region(truth, found), plain.boundary(truth, found), np.mean(truth == found), robust])
    return np.round(100 * np.mean(rows, axis=0), 2).tolist()


def compute_typed_expression(truth: list[Mask], found: Mask, around: int) -> list[float]:
    """J, F, A and R in percent of one frame as the official program computes them: objects are added with 8 bits."""
    true = np.sum(truth, axis=0, dtype=np.uint8)
    predicted = found.astype(np.uint8)
    wrong = ((1 - true) * predicted).sum()
    robust = max(1 - wrong / (around + 1e-6), 0.0)
    return [plain.region(true > 0, found), plain.boundary(true > 0, found), float(np.mean(true == predicted)), robust]


def write_results(dataset: ReVosDataset, folder: Path) -> None:
    """Write boxes at random places; some are empty."""
    random = np.random.default_rng(0)
    for video in dataset.list_videos():
        for path in dataset.list_masks(video):
            mask = np.zeros(SIZE, np.uint8)
            top, left = random.integers(0, 40, 2)
            mask[top : top + 30, left : left + 40] = random.random() < 0.7
            save(folder / path, mask)


def score(dataset: ReVosDataset, folder: Path) -> ScoreTable:
    metric = get_metric("revos")
    return metric.summarize_scores(
        [metric.score_video(video, dataset.read_cases(video, folder)) for video in dataset.list_videos()]
    )


@pytest.mark.parametrize("missing", ["", "LVOS/b_2/2/00003.png", "LVOS/b_2/1/00000.png"])
def test_both_types_are_scored_as_published(missing: str, tmp_path: Path) -> None:
    root, results = build("revos", tmp_path / "data"), tmp_path / "results"
    dataset = ReVosDataset(root)
    write_results(dataset, results)
    if missing:
        (results / missing).unlink()
    table = score(dataset, results)
    expected = {}
    for kind, numbers in {"referring": "0", "reasoning": "12"}.items():
        rows = [compute_expression(root, results, video, each) for video in dataset.list_videos() for each in numbers]
        expected[kind] = np.mean(rows, axis=0) / 100
        assert [table.groups[kind][name] for name in "JFAR"] == pytest.approx(expected[kind].tolist(), abs=1e-12)
    means = (expected["referring"] + expected["reasoning"]) / 2
    assert [table.metrics[name] for name in "JFAR"] == pytest.approx(means.tolist(), abs=1e-12)
    assert table.main_value == pytest.approx((means[0] + means[1]) / 2, abs=1e-12)


def test_a_wrong_size_or_no_foreground_scores_0(tmp_path: Path) -> None:
    root, results = build("revos", tmp_path / "data"), tmp_path / "results"
    write_results(ReVosDataset(root), results)
    save(results / "UVO/all/-f b/0/00002.png", np.zeros((8, 8), np.uint8))
    every = json.loads((root / "mask_dict_foreground.json").read_text())
    every["LVOS/b_2"]["masks_rle"].pop()
    (root / "mask_dict_foreground.json").write_text(json.dumps(every))
    dataset = ReVosDataset(root)
    assert score(dataset, results).groups["referring"] == dict.fromkeys(("J&F", *"JFAR"), 0.0)
    assert [fault.video for fault in dataset.find_problems()] == ["LVOS/b_2"]


@pytest.mark.parametrize("protocol", ["revos", "ref-sav"])
def test_pixels_of_several_objects_count_as_officially(protocol: str) -> None:
    random = np.random.default_rng(1)
    objects = random.random((3, *SIZE)) < 0.05
    found = random.random(SIZE) < 0.2
    metric, around = get_metric(protocol), 10**6
    truth = [np.sum(objects, axis=0, dtype=np.uint8)]
    case = Case(id="0", truth=truth, predicted=[found], foreground=(around,))
    table = metric.summarize_scores([metric.score_video("video", [case])])
    expected = np.round(100 * np.array(compute_typed_expression(list(objects), found, around)), 2) / 100
    assert expected[2] < np.mean(objects.any(axis=0) == found), "some pixels belong to several objects"
    assert [table.metrics[name] for name in ("J", "F", "A")] == pytest.approx(expected[:3].tolist(), abs=1e-12)
    assert table.metrics.get("R", expected[3]) == pytest.approx(expected[3], abs=1e-12)


def test_overlapping_objects_are_read_as_their_number(tmp_path: Path) -> None:
    root = build("revos", tmp_path)
    path = root / "meta_expressions_valid_.json"
    path.write_text(path.read_text().replace('"anno_id": [2]', '"anno_id": [2, 3, 2]'))
    case = next(iter(ReVosDataset(root).read_cases("LVOS/b_2", tmp_path / "none")))
    square, bar = (2 * mask.astype(np.uint8) for mask in (clip(4, 1)[1], np.zeros((4, *SIZE), np.bool_)))
    bar[1:, -10:-6, 10:38] = 1
    np.testing.assert_array_equal(np.stack(list(case.truth)), square + bar)


def test_types_are_attributes_and_a_single_type_is_the_whole_score(tmp_path: Path) -> None:
    root, results = build("revos", tmp_path / "data"), tmp_path / "results"
    path = root / "meta_expressions_valid_.json"
    dataset = ReVosDataset(root)
    assert [dataset.describe_reference("LVOS/b_2", name)["type"] for name in "012"] == ["referring", "reasoning", "reasoning"]
    write_results(dataset, results)
    path.write_text(path.read_text().replace('"type_id": 0', '"type_id": 1'))
    table = score(ReVosDataset(root), results)
    assert table.groups == {"reasoning": table.metrics}


def test_an_expression_of_an_unknown_type_is_reported_and_in_no_score(tmp_path: Path) -> None:
    root, results = build("revos", tmp_path / "data"), tmp_path / "results"
    write_results(ReVosDataset(root), results)
    before = score(ReVosDataset(root), results)
    path = root / "meta_expressions_valid_.json"
    path.write_text(path.read_text().replace('"type_id": 0', '"type_id": 7'))
    dataset = ReVosDataset(root)
    assert {fault.video for fault in dataset.find_problems()} == {*dataset.list_videos()}
    assert score(dataset, results).groups == {"reasoning": before.groups["reasoning"]}


@pytest.mark.parametrize("name", ["../up", "/etc", "a//b", "a/../../b"])
def test_a_video_may_be_in_a_folder_but_not_outside_the_dataset(name: str, tmp_path: Path) -> None:
    root = build("revos", tmp_path)
    path = root / "meta_expressions_valid_.json"
    path.write_text(path.read_text().replace("LVOS/b_2", name))
    with pytest.raises(InputError):
        ReVosDataset(root).list_videos()


def test_masks_are_written_as_the_official_program_compares_them(tmp_path: Path) -> None:
    dataset = ReVosDataset(build("revos", tmp_path / "data"))
    masks = np.zeros((4, *SIZE), np.bool_)
    masks[:, 10:20, 10:20] = True
    dataset.write_masks(
        result(dataset, "LVOS/b_2", {"0": [("a square", masks, 1.0)]}), "LVOS/b_2", tmp_path, lambda names, _: names
    )
    written = np.asarray(Image.open(tmp_path / "LVOS/b_2/0/00003.png"))
    np.testing.assert_array_equal(written, masks[3])
