"""Files that only the official programs read as they do: each test writes one, and the official formula plainly."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image
from pycocotools import mask as coco

import support.reference_metrics as plain
from alref.cli import run_command
from alref.components.dataset import Dataset
from alref.errors import InputError
from alref.media.draw import build_color_map
from alref.utils.masks import Mask
from alref_benchmarks.datasets.avsbench import AvsBenchMS3Dataset, AvsBenchS4Dataset
from alref_benchmarks.datasets.davis import RefDavis17Dataset
from alref_benchmarks.datasets.expressions import MeViSDataset
from alref_benchmarks.datasets.refavs import RefAvsDataset
from alref_benchmarks.metrics import get_metric
from support.benchmark_fixtures import SIZE, build

Pixels = npt.NDArray[Any]


def made(cls: type[Dataset], root: Path, split: str = "") -> Any:
    build(cls.name, root)
    return cls(root, split)


def draw(seed: int, count: int, size: tuple[int, int] = (64, 64)) -> Mask:
    """Draw masks of cells, bool (T, H, W)."""
    cells = np.random.default_rng(seed).uniform(size=(count, size[0] // 8, size[1] // 8)) < 0.4
    return np.asarray(cells.repeat(8, axis=1).repeat(8, axis=2))


def save_image(path: Path, pixels: Pixels, mode: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(pixels)
    if mode == "P":
        image.putpalette(build_color_map().tobytes())
    image.save(path, "PNG")


def score(dataset: Any, video: str, folder: Path, protocol: str) -> dict[str, float]:
    metric = get_metric(protocol)
    return metric.summarize_scores([metric.score_video(video, dataset.read_cases(video, folder))]).metrics


SAVED_TRUTH = {
    "white in RGB": lambda mask: (np.stack([mask * np.uint8(255)] * 3, axis=-1), ""),
    "gray": lambda mask: (mask * np.uint8(255), ""),
    "index 1": lambda mask: (mask * np.uint8(1), "P"),
    "gray values": lambda mask: (mask * np.uint8(200), ""),
}


@pytest.mark.parametrize("form", SAVED_TRUTH)
@pytest.mark.parametrize("cls", [AvsBenchMS3Dataset, AvsBenchS4Dataset])
def test_true_masks_of_avsbench_count_as_the_official_readers_convert_them(cls: Any, form: str, tmp_path: Path) -> None:
    dataset = made(cls, tmp_path)
    video = dataset.list_videos()[0]
    truth, predicted = draw(1, 5), draw(2, 5)
    for path, mask in zip(dataset.get_true_mask_paths(video), truth, strict=True):
        save_image(path, *SAVED_TRUTH[form](mask))
    for path, mask in zip(dataset.get_mask_paths(tmp_path / "run", video, "sound"), predicted, strict=True):
        save_image(path, mask * np.uint8(255))
    mode = "P" if cls is AvsBenchMS3Dataset else "1"
    images = [np.asarray(Image.open(path).convert(mode)) for path in dataset.get_true_mask_paths(video)]
    stored = torch.from_numpy(np.stack(images).astype(np.float32) / (255 if mode == "P" else 1))
    sure = torch.from_numpy(np.where(predicted, np.float32(50), np.float32(-200)))
    numbers = score(dataset, video, tmp_path / "run", "avs-avsbench")
    assert numbers["M_J"] == pytest.approx(plain.mask_iou(sure, stored), abs=1e-6)
    assert numbers["M_F"] == pytest.approx(plain.f_measure(torch.sigmoid(sure), stored), abs=1e-6)


@pytest.mark.parametrize("value", [1, 2, 3, 40, 255])
@pytest.mark.parametrize("mode", ["L", "P", "RGB"])
def test_true_masks_of_ref_avs_are_resized_as_stored_before_the_threshold(mode: str, value: int, tmp_path: Path) -> None:
    dataset, uid = made(RefAvsDataset, tmp_path), "y z_1000_11000_dog_1"
    (video,) = [video for video in dataset.list_videos() if uid.startswith(video)]
    truth, predicted = draw(3, 10, (300, 400))[:, :290, :395], draw(4, 10, (300, 400))[:, :290, :395]
    truth = np.kron(truth[:, ::8, ::8], np.ones((1, 3, 3), np.bool_))[:, :100, :140]
    predicted = predicted[:, : truth.shape[1], : truth.shape[2]]
    for path, mask in zip(dataset.get_object_mask_paths(video, "1"), truth, strict=True):
        pixels = mask * np.uint8(value)
        save_image(path, np.stack([pixels, pixels, pixels * 0], axis=-1) if mode == "RGB" else pixels, mode)
    for path, mask in zip(dataset.get_mask_paths(tmp_path / "run", video, uid), predicted, strict=True):
        save_image(path, mask * np.uint8(255))
    images = [cv2.imread(str(path)) for path in dataset.get_object_mask_paths(video, "1")]
    gray = [cv2.cvtColor(cv2.resize(image, (256, 256)), cv2.COLOR_BGR2GRAY) for image in images if image is not None]
    target = np.stack(gray) > 0
    found = np.stack([cv2.resize(mask.view(np.uint8), (256, 256), interpolation=cv2.INTER_NEAREST) for mask in predicted]) > 0
    both = [plain.region(*pair) if pair[0].any() else float(np.mean(~pair[1])) for pair in zip(target, found, strict=True)]
    assert score(dataset, video, tmp_path / "run", "ref-avs")["J"] == pytest.approx(np.mean(both), abs=1e-6)


VIDEO = "1 b"


def change_index(root: Path, **changes: Any) -> None:
    """Change the index of the first expression of the video, or with ``frames`` the order of its frames."""
    file = root / "valid_u/meta_expressions.json"
    meta = json.loads(file.read_text())
    entry = meta["videos"][VIDEO]
    entry["frames"] = changes.pop("frames", entry["frames"])
    said = entry["expressions"]["0"] | changes
    entry["expressions"]["0"] = {name: value for name, value in said.items() if value is not None}
    file.write_text(json.dumps(meta))


def score_mevis(root: Path, predicted: Mask | None = None) -> dict[str, float]:
    """Write the masks for all expressions of the video, score it with the dataset, and compare with the plain formula.

    The formula drops an expression where the official program stops.
    """
    dataset = MeViSDataset(root, "valid_u")
    entry = json.loads((root / "valid_u/meta_expressions.json").read_text())["videos"][VIDEO]
    if predicted is not None:
        for name in entry["expressions"]:
            for frame, mask in zip(sorted(entry["frames"]), predicted, strict=True):
                save_image(root / "run" / VIDEO / name / f"{frame}.png", mask * np.uint8(255))
    scores = [score_official(root, entry, each) for each in entry["expressions"]]
    kept = [each for each in scores if each is not None]
    numbers = score(dataset, VIDEO, root / "run", "mevis")
    assert [numbers["J"], numbers["F"]] == pytest.approx(np.mean(kept, axis=0).tolist(), abs=1e-9)
    assert numbers["dropped"] == len(scores) - len(kept)
    return numbers


def score_official(root: Path, entry: Any, name: str) -> tuple[float, float] | None:
    """Return J and F of an expression, or None where the official program stops."""
    masks = json.loads((root / "valid_u/mask_dict.json").read_text())
    frames = []
    try:
        for place, frame in enumerate(entry["frames"]):
            image = cv2.imread(str(root / "run" / VIDEO / name / f"{frame}.png"), cv2.IMREAD_GRAYSCALE)
            assert image is not None
            truth = np.zeros(image.shape, np.uint8)
            for number in entry["expressions"][name]["anno_id"]:
                if masks[str(number)][place]:
                    truth += coco.decode(masks[str(number)][place])
            frames.append((truth > 0, image > 0))
    except (KeyError, IndexError, ValueError, TypeError, AssertionError):
        return None
    return float(np.mean([plain.region(*each) for each in frames])), float(np.mean([plain.boundary(*each) for each in frames]))


FOUND = draw(5, 4, SIZE)


def test_mevis_reads_masks_by_anno_id_whatever_obj_id_is(tmp_path: Path) -> None:
    build("mevis", tmp_path)
    change_index(tmp_path, obj_id=7)
    assert score_mevis(tmp_path, FOUND)["dropped"] == 0


def test_an_expression_of_mevis_without_anno_id_is_dropped_and_named(tmp_path: Path) -> None:
    build("mevis", tmp_path)
    change_index(tmp_path, anno_id=None)
    assert score_mevis(tmp_path, FOUND)["dropped"] == 1
    problems = [each.message for each in MeViSDataset(tmp_path, "valid_u").find_problems() if each.video == VIDEO]
    assert [each.split(":")[0] for each in problems] == ["expression 0"]


def test_masks_of_mevis_belong_to_the_frames_as_listed(tmp_path: Path) -> None:
    build("mevis", tmp_path)
    change_index(tmp_path, frames=["00010", "00000", "00015", "00005"])
    assert [path.stem for path in MeViSDataset(tmp_path, "valid_u").get_frame_paths(VIDEO)] == [
        "00000",
        "00005",
        "00010",
        "00015",
    ]
    score_mevis(tmp_path, FOUND)


@pytest.mark.parametrize("change", ["gone", "short", "long", "another size"])
def test_masks_of_mevis_that_the_official_program_cannot_use_drop_one_expression(change: str, tmp_path: Path) -> None:
    build("mevis", tmp_path)
    file = tmp_path / "valid_u/mask_dict.json"
    runs = json.loads(file.read_text())
    small = coco.encode(np.zeros((8, 8), np.uint8, order="F"))
    small = {"size": small["size"], "counts": small["counts"].decode()}
    runs["10"] = {"short": runs["10"][:3], "long": [*runs["10"], None], "another size": [small] * 4}.get(change)
    runs = {number: each for number, each in runs.items() if each is not None}
    file.write_text(json.dumps(runs))
    assert score_mevis(tmp_path, FOUND)["dropped"] == (change != "long")


def test_uncompressed_run_lengths_of_mevis_are_read(tmp_path: Path) -> None:
    """The official program stops at them; here they mean what they mean elsewhere."""
    build("mevis", tmp_path)
    expected = score_mevis(tmp_path, FOUND)
    file = tmp_path / "valid_u/mask_dict.json"
    runs = json.loads(file.read_text())
    runs["10"] = [{"size": each["size"], "counts": count_runs(coco.decode(each))} for each in runs["10"]]
    file.write_text(json.dumps(runs))
    assert score(MeViSDataset(tmp_path, "valid_u"), VIDEO, tmp_path / "run", "mevis") == expected


def count_runs(mask: Pixels) -> list[int]:
    """Return the lengths of the runs of a mask by columns, the first of them outside."""
    values = mask.T.ravel()
    changes = np.flatnonzero(np.diff(values, prepend=0))
    return np.diff(np.concatenate([[0], changes, [len(values)]])).tolist()


DARK: dict[str, Pixels] = {
    "16 bits": (FOUND * np.uint16(255)),
    "16 bits, bright": (FOUND * np.uint16(300)),
    "dark blue": np.stack([FOUND * np.uint8(0), FOUND * np.uint8(0), FOUND * np.uint8(2)], axis=-1),
    "transparent": np.stack([FOUND * np.uint8(255)] * 4, axis=-1),
    "of another size": np.zeros((4, 20, 30), np.uint8),
}


@pytest.mark.parametrize("form", DARK)
def test_masks_of_mevis_are_read_by_their_8_bit_gray_value(form: str, tmp_path: Path) -> None:
    build("mevis", tmp_path)
    score_mevis(tmp_path, FOUND)
    for number, pixels in enumerate(DARK[form]):
        save_image(tmp_path / "run" / VIDEO / "1" / f"{5 * number:05d}.png", pixels)
    assert score_mevis(tmp_path)["dropped"] == (form == "of another size")


def test_a_mask_of_mevis_that_cannot_be_decoded_drops_its_expression(tmp_path: Path) -> None:
    build("mevis", tmp_path)
    score_mevis(tmp_path, FOUND)
    (tmp_path / "run" / VIDEO / "2/00005.png").write_bytes(b"")
    assert score_mevis(tmp_path)["dropped"] == 1


def test_a_score_says_what_it_holds_and_a_part_of_it_is_marked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    build("mevis", tmp_path)
    score_mevis(tmp_path, FOUND)
    command = ["score", "mevis", "--data", str(tmp_path), "--split", "valid_u", "--masks", str(tmp_path / "run"), "--jobs", "1"]
    assert run_command([*command, "--videos", VIDEO]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "1 of 1 videos, 3 of 3 references, 12 of 12 masks" in printed
    assert "partial" not in printed
    assert run_command(command) == 3
    printed = " ".join(capsys.readouterr().out.split())
    assert "2 of 2 videos, 6 of 6 references, 12 of 24 masks (partial)" in printed
    assert "J&F (partial)" in printed
    (tmp_path / "run" / VIDEO / "2/00005.png").write_bytes(b"")
    assert run_command([*command, "--videos", VIDEO]) == 3
    assert "2 of 3 references, 12 of 12 masks (partial)" in " ".join(capsys.readouterr().out.split())


WRONG_MASKS: dict[str, Pixels | None] = {
    "expected 96x64, got 30x20": np.zeros((20, 30), np.uint8),
    "of mode RGB": np.zeros((*SIZE, 3), np.uint8),
    "of mode I;16": np.zeros(SIZE, np.uint16),
    "cannot be read": None,
}


@pytest.mark.parametrize("fault", WRONG_MASKS)
def test_a_submission_with_a_mask_that_the_server_cannot_use_is_refused(fault: str, tmp_path: Path) -> None:
    dataset = made(MeViSDataset, tmp_path, "valid_u")
    score_mevis(tmp_path, FOUND)
    dataset.pack_submission(tmp_path / "run", tmp_path / "fine.zip", [VIDEO])
    path, pixels = tmp_path / "run" / VIDEO / "1/00010.png", WRONG_MASKS[fault]
    if pixels is None:
        path.write_bytes(path.read_bytes()[:40])
    else:
        save_image(path, pixels)
    with pytest.raises(InputError, match=rf"1 of 12 .*1/00010\.png: .*{fault}"):
        dataset.pack_submission(tmp_path / "run", tmp_path / "wrong.zip", [VIDEO])
    assert not (tmp_path / "wrong.zip").exists()


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_one_annotator_of_ref_davis17_is_scored_alone(jobs: str, tmp_path: Path) -> None:
    dataset = made(RefDavis17Dataset, tmp_path)
    for seed, path in enumerate(path for video in dataset.list_videos() for path in dataset.get_true_mask_paths(video)):
        moved = np.roll(np.asarray(Image.open(path)), seed % 5, axis=1)
        save_image(
            tmp_path / "run/anno_2" / path.parent.name / path.name, np.where(moved == 255, 0, moved).astype(np.uint8), "P"
        )
    parts = []
    for video in dataset.list_videos():
        true, found = (
            np.stack([np.asarray(Image.open(folder / path.name)) for path in dataset.get_true_mask_paths(video)])
            for folder in (tmp_path / "valid/Annotations" / video, tmp_path / "run/anno_2" / video)
        )
        parts += [each.mean(axis=0) for each in plain.davis_unsupervised(true, found)]
    command = ["score", "ref-davis17", "--data", str(tmp_path), "--masks", str(tmp_path / "run"), "--jobs", jobs]
    assert run_command([*command, "--annotator", "2", "--out", str(tmp_path / "n.json")]) == 0
    (table,) = json.loads((tmp_path / "n.json").read_text())["tables"]
    assert [table["metrics"]["J"], table["metrics"]["F"]] == pytest.approx(np.mean(parts, axis=0).tolist(), abs=1e-9)
    assert run_command(command) == 3
    assert run_command([*command, "--annotator", "4"]) == 4
