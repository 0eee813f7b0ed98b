"""Masks of datasets: how truth and results are read from images of any depth."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from alref.errors import InputError
from alref.media.draw import build_color_map
from alref_benchmarks.datasets.davis import RefDavis17Dataset
from alref_benchmarks.datasets.mask_files import read_classes, read_mask, read_objects
from alref_benchmarks.datasets.refavs import RefAvsDataset
from support.benchmark_fixtures import SIZE, build


def test_void_stays_in_the_truth(tmp_path: Path) -> None:
    build("ref-davis17", tmp_path)
    truth = next(iter(next(RefDavis17Dataset(tmp_path).read_cases("été", tmp_path)).truth))
    assert np.unique(truth).tolist() == [0, 1, 2, 255]


def test_the_truth_of_expressions_of_nothing_is_empty(tmp_path: Path) -> None:
    build("ref-avs", tmp_path)
    (case,) = RefAvsDataset(tmp_path, "test_n").read_cases("null_c--x_0_10000", tmp_path)
    assert [np.asarray(frame).any() for frame in case.truth] == [False] * 10


PIXELS = np.array([[0, 0, 0, 1], [0, 2, 3, 200]], np.uint8)
SAVED: dict[str, npt.NDArray[Any]] = {
    "gray": PIXELS,
    "16 bits": PIXELS.astype(np.uint16),
    "RGB": np.stack([PIXELS, PIXELS * 0, PIXELS * 0], axis=2),
    "one bit": PIXELS > 0,
}


@pytest.mark.parametrize("pixels", SAVED.values(), ids=SAVED)
def test_what_is_not_black_is_foreground_whatever_the_depth(pixels: npt.NDArray[Any], tmp_path: Path) -> None:
    Image.fromarray(pixels).save(tmp_path / "m.png")
    mask = read_mask(tmp_path / "m.png")
    assert mask is not None
    assert mask.tolist() == (PIXELS > 0).tolist()


def test_indexed_masks_are_read_by_color(tmp_path: Path) -> None:
    image = Image.fromarray(np.minimum(PIXELS, 3))
    image.putpalette(build_color_map().tobytes())
    image.save(tmp_path / "m.png")
    mask = read_mask(tmp_path / "m.png")
    assert mask is not None
    assert mask.tolist() == (PIXELS > 0).tolist()


@pytest.mark.parametrize("kind", ["RGBA", "JPEG", "cut short", "empty file"])
def test_a_mask_that_cannot_be_read_is_an_error(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "m.png"
    image = Image.fromarray(np.tile(PIXELS, (20, 20)))
    image.convert("RGBA" if kind == "RGBA" else "L").save(path, "JPEG" if kind == "JPEG" else "PNG")
    data = path.read_bytes()
    path.write_bytes({"cut short": data[:-30], "empty file": b""}.get(kind, data))
    with pytest.raises(InputError, match=r"m\.png: "):
        read_mask(path)


@pytest.mark.parametrize("read", [read_mask, read_classes, read_objects])
def test_a_folder_in_place_of_a_mask_is_an_error(read: Callable[[Path], Any], tmp_path: Path) -> None:
    (tmp_path / "m.png").mkdir()
    with pytest.raises(InputError, match=r"m\.png: "):
        read(tmp_path / "m.png")


def test_a_map_of_class_numbers_is_not_taken_for_colors(tmp_path: Path) -> None:
    Image.fromarray(PIXELS).save(tmp_path / "m.png")
    with pytest.raises(InputError, match=r"m\.png: "):
        read_classes(tmp_path / "m.png")


def test_specks_of_no_class_on_black_are_background(tmp_path: Path) -> None:
    colors = np.zeros((*SIZE, 3), np.uint8)
    colors[3, 4] = 77, 30, 12
    Image.fromarray(colors).save(tmp_path / "m.png")
    labels = read_classes(tmp_path / "m.png")
    assert labels is not None
    assert not labels.any()


def test_a_map_of_objects_can_have_16_bits_and_numbers_up_to_255(tmp_path: Path) -> None:
    path, numbers = tmp_path / "m.png", np.array([[0, 1], [20, 255]], np.uint16)
    Image.fromarray(numbers).save(path)
    labels = read_objects(path)
    assert labels is not None
    assert labels.tolist() == numbers.tolist()
    Image.fromarray(numbers * 2).save(path)
    with pytest.raises(InputError, match=r"m\.png: .*0\.\.255, got 510"):
        read_objects(path)


def test_a_map_of_objects_that_ends_too_early_is_an_error(tmp_path: Path) -> None:
    build("ref-davis17", tmp_path)
    dataset = RefDavis17Dataset(tmp_path)
    path = tmp_path / "valid/Annotations/été/00000.png"
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(InputError, match=r"00000\.png: "):
        next(iter(next(dataset.read_cases("été", tmp_path)).truth))


def test_a_true_mask_that_is_missing_is_named(tmp_path: Path) -> None:
    build("ref-davis17", tmp_path)
    dataset = RefDavis17Dataset(tmp_path)
    (tmp_path / "valid/Annotations/été/00000.png").unlink()
    with pytest.raises(InputError, match=r"00000\.png: .*alref data check"):
        next(iter(next(dataset.read_cases("été", tmp_path)).truth))
