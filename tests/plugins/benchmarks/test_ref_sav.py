"""Ref-SAV: golden values by the official formula, from the annotated frames of video files and from results in JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from pycocotools import mask as coco

import support.reference_metrics as plain
from alref.components.scores import ScoreTable
from alref.errors import InputError
from alref.evaluation.mask_check import check_masks
from alref_benchmarks.datasets.ref_sav import RefSavDataset
from alref_benchmarks.metrics import get_metric
from support.benchmark_fixtures import SIZE, build, clip, result

Mask = npt.NDArray[np.bool_]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("ref-sav", tmp_path_factory.mktemp("ref-sav"))


@pytest.fixture
def results(root: Path, tmp_path: Path) -> Path:
    """Write random boxes for all expressions in one file, as the official evaluation does."""
    random = np.random.default_rng(0)
    found: dict[str, Any] = {}
    for video, each in json.loads((root / "meta_expressions_valid.json").read_text())["videos"].items():
        for name in each["expressions"]:
            masks = np.zeros((len(each["frames"]), *SIZE), np.uint8)
            for mask in masks:
                top, left = random.integers(0, 40, 2)
                mask[top : top + 30, left : left + 40] = 1
            runs = [coco.encode(np.asfortranarray(mask)) for mask in masks]
            saved = [{**one, "counts": one["counts"].decode()} for one in runs]
            found.setdefault(video, {})[name] = {"exp": "", "prediction_masks": saved}
    (tmp_path / "results.json").write_text(json.dumps(found))
    return tmp_path


def change_results(folder: Path, video: str, name: str, change: Any) -> None:
    found = json.loads((folder / "results.json").read_text())
    change(found[video], name)
    (folder / "results.json").write_text(json.dumps(found))


def score(dataset: RefSavDataset, folder: Path) -> ScoreTable:
    metric = get_metric("ref-sav")
    return metric.summarize_scores(
        [metric.score_video(video, dataset.read_cases(video, folder)) for video in dataset.list_videos()]
    )


def compute_official(root: Path, folder: Path, left_out: set[tuple[str, str]]) -> dict[str, list[float]]:
    """J, F and A of both types and overall, 0 to 100: objects are added, then compared with the predicted 0 and 1."""
    videos = json.loads((root / "meta_expressions_valid.json").read_text())["videos"]
    masks = json.loads((root / "mask_dict.json").read_text())
    found = json.loads((folder / "results.json").read_text())
    rows: dict[int, list[list[float]]] = {0: [], 1: []}
    for video, each in videos.items():
        for name, said in each["expressions"].items():
            if (video, name) in left_out:
                continue
            frames = []
            for place in range(len(each["frames"])):
                truth = sum(coco.decode(masks[str(number)][place]) for number in said["anno_id"])
                predicted = coco.decode(found[video][name]["prediction_masks"][place])
                pair = truth > 0, predicted > 0
                frames.append([plain.region(*pair), plain.boundary(*pair), float(np.mean(truth == predicted))])
            rows[said["type_id"]].append([round(100 * value, 2) for value in np.mean(frames, axis=0)])
    long, short = (np.mean(rows[kind], axis=0) for kind in (0, 1))
    return {"long": long.tolist(), "short": short.tolist(), "overall": ((long + short) / 2).tolist()}


def assert_official(table: ScoreTable, official: dict[str, list[float]]) -> None:
    for kind, numbers in {**table.groups, "overall": table.metrics}.items():
        assert [100 * numbers[name] for name in "JFA"] == pytest.approx(official[kind], abs=1e-10)
    assert table.main_value == pytest.approx(sum(official["overall"][:2]) / 200, abs=1e-12)


def test_scores_equal_the_official_formula(root: Path, results: Path) -> None:
    table = score(RefSavDataset(root), results)
    assert table.metrics["dropped"] == 0
    assert_official(table, compute_official(root, results, set()))


def shorten(found: dict[str, Any], name: str) -> None:
    found[name]["prediction_masks"].pop()


def resize(found: dict[str, Any], name: str) -> None:
    found[name]["prediction_masks"][0] = coco.encode(np.zeros((4, 4), np.uint8, order="F"))
    found[name]["prediction_masks"][0]["counts"] = found[name]["prediction_masks"][0]["counts"].decode()


@pytest.mark.parametrize("change", [dict.pop, shorten, resize], ids=["no result", "a frame too few", "another size"])
def test_what_the_official_program_stops_at_is_left_out(change: Any, root: Path, results: Path) -> None:
    change_results(results, "sav_056001", "1", change)
    table = score(RefSavDataset(root), results)
    assert table.metrics["dropped"] == 1
    assert_official(table, compute_official(root, results, {("sav_056001", "1")}))


def test_frames_are_those_of_the_video_file_with_the_numbers_of_their_names(root: Path) -> None:
    video = RefSavDataset(root).open_video("sav_056001")
    drawn = clip(13, 1)[0]
    assert video.source_numbers.tolist() == [0, 4, 8, 12]
    assert video.times.tolist() == pytest.approx([0, 4 / 24, 8 / 24, 12 / 24], abs=1e-3)
    for number, frame in zip((0, 4, 8, 12), video, strict=True):
        differences = [np.abs(frame.astype(int) - other).mean() for other in drawn]
        assert int(np.argmin(differences)) == number


def test_results_are_written_per_video_and_packed_in_one_file(root: Path, tmp_path: Path) -> None:
    dataset = RefSavDataset(root)
    for seed, video in enumerate(dataset.list_videos()):
        masks = clip(13, seed)[1][::4]
        dataset.write_masks(result(dataset, video, {"0": [("a square", masks, 1.0)]}), video, tmp_path, lambda names, _: names)
    assert check_masks(dataset, dataset.list_videos(), tmp_path)[0] == (2, 2)
    before = score(dataset, tmp_path)
    packed = tmp_path / "packed"
    packed.mkdir()
    dataset.pack_submission(tmp_path, packed / "results.json", dataset.list_videos())
    assert check_masks(dataset, dataset.list_videos(), packed) == ((1, 1), [])
    assert score(dataset, packed) == before
    assert_official(before, compute_official(root, packed, set()))


def break_name(root: Path) -> None:
    path = root / "meta_expressions_valid.json"
    path.write_text(path.read_text().replace("100004", "1_four"))


def break_count(root: Path) -> None:
    path = root / "meta_expressions_valid.json"
    path.write_text(path.read_text().replace("100012", "100013"))


def break_size(root: Path) -> None:
    path = root / "meta_expressions_valid.json"
    path.write_text(path.read_text().replace('"height": 64', '"height": 65'))


def break_file(root: Path) -> None:
    for path in root.glob("videos/*/*.mp4"):
        path.write_bytes(b"no video")


@pytest.mark.parametrize("damage", [break_name, break_count, break_size, break_file])
def test_what_cannot_be_read_is_named_by_the_check(damage: Any, tmp_path: Path) -> None:
    dataset = RefSavDataset(build("ref-sav", tmp_path))
    assert not list(dataset.find_problems())
    damage(tmp_path)
    assert {fault.video for fault in RefSavDataset(tmp_path).find_problems()} == {"sav_055000", "sav_056001"}


def test_results_of_another_form_are_an_error(root: Path, results: Path) -> None:
    change_results(results, "sav_055000", "0", lambda found, name: found.update({name: "none"}))
    with pytest.raises(InputError):
        score(RefSavDataset(root), results)
