"""COCO, YouTube-VIS, DAVIS, MOTS and YOLO, read back by other readers: pycocotools, labelformat, Pillow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from labelformat.formats import coco as coco_reader
from labelformat.formats import yolov8 as yolo_reader
from labelformat.formats import youtubevis as ytvis_reader
from PIL import Image, ImageDraw
from pycocotools import mask as rle_tools
from pycocotools.coco import COCO

import alref
from alref.errors import InputError
from alref.utils.masks import Mask
from alref_exporters._polygons import join_polygons, trace_polygons
from support.clips import number_of
from support.export_runs import NAMES, SIZE, draw_masks, make_result, save_run

MASKS = draw_masks(6)
TOP_TO_BOTTOM = (0, 2, 1, 3)
"""Places of the objects by mean score, the highest first."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_run(tmp_path_factory.mktemp("run"))


@pytest.fixture
def no_output(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builtins.print", lambda *words, **_: None)


def flatten(frame: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return the ids of the topmost objects."""
    labels = np.zeros(SIZE, np.int64)
    for place in reversed(TOP_TO_BOTTOM):
        labels[MASKS[place][frame]] = place + 1
    return labels


def compute_overlap(one: Mask, other: Mask) -> float:
    return float((one & other).sum() / (one | other).sum())


def fill(points: Any) -> Mask:
    """Fill a polygon whose corners are edges of pixels: draw it enlarged, so that its outline adds little."""
    scale = 8
    image = Image.new("1", (SIZE[1] * scale, SIZE[0] * scale))
    ImageDraw.Draw(image).polygon([tuple(each) for each in np.asarray(points) * scale], fill=1)
    filled = np.array(image).reshape(SIZE[0], scale, SIZE[1], scale).mean(axis=(1, 3))
    return np.asarray(filled > 0.5)


@pytest.mark.parametrize("masks", ["rle", "rle-list"])
def test_coco_is_read_by_pycocotools(run: Path, tmp_path: Path, masks: str, no_output: None) -> None:
    folder = alref.export(run, "coco", tmp_path / "coco", masks=masks)
    data = COCO(folder / "annotations.json")
    assert {each["name"] for each in data.loadCats(data.getCatIds())} == {
        "dog",
        "unicorn",
        NAMES[1][0],
    }
    found = data.loadAnns(data.getAnnIds())
    assert {(each["iscrowd"], each["video_id"]) for each in found} == {(0, data.dataset["videos"][0]["id"])}
    for frame in range(6):
        here = {each["track_id"]: each for each in data.imgToAnns[frame + 1]}
        assert sorted(here) == [place + 1 for place in range(4) if MASKS[place][frame].any()]
        for number, each in here.items():
            mask = MASKS[number - 1][frame]
            assert np.array_equal(data.annToMask(each), mask)
            rows, columns = np.nonzero(mask)
            box = [columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1]
            assert (each["bbox"], each["area"]) == (box, mask.sum())
    assert isinstance(found[0]["segmentation"]["counts"], str if masks == "rle" else list)


def test_coco_names_the_frames_that_it_writes(run: Path, tmp_path: Path) -> None:
    folder = alref.export(run, "coco", tmp_path / "coco")
    listed = json.loads((folder / "annotations.json").read_text())["images"]
    assert [each["frame_id"] for each in listed] == list(range(6))
    for number, each in enumerate(listed):
        with Image.open(folder / "images" / each["file_name"]) as image:
            assert number_of(np.array(image.convert("RGB"))) == number
            assert image.size == (each["width"], each["height"])


def test_coco_polygons_are_read_by_labelformat_and_pycocotools(run: Path, tmp_path: Path, no_output: None) -> None:
    folder = alref.export(run, "coco", tmp_path / "coco", masks="polygons", images="none", tolerance=0)
    images = list(coco_reader.COCOInstanceSegmentationInput(folder / "annotations.json").get_labels())
    assert [len(image.objects) for image in images] == [3, 2, 3, 2, 3, 2]
    data = COCO(folder / "annotations.json")
    for each in data.loadAnns(data.getAnnIds()):
        mask = MASKS[each["track_id"] - 1][each["image_id"] - 1].copy()
        if each["track_id"] == 1:
            left = 2 + each["image_id"] - 1
            mask[4:24, left : left + 20] = True  # the hole is lost
            assert len(each["segmentation"]) == 2
        assert np.array_equal(data.annToMask(each), mask)


def test_youtube_vis_is_read_by_labelformat_and_pycocotools(run: Path, tmp_path: Path) -> None:
    for masks in ("rle", "rle-list"):
        folder = alref.export(run, "ytvis", tmp_path / masks, masks=masks)
        data = json.loads((folder / "instances.json").read_text())
        (video,) = data["videos"]
        assert (video["length"], video["width"], video["height"]) == (6, SIZE[1], SIZE[0])
        assert all((folder / "JPEGImages" / name).is_file() for name in video["file_names"])
        for each, truth in zip(data["annotations"], MASKS, strict=True):
            assert len(each["segmentations"]) == len(each["bboxes"]) == len(each["areas"]) == each["length"] == 6
            assert (each["iscrowd"], each["video_id"], each["height"], each["width"]) == (0, video["id"], *SIZE)
            for frame, segmentation in enumerate(each["segmentations"]):
                assert (segmentation is None) == (not truth[frame].any()) == (each["bboxes"][frame] is None)
                if segmentation:
                    rle = rle_tools.frPyObjects(segmentation, *SIZE) if masks == "rle-list" else segmentation
                    assert np.array_equal(rle_tools.decode(rle), truth[frame])
    (label,) = ytvis_reader.YouTubeVISInstanceSegmentationTrackInput(folder / "instances.json").get_labels()
    assert [each.object_track_id for each in label.objects] == [1, 2, 3, 4]
    for each, truth in zip(label.objects, MASKS, strict=True):
        for frame, segmentation in enumerate(each.segmentations):
            assert (
                segmentation is None if not truth[frame].any() else np.array_equal(segmentation.get_binary_mask(), truth[frame])
            )


def test_davis_is_an_indexed_png_with_the_palette(run: Path, tmp_path: Path) -> None:
    folder = alref.export(run, "davis", tmp_path / "davis", images="jpg")
    for frame in range(6):
        with Image.open(folder / "Annotations/clip" / f"{frame:05d}.png") as image:
            assert (image.mode, (image.getpalette() or [])[:6]) == ("P", [0, 0, 0, 128, 0, 0])
            assert np.array_equal(np.array(image), flatten(frame))
        assert (folder / "JPEGImages/clip" / f"{frame:05d}.jpg").is_file()
    objects = json.loads((folder / "meta.json").read_text())["videos"]["clip"]["objects"]
    assert objects["3"] == {"category": "dog", "name": "the other dog", "frames": ["00000", "00002", "00004"]}
    assert objects["4"]["frames"] == []


def test_more_than_255_objects_need_16_bits(tmp_path: Path) -> None:
    video = alref.ArrayVideo(np.zeros((1, 20, 20, 3), np.uint8))
    masks = np.zeros((300, 1, 400), np.bool_)
    masks[np.arange(300), 0, np.arange(300)] = True
    result = make_result(video, list(masks.reshape(300, 1, 20, 20)))
    folder = alref.export(result, "davis", tmp_path / "davis")
    with Image.open(folder / "Annotations/video/00000.png") as image:
        assert image.mode.startswith("I;16")
        assert np.array(image).ravel()[:300].tolist() == list(range(1, 301))


@pytest.mark.parametrize("first", [0, 1])
def test_mots_has_one_object_for_each_pixel(run: Path, tmp_path: Path, first: int) -> None:
    folder = alref.export(run, "mots", tmp_path / "mots", first_frame=first)
    names = (folder / "instances/labels.txt").read_text().splitlines()
    ids = {1: 1000 * (names.index("dog") + 1), 3: 1000 * (names.index("dog") + 1) + 1}
    ids[2] = 1000 * next(place for place, name in enumerate(names, 1) if name.startswith("a/b"))
    seen = np.zeros((6, *SIZE), np.int64)
    for line in (folder / "clip.txt").read_text().splitlines():
        frame, number, category, height, width, counts = line.split(" ")
        assert (int(height), int(width)) == SIZE
        assert int(number) // 1000 == int(category)
        mask = rle_tools.decode({"size": list(SIZE), "counts": counts}) > 0
        assert not seen[int(frame) - first][mask].any()
        seen[int(frame) - first][mask] = int(number)
    for frame in range(6):
        expected = flatten(frame)
        for place, number in ids.items():
            expected[expected == place] = number
        assert np.array_equal(seen[frame], expected)
        with Image.open(folder / "instances" / f"{frame:05d}.png") as image:
            assert image.mode.startswith("I;16")
            assert np.array_equal(np.array(image), expected)


@pytest.mark.parametrize(("count", "words"), [(12, "class 10"), (66, "at most 64 classes")])
def test_mots_refuses_class_10_and_numbers_above_16_bits(tmp_path: Path, count: int, words: str) -> None:
    video = alref.ArrayVideo(np.zeros((1, 20, 20, 3), np.uint8))
    mask = np.ones((1, 20, 20), np.bool_)
    with pytest.raises(InputError, match=words):
        alref.export(make_result(video, [mask] * count), "mots", tmp_path / "mots")


def test_yolo_is_read_by_labelformat(run: Path, tmp_path: Path) -> None:
    folder = alref.export(run, "yolo", tmp_path / "yolo", tolerance=0)
    reader = yolo_reader.YOLOv8InstanceSegmentationInput(folder / "data.yaml", "train")
    names = {each.id: each.name for each in reader.get_categories()}
    assert names[1] == "dog"
    lines = [line.split() for path in (folder / "labels/train").iterdir() for line in path.read_text().splitlines()]
    assert all(len(line) % 2 == 1 and len(line) >= 7 for line in lines)  # trainers refuse a track id as the last number
    images = sorted(reader.get_labels(), key=lambda each: each.image.filename)
    assert [len(image.objects) for image in images] == [3, 2, 3, 2, 3, 2]
    for frame, image in enumerate(images):
        shown = [place for place in range(4) if MASKS[place][frame].any()]
        for place, each in zip(shown, image.objects, strict=True):
            mask = MASKS[place][frame].copy()
            if place == 0:
                mask[4:24, 2 + frame : 22 + frame] = True
            (polygon,) = each.segmentation.polygons
            assert len(polygon) >= 3
            assert compute_overlap(fill(polygon), mask) == 1.0


def test_a_simplified_polygon_stays_near_the_edge() -> None:
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    disk = (rows - 24) ** 2 + (columns - 30) ** 2 < 18**2
    (exact,), (short,) = trace_polygons(disk), trace_polygons(disk, 1.0)
    assert compute_overlap(fill(exact), disk) == 1.0
    assert len(short) < len(exact) / 3
    assert compute_overlap(fill(short), disk) > 0.93


def test_a_single_pixel_has_four_corners_at_any_tolerance() -> None:
    dot = np.zeros(SIZE, np.bool_)
    dot[-1, -1] = True
    for tolerance in (0.0, 1.0, 10.0):
        (polygon,) = trace_polygons(dot, tolerance)
        assert {tuple(each) for each in polygon} == {(63, 47), (64, 47), (64, 48), (63, 48)}


def test_random_masks_survive_the_way_through_polygons() -> None:
    generator = np.random.default_rng(5)
    for density in (0.3, 0.55, 0.8):
        mask = generator.random((20, 30)) < density
        polygons = trace_polygons(mask)
        filled = rle_tools.decode(rle_tools.merge(rle_tools.frPyObjects([each.ravel().tolist() for each in polygons], 20, 30)))
        assert not (mask & (filled == 0)).any()
        assert len(join_polygons(polygons)) >= sum(map(len, polygons))


def test_classes_have_the_given_ids(run: Path, tmp_path: Path) -> None:
    names = ["unicorn", "cat", "dog", NAMES[1][0]]
    folder = alref.export(run, "coco", tmp_path / "coco", images="none", categories=names)
    data = json.loads((folder / "annotations.json").read_text())
    assert [each["name"] for each in data["categories"]] == names
    assert {each["category_id"] for each in data["annotations"] if each["track_id"] == 1} == {3}
