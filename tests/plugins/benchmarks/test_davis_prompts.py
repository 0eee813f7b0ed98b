"""DAVIS 2016 and 2017 with the first mask given: the prompts, the official numbers, and an evaluation from end to end."""

from __future__ import annotations

import shutil
from collections.abc import Collection
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
from PIL import Image

import support.reference_metrics as plain
from alref.components.dataset import Dataset
from alref.components.scores import ScoreTable
from alref.errors import InputError
from alref_benchmarks.datasets.davis_prompts import Davis16Dataset, Davis17Dataset
from alref_benchmarks.metrics import get_metric
from support.benchmark_fixtures import SIZE, build, result, save
from support.metric_samples import GOLDEN, official

METRIC = get_metric("davis17-semi-supervised")
OFFICIAL_NAMES = ("J&F", "J", "J-Recall", "J-Decay", "F", "F-Recall", "F-Decay")


def score(dataset: Dataset, folder: Path, videos: Collection[str] = ()) -> ScoreTable:
    names = [each for each in dataset.list_videos() if not videos or each in videos]
    return METRIC.summarize_scores([METRIC.score_video(video, dataset.read_cases(video, folder)) for video in names])


def read_labels(paths: list[Path]) -> plain.Array:
    return np.array([np.asarray(Image.open(path)) for path in paths])


def test_prompts_are_the_true_masks_of_the_first_frame(tmp_path: Path) -> None:
    dataset = Davis17Dataset(build("davis17", tmp_path))
    first = read_labels(dataset.get_true_mask_paths("gold fish")[:1])[0]
    references = dataset.read_references("gold fish")
    assert [each.id for each in references] == ["1", "2"]
    for each in references:
        (prompt,) = each.prompts
        assert prompt.frame == 0
        assert prompt.mask is not None
        np.testing.assert_array_equal(prompt.mask, first == int(each.id))


def test_davis16_is_one_object_also_in_the_download_of_davis17(tmp_path: Path) -> None:
    build("davis17", tmp_path)
    (tmp_path / "ImageSets/2017").rename(tmp_path / "ImageSets/2016")
    dataset = Davis16Dataset(tmp_path)
    assert dataset.list_videos() == ["-black_swan", "gold fish"]
    (reference,) = dataset.read_references("gold fish")
    first = read_labels(dataset.get_true_mask_paths("gold fish")[:1])[0]
    np.testing.assert_array_equal(reference.prompts[0].mask, first > 0)


def test_official_scores() -> None:
    """Videos, truth and results from their official folders, scored as the official program did."""
    expected = official("davis_scores.json")["semi-supervised"]
    table = score(Davis17Dataset(GOLDEN / "davis"), GOLDEN / "davis_results", expected["sequences"])
    assert [table.metrics[name] for name in OFFICIAL_NAMES] == pytest.approx(expected["global"], abs=1e-9, nan_ok=True)


@pytest.mark.parametrize("cls", [Davis17Dataset, Davis16Dataset], ids=lambda each: each.name)
def test_scores_are_those_of_the_formula(cls: type[Dataset], tmp_path: Path) -> None:
    """Random boxes as results: J and F of every object but not of the first and last frame, by slow transcriptions."""
    dataset, random = cls(build(cls.name, tmp_path)), np.random.default_rng(3)
    assert isinstance(dataset, (Davis16Dataset, Davis17Dataset))
    values = []
    for video in dataset.list_videos():
        count = len(dataset.read_references(video))
        for path in dataset.list_masks(video):
            labels = np.zeros(SIZE, np.uint8)
            for number in range(1, count + 1):
                top, left = random.integers(0, 40, 2)
                labels[top : top + 30, left : left + 40] = number if cls is Davis17Dataset else 255
            save(tmp_path / "results" / path, labels)
        pair = [
            read_labels(paths)
            for paths in (
                dataset.get_true_mask_paths(video),
                [tmp_path / "results" / path for path in dataset.list_masks(video)],
            )
        ]
        truth, found = pair if cls is Davis17Dataset else [(each > 0).astype(np.uint8) for each in pair]
        values += list(plain.davis_semi_supervised(truth, found))
    region, boundary = np.mean([each.mean(axis=0) for each in values], axis=0)
    metrics = score(dataset, tmp_path / "results").metrics
    assert (metrics["J"], metrics["F"]) == pytest.approx((region, boundary), abs=1e-9)
    assert metrics["J&F"] == pytest.approx((region + boundary) / 2, abs=1e-9)


def test_a_first_mask_without_objects_concerns_its_video_alone(tmp_path: Path) -> None:
    dataset = Davis17Dataset(build("davis17", tmp_path))
    save(tmp_path / "Annotations/480p/gold fish/00000.png", np.zeros(SIZE, np.uint8), palette=True)
    with pytest.raises(InputError, match=r"gold fish.00000\.png"):
        dataset.read_references("gold fish")
    assert dataset.read_references("-black_swan")


def test_a_listed_video_without_a_folder_is_a_problem(tmp_path: Path) -> None:
    dataset = Davis17Dataset(build("davis17", tmp_path))
    for kind in ("JPEGImages", "Annotations"):
        shutil.rmtree(tmp_path / kind / "480p/gold fish")
    assert "gold fish" in {each.video for each in dataset.find_problems()}


def test_the_test_splits_have_prompts_and_are_packed_for_their_server(tmp_path: Path) -> None:
    root = build("davis17", tmp_path / "data")
    (root / "ImageSets/2017/val.txt").rename(root / "ImageSets/2017/test-dev.txt")
    for path in root.glob("Annotations/480p/*/*.png"):
        if path.stem != "00000":
            path.unlink()
    dataset = Davis17Dataset(root, "test-dev")
    assert [fault.in_subset for fault in dataset.find_problems()] == [True], "only the published counts differ"
    assert [each.id for each in dataset.read_references("gold fish")] == ["1", "2"]
    for video in dataset.list_videos():
        dataset.write_masks(result(dataset, video, {}), video, tmp_path / "run", lambda names, _: [])
    dataset.pack_submission(tmp_path / "run", tmp_path / "s.zip", dataset.list_videos())
    with ZipFile(tmp_path / "s.zip") as archive:
        assert archive.namelist() == [path.as_posix() for video in dataset.list_videos() for path in dataset.list_masks(video)]
        assert len(archive.namelist()) == 9
    with pytest.raises(InputError, match="alref submit"):
        list(dataset.read_cases("gold fish", tmp_path / "run"))
