"""Cut-outs, EXR and the NumPy archive, read back by Pillow, OpenEXR and NumPy."""

from __future__ import annotations

import csv
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import OpenEXR
import pytest
from PIL import Image

import alref
from alref import RunObject
from alref_exporters import _exr
from support.export_runs import NAMES, SIZE, draw_masks, make_result, save_run

MASKS = draw_masks(6)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_run(tmp_path_factory.mktemp("run"))


@pytest.mark.parametrize("margin", [0, 3])
def test_cutouts_are_the_object_on_nothing(run: Path, tmp_path: Path, margin: int) -> None:
    folder = alref.export(run, "cutouts", tmp_path / "cutouts", margin=margin)
    video = alref.open_video(run.parent / "clip.mkv")
    with (folder / "cutouts.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == sum(int(masks.any(axis=(1, 2)).sum()) for masks in MASKS)
    assert {row["name"] for row in rows} == {text for text, _ in NAMES[:3]}
    for row in rows:
        frame, mask = int(row["frame"]), MASKS[int(row["object"]) - 1][int(row["frame"])]
        x0, y0, x1, y1 = (int(row[name]) for name in ("x0", "y0", "x1", "y1"))
        with Image.open(folder / row["file"]) as image:
            pixels = np.array(image)
        assert np.array_equal(pixels[..., 3] > 0, mask[y0:y1, x0:x1])
        assert np.array_equal(pixels[..., :3], video[frame][y0:y1, x0:x1])
        rows_of, columns = np.nonzero(mask)
        assert (x0, y0) == (max(0, columns.min() - margin), max(0, rows_of.min() - margin))
        assert int(row["area"]) == mask.sum()


def test_cutouts_may_have_the_whole_frame(run: Path, tmp_path: Path) -> None:
    folder = alref.export(run, "cutouts", tmp_path / "cutouts", crop=False)
    with Image.open(folder / "1-the-dog/00000.png") as image:
        assert image.size == SIZE[::-1]


@pytest.mark.parametrize(("depth", "compression"), [("half", "zip"), ("float", "piz")])
def test_exr_has_a_layer_for_each_object(run: Path, tmp_path: Path, depth: str, compression: str) -> None:
    folder = alref.export(run, "exr", tmp_path / "exr", depth=depth, compression=compression)
    layers = ["1_the_dog.Y", "2_a_b_c_e.Y", "3_the_other_dog.Y", "4_a_unicorn.Y"]
    for frame in range(6):
        with OpenEXR.File(str(folder / f"clip.{frame:05d}.exr"), separate_channels=True) as file:
            channels = file.channels()
            assert sorted(channels) == sorted(["A", *layers])
            for layer, masks in zip(layers, MASKS, strict=True):
                assert channels[layer].pixels.dtype == {"half": np.float16, "float": np.float32}[depth]
                assert np.array_equal(channels[layer].pixels, masks[frame])
            assert np.array_equal(channels["A"].pixels, np.any([masks[frame] for masks in MASKS], axis=0))


def test_exr_layers_of_long_names_fit_and_stay_apart() -> None:
    layers = {_exr.format_layer(RunObject(number, "the person in the red coat " * 9, "", Mock())) for number in (1, 2, 300)}
    assert len(layers) == 3
    assert all(len(f"{each}.Y") <= 31 for each in layers)  # what some hosts read


def test_exr_names_what_to_install(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alref.utils.libraries.is_installed", lambda module: False)
    with pytest.raises(alref.MissingError, match=r"alref\[exr\]"):
        alref.export(run, "exr", tmp_path / "exr")


def test_the_archive_holds_everything(run: Path, tmp_path: Path) -> None:
    with np.load(alref.export(run, "numpy", tmp_path / "run.npz")) as archive:
        masks = np.unpackbits(archive["masks"], axis=-1, count=int(archive["width"])).astype(np.bool_)
        assert np.array_equal(masks, np.stack(MASKS, axis=1))
        assert archive["names"].tolist() == [text for text, _ in NAMES]
        assert archive["categories"].tolist() == ["dog", NAMES[1][0], "dog", "unicorn"]
        assert archive["ids"].tolist() == [1, 2, 3, 4]
        assert archive["scores"].shape == (6, 4)
        assert archive["scores"][0].tolist() == pytest.approx([0.9, 0.5, 0.7, 0.1])
        assert archive["times"].tolist() == list(alref.load_result(run).video.times)


def test_the_archive_of_nothing_has_no_masks(tmp_path: Path) -> None:
    video = alref.ArrayVideo(np.zeros((2, 9, 17, 3), np.uint8))
    with np.load(alref.export(make_result(video, []), "numpy", tmp_path / "run.npz")) as archive:
        assert archive["masks"].shape == (2, 0, 9, 3)
        assert archive["scores"].shape == (2, 0)
