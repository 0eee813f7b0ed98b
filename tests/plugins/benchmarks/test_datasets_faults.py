"""What is wrong with a data set on disk is said in one line each, and the rest can still be used."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from alref.components.dataset import Dataset, DatasetProblem
from alref.errors import InputError
from alref_benchmarks.datasets import DATASETS
from alref_benchmarks.datasets.avsbench import AvsBenchMS3Dataset, AvsBenchS4Dataset
from alref_benchmarks.datasets.davis import RefDavis17Dataset
from alref_benchmarks.datasets.expressions import MeViSDataset
from support.benchmark_fixtures import build, save, save_table


def made(cls: type[Dataset], root: Path, split: str = "") -> Any:
    build(cls.name, root)
    return cls(root, split)


def found(dataset: Dataset) -> list[DatasetProblem]:
    """Return what is wrong besides the counts."""
    return [fault for fault in dataset.find_problems() if "as published" not in fault.message]


def barred(look: Callable[..., Any]) -> Callable[..., Any]:
    """Return what looks at files, and may not at those of one folder."""

    def looking(path: Path, *how: Any, **more: Any) -> Any:
        if "1 b" in path.parts:
            raise PermissionError(13, "Permission denied", str(path))
        return look(path, *how, **more)

    return looking


@pytest.mark.parametrize("cls", DATASETS, ids=lambda cls: cls.name)
def test_only_the_counts_of_a_miniature_are_wrong(cls: type[Dataset], tmp_path: Path) -> None:
    counts = cls.published_counts.get(cls.splits[0])
    faults = [(fault.message.split(" with ")[0], fault.video) for fault in made(cls, tmp_path).find_problems()]
    assert faults == ([(f"expected {counts[0]} videos", "")] if counts else [])


def test_counts_as_published_are_no_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RefDavis17Dataset, "published_counts", {"valid": (3, 24)})
    assert list(made(RefDavis17Dataset, tmp_path).find_problems()) == []


def test_frames_that_are_missing_are_counted_and_the_other_videos_open(tmp_path: Path) -> None:
    dataset = made(RefDavis17Dataset, tmp_path)
    shutil.rmtree(tmp_path / "valid/JPEGImages/été")
    (fault,) = found(dataset)
    first = "valid/JPEGImages/été/00000.jpg"
    assert fault.video == "été"
    assert fault.message.startswith(f"5 of 5 frames are missing: {first}; ")
    assert fault.message.endswith("; and 2 more")
    assert len(dataset.open_video("gold fish")) == 4


def test_true_masks_that_are_missing_are_counted(tmp_path: Path) -> None:
    dataset = made(AvsBenchS4Dataset, tmp_path)
    (tmp_path / "Single-source/s4_data/gt_masks/test/dog_barking/-5Xy/-5Xy_2.png").unlink()
    (fault,) = found(dataset)
    assert fault.message.startswith(
        "1 of 5 true masks are missing: Single-source/s4_data/gt_masks/test/dog_barking/-5Xy/-5Xy_2.png"
    )


@pytest.mark.parametrize("file", ["JPEGImages/gold fish/00002.jpg", "Annotations/gold fish/00001.png"])
def test_a_picture_that_ends_too_early_is_named(file: str, tmp_path: Path) -> None:
    dataset = made(RefDavis17Dataset, tmp_path)
    path = tmp_path / "valid" / file
    path.write_bytes(path.read_bytes()[:-40])
    (fault,) = found(dataset)
    assert fault.message.startswith(f"{path}: cannot be read (")
    assert fault.video == "gold fish"


def test_a_folder_that_may_not_be_looked_into_costs_one_video(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = made(MeViSDataset, tmp_path, "valid_u")
    for kind, name in ((Path, "stat"), (Image, "open")):
        monkeypatch.setattr(kind, name, barred(getattr(kind, name)))
    faults = found(dataset)
    assert {fault.video for fault in faults} == {"1 b"}
    assert all("chmod u+rX" in fault.message for fault in faults)
    with pytest.raises(InputError, match="chmod u"):
        dataset.open_video("1 b")


def test_a_file_that_is_no_picture_is_said_to_be_none(tmp_path: Path) -> None:
    dataset = made(MeViSDataset, tmp_path, "valid_u")
    path = dataset.get_frame_paths("1 b")[1]
    path.write_bytes(b"")
    (fault,) = found(dataset)
    assert fault.message.startswith(f"{path}: ")


def test_pictures_of_different_sizes_are_named(tmp_path: Path) -> None:
    dataset = made(RefDavis17Dataset, tmp_path)
    save(tmp_path / "valid/JPEGImages/été/00003.jpg", np.zeros((32, 48, 3), np.uint8))
    (fault,) = found(dataset)
    assert re.search(r"96x64\b.*00000\.jpg", fault.message)
    assert "00003.jpg: 48x32" in fault.message


def test_true_masks_of_another_size_than_the_frames_are_named(tmp_path: Path) -> None:
    dataset = made(RefDavis17Dataset, tmp_path)
    save(tmp_path / "valid/Annotations/été/00003.png", np.zeros((32, 48), np.uint8))
    (fault,) = found(dataset)
    assert "00003.png: 48x32" in fault.message


@pytest.mark.parametrize(("change", "said"), [("missing", "no such file"), ("no sound", "cannot be read")])
def test_a_sound_that_cannot_be_heard_is_named(change: str, said: str, tmp_path: Path) -> None:
    dataset = made(AvsBenchS4Dataset, tmp_path)
    path = tmp_path / "Single-source/s4_data/audio_wav/test/dog_barking/-5Xy.wav"
    if change == "missing":
        path.unlink()
    else:
        path.write_bytes(b"RIFF nothing")
    (fault,) = found(dataset)
    assert f"{path}: {said}" in fault.message
    assert fault.video == "-5Xy"


def test_masks_of_mevis_that_are_missing_or_too_short_are_named(tmp_path: Path) -> None:
    dataset = made(MeViSDataset, tmp_path, "valid_u")
    file = tmp_path / "valid_u/mask_dict.json"
    runs = json.loads(file.read_text())
    del runs["0"]
    runs["11"] = runs["11"][:3]
    file.write_text(json.dumps(runs))
    assert [(fault.video, fault.message) for fault in found(dataset)] == [
        ("-00d9", "mask 0: expected 4 frames in mask_dict.json, got 0"),
        ("1 b", "mask 11: expected 4 frames in mask_dict.json, got 3"),
    ]


def test_annotations_of_other_objects_are_a_fault(tmp_path: Path) -> None:
    dataset = made(RefDavis17Dataset, tmp_path)
    file = tmp_path / "meta_expressions/valid/meta_expressions.json"
    meta = json.loads(file.read_text())
    del meta["videos"]["été"]["expressions"]["7"]
    file.write_text(json.dumps(meta))
    (fault,) = found(dataset)
    assert "expected 4 expressions" in fault.message


def test_a_clip_that_a_table_names_and_that_is_not_there_is_a_fault(tmp_path: Path) -> None:
    dataset = made(AvsBenchS4Dataset, tmp_path)
    table = tmp_path / "Single-source/s4_meta_data.csv"
    save_table(table, ("name", "start", "category", "split"), ("gone", 0, "dog_barking", "test"))
    assert [fault.video for fault in found(dataset)] == ["gone"] * 3


def test_a_file_of_all_masks_that_is_cut_is_one_fault_and_frames_are_still_looked_at(tmp_path: Path) -> None:
    dataset = made(MeViSDataset, tmp_path, "valid_u")
    masks = tmp_path / "valid_u/mask_dict.json"
    masks.write_bytes(masks.read_bytes()[:100])
    video = dataset.list_videos()[0]
    dataset.get_frame_paths(video)[0].unlink()
    faults = found(dataset)
    assert [fault.video for fault in faults] == [video, ""]
    assert faults[0].message
    assert "mask_dict.json: " in faults[1].message


def test_true_masks_in_other_values_than_black_and_white_are_named(tmp_path: Path) -> None:
    dataset = made(AvsBenchMS3Dataset, tmp_path)
    path = dataset.get_true_mask_paths("-kQ_0")[2]
    save(path, np.full((64, 64, 3), 255, np.uint8))
    (fault,) = found(dataset)
    assert fault.video == "-kQ_0"
    assert fault.message.startswith(f"{path}: ")


def test_true_maps_that_scoring_would_refuse_are_named_before(tmp_path: Path) -> None:
    dataset = made(RefDavis17Dataset, tmp_path)
    path = tmp_path / "valid/Annotations/été/00003.png"
    save(path, np.zeros((64, 96, 3), np.uint8))
    (fault,) = found(dataset)
    assert fault.video == "été"
    assert fault.message.startswith(f"{path}: expected an indexed or gray PNG, got PNG of mode RGB")
