"""Archives for servers: their exact layout, the same bytes each time, and nothing when masks are missing."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from PIL import Image

from alref.components.dataset import Dataset
from alref.errors import ConfigError, InputError
from alref_benchmarks.datasets.avsbench import AvsBenchS4Dataset
from alref_benchmarks.datasets.expressions import MeViSDataset, RefYouTubeVosDataset
from support.benchmark_fixtures import build, result

NAMES = {
    RefYouTubeVosDataset: [f"Annotations/_003/{said}/{frame}.png" for said in "01" for frame in ("00000", "00005", "00010")],
    MeViSDataset: [f"f_2/{said}/{frame}.png" for said in "012" for frame in ("00000", "00005", "00010", "00015")],
}


def predicted(cls: type[Dataset], root: Path) -> Any:
    build(cls.name, root / "data")
    dataset = cls(root / "data")
    for video in dataset.list_videos():
        dataset.write_masks(result(dataset, video, {}), video, root / "run", lambda names, vocabulary: [])
    return dataset


@pytest.mark.parametrize(("cls", "names"), NAMES.items(), ids=lambda value: getattr(value, "name", ""))
def test_the_archive_has_the_layout_of_the_server(cls: type[Dataset], names: list[str], tmp_path: Path) -> None:
    dataset = predicted(cls, tmp_path)
    dataset.pack_submission(tmp_path / "run", tmp_path / "new/s.zip", dataset.list_videos())
    with ZipFile(tmp_path / "new/s.zip") as archive:
        assert archive.namelist() == names
        assert archive.testzip() is None
        with archive.open(names[-1]) as file, Image.open(file) as mask:
            assert (mask.mode, mask.size, mask.format) == ("L", (96, 64), "PNG")


def test_the_same_masks_make_the_same_bytes(tmp_path: Path) -> None:
    dataset = predicted(MeViSDataset, tmp_path)
    digests = set()
    for number in range(2):
        for path in (tmp_path / "run").rglob("*.png"):
            os.utime(path, (1e9 + number * 1e6, 1e9))
        dataset.pack_submission(tmp_path / "run", tmp_path / "s.zip", dataset.list_videos())
        digests.add(hashlib.sha256((tmp_path / "s.zip").read_bytes()).hexdigest())
    assert len(digests) == 1


def test_masks_that_are_missing_are_named_and_nothing_is_written(tmp_path: Path) -> None:
    dataset = predicted(MeViSDataset, tmp_path)
    (tmp_path / "run/f_2/1/00010.png").unlink()
    with pytest.raises(InputError, match=r"\b1\b.*\b12\b.*f_2/1/00010\.png"):
        dataset.pack_submission(tmp_path / "run", tmp_path / "s.zip", dataset.list_videos())
    assert not (tmp_path / "s.zip").exists()


def test_a_data_set_without_a_server_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="alref score avsbench-s4"):
        AvsBenchS4Dataset(tmp_path).pack_submission(tmp_path, tmp_path / "s.zip", [])
