"""CVAT, Label Studio and LabelMe, read back as their documentation says."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as rle_tools

import alref
from alref.components.finished_run import crop_mask
from alref.errors import InputError
from alref.output.export import make_exporters, write_export
from alref.plugins.manager import PluginManager
from alref.testing import make_finished_run
from alref.utils.masks import Mask, encode_mask
from alref_exporters._brush import encode_brush
from support.clips import encode, number_of
from support.export_runs import NAMES, SIZE, draw_masks, save_run, save_run_of

MASKS = draw_masks(6)
CVAT_ATTRIBUTES = {
    "track": {"id", "label", "source", "group_id"},
    "polygon": {"frame", "keyframe", "outside", "occluded", "points", "z_order"},
    "mask": {"frame", "keyframe", "outside", "occluded", "rle", "left", "top", "width", "height", "z_order"},
}
"""What docs.cvat.ai/docs/other/xml_format lists for the elements of a video."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_run(tmp_path_factory.mktemp("run"))


def read_cvat(folder: Path) -> list[ElementTree.Element]:
    """Check a file against the documented schema, and return its tracks."""
    root = ElementTree.parse(folder / "annotations.xml").getroot()
    assert (root.tag, root.findtext("version")) == ("annotations", "1.1")
    task = root.find("meta/task")
    assert task is not None
    assert task.findtext("mode") == "interpolation"
    labels = {each.text for each in task.findall("labels/label/name")}
    size = int(task.findtext("original_size/width") or 0), int(task.findtext("original_size/height") or 0)
    tracks = root.findall("track")
    assert [int(each.attrib["id"]) for each in tracks] == list(range(len(tracks)))
    for track in tracks:
        assert track.attrib.keys() == CVAT_ATTRIBUTES["track"]
        assert track.attrib["label"] in labels
        frames = [int(each.attrib["frame"]) for each in track]
        assert frames == sorted(set(frames))
        assert max(frames) < int(task.findtext("size") or 0)
        for each in track:
            assert each.attrib.keys() == CVAT_ATTRIBUTES[each.tag]
            for point in each.attrib.get("points", "0,0").split(";"):
                x, y = map(float, point.split(","))
                assert 0 <= x <= size[0]
                assert 0 <= y <= size[1]
    assert {each["name"] for each in json.loads((folder / "labels.json").read_text())} == labels
    return tracks


def list_shown(track: ElementTree.Element) -> dict[int, ElementTree.Element]:
    """Return the shapes of a track that are there, by frame, as CVAT's loader reads keyframes."""
    return {
        int(each.attrib["frame"]): each for each in track if each.attrib["outside"] == "0" and each.attrib["keyframe"] == "1"
    }


def fill_polygon(shape: ElementTree.Element) -> Mask:
    corners = [float(value) for point in shape.attrib["points"].split(";") for value in point.split(",")]
    return np.asarray(rle_tools.decode(rle_tools.frPyObjects([corners], *SIZE))[..., 0], np.bool_)


def paint_mask(shape: ElementTree.Element) -> Mask:
    """Decode the run lengths of a box by rows, which begin with those of the background."""
    left, top, width, height = (int(shape.attrib[name]) for name in ("left", "top", "width", "height"))
    runs = [int(each) for each in shape.attrib["rle"].split(",")]
    inside = np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(height, width)
    mask = np.zeros(SIZE, np.bool_)
    mask[top : top + height, left : left + width] = inside
    return mask


def test_cvat_has_a_track_of_polygons_for_each_piece(run: Path, tmp_path: Path) -> None:
    tracks = read_cvat(alref.export(run, "cvat", tmp_path / "cvat", tolerance=0))
    assert [(each.attrib["group_id"], each.attrib["label"]) for each in tracks] == [
        ("1", "dog"), ("1", "dog"), ("2", " ".join(NAMES[1][0].split())), ("3", "dog")
    ]  # fmt: skip
    for frame in range(6):
        filled = MASKS[0][frame].copy()
        filled[4:24, 2 + frame : 22 + frame] = True  # the hole is lost
        pieces = [fill_polygon(list_shown(track)[frame]) for track in tracks[:2]]
        assert np.array_equal(pieces[0] | pieces[1], filled)
        assert pieces[0].sum() > pieces[1].sum()
    assert [(int(each.attrib["frame"]), each.attrib["outside"]) for each in tracks[3]] == [
        (frame, str(frame % 2)) for frame in range(6)
    ]


def test_cvat_interpolates_between_fewer_keyframes(run: Path, tmp_path: Path) -> None:
    tracks = read_cvat(alref.export(run, "cvat", tmp_path / "cvat", every=4))
    assert [int(each.attrib["frame"]) for each in tracks[0]] == [0, 4, 5]
    assert [int(each.attrib["frame"]) for each in tracks[3]] == list(range(6))


def test_cvat_masks_are_exact_and_last_one_frame(run: Path, tmp_path: Path) -> None:
    tracks = read_cvat(alref.export(run, "cvat", tmp_path / "cvat", shapes="masks"))
    seen = 0
    for track in tracks:
        ((frame, shape),) = list_shown(track).items()
        assert np.array_equal(paint_mask(shape), MASKS[int(track.attrib["group_id"]) - 1][frame])
        assert [int(each.attrib["frame"]) for each in track] == ([frame, frame + 1] if frame < 5 else [frame])
        seen += 1
    assert seen == sum(int(masks.any(axis=(1, 2)).sum()) for masks in MASKS)


def test_small_pieces_are_left_out_but_never_the_object(tmp_path: Path) -> None:
    masks = np.zeros((2, *SIZE), np.bool_)
    masks[0, 5, 5] = masks[0, 20, 20] = masks[1, 5, 5] = True
    run = save_run_of(alref.ArrayVideo(np.zeros((2, *SIZE, 3), np.uint8)), tmp_path / "run", [masks])
    (track,) = read_cvat(alref.export(run, "cvat", tmp_path / "cvat"))
    assert sorted(list_shown(track)) == [0, 1]
    assert len(read_cvat(alref.export(run, "cvat", tmp_path / "all", min_area=0))) == 2


def test_long_labels_are_cut_and_stay_apart(tmp_path: Path) -> None:
    video = alref.ArrayVideo(np.zeros((2, *SIZE, 3), np.uint8))
    long = "a person in a red coat who walks from the left to the right side"
    run = make_finished_run(video, [MASKS[0][:2]] * 4, (f"{long} 1", f"{long} 2", "\0", "\1"))
    (exporter,) = make_exporters(PluginManager(), ["cvat"], {})
    tracks = read_cvat(write_export(exporter, run, tmp_path / "cvat").path)
    labels = {each.attrib["label"] for each in tracks}
    assert len(labels) == 4
    assert all(0 < len(each) <= 64 for each in labels)  # what cvat-sdk's model of a label allows


def test_frames_of_a_part_have_the_numbers_of_the_whole_video(tmp_path: Path) -> None:
    path = encode(tmp_path / "clip.mp4", 30)
    video = alref.open_video(path, start=0.4, end=1.0, every=3)
    run = save_run_of(video, tmp_path / "run", draw_masks(len(video)))
    tracks = read_cvat(alref.export(run, "cvat", tmp_path / "cvat"))
    places = [(int(each.attrib["frame"]), each.attrib["outside"]) for each in tracks[0]]
    assert places == [*((frame, "0") for frame in (10, 13, 16, 19, 22)), (23, "1")]  # CVAT shows the last shape until it ends
    masks = read_cvat(alref.export(run, "cvat", tmp_path / "masks", shapes="masks"))
    assert (23, "1") in [(int(each.attrib["frame"]), each.attrib["outside"]) for track in masks for each in track]
    (task,) = json.loads((alref.export(run, "label-studio", tmp_path / "ls", images="none") / "video.json").read_text())
    value = task["predictions"][0]["result"][0]["value"]
    sequence = value["sequence"]
    assert value["framesCount"] == 30
    assert [each["frame"] for each in sequence] == [11, 14, 17, 20, 23]
    path.rename(tmp_path / "moved.mp4")
    with pytest.raises(InputError):
        alref.export(run, "cvat", tmp_path / "again")


def decode_brush(data: list[int]) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Decode the documented stream bit by bit: runs of one value, and single values."""
    bits, place = "".join(f"{byte:08b}" for byte in data), 0

    def take(count: int) -> int:
        nonlocal place
        place += count
        return int(bits[place - count : place], 2)

    length, word = take(32), take(5) + 1
    sizes = [take(4) + 1 for _ in range(4)]
    out: list[int] = []
    while len(out) < length:
        repeated = take(1)
        count = take(sizes[take(2)]) + 1
        out += [take(word)] * count if repeated else [take(word) for _ in range(count)]
    return np.array(out, np.uint8)


def test_brush_masks_are_exact_in_label_studio(run: Path, tmp_path: Path) -> None:
    folder = alref.export(run, "label-studio", tmp_path / "ls")
    tasks = json.loads((folder / "frames.json").read_text())
    assert len(tasks) == 6
    for frame, task in enumerate(tasks):
        name = task["data"]["image"].removeprefix("/data/local-files/?d=")
        with Image.open(folder / name) as image:
            assert number_of(np.array(image.convert("RGB"))) == frame
        (prediction,) = task["predictions"]
        shown = [place for place in range(4) if MASKS[place][frame].any()]
        assert [each["id"] for each in prediction["result"]] == [f"{frame}-{place + 1}" for place in shown]
        for place, each in zip(shown, prediction["result"], strict=True):
            assert (each["original_height"], each["original_width"]) == SIZE
            rgba = decode_brush(each["value"]["rle"]).reshape(*SIZE, 4)
            assert np.array_equal(rgba[..., 3], MASKS[place][frame] * 255)
            assert (rgba == rgba[..., 3:]).all()
            assert each["value"]["brushlabels"] == [NAMES[place][1] or NAMES[place][0]]


@pytest.mark.parametrize("size", [(1, 1), (7, 5), (300, 400)], ids=str)
def test_brush_runs_of_any_length(size: tuple[int, int]) -> None:
    generator = np.random.default_rng(3)
    for mask in (
        np.zeros(size, np.bool_),
        np.ones(size, np.bool_),
        generator.random(size) < 0.02,
        generator.random(size) < 0.9,
    ):
        assert np.array_equal(
            decode_brush(encode_brush(crop_mask(encode_mask(mask)), size)).reshape(*size, 4)[..., 0], mask * 255
        )


def test_boxes_on_the_video_stop_where_the_object_is_gone(run: Path, tmp_path: Path) -> None:
    folder = alref.export(run, "label-studio", tmp_path / "ls", role="annotations", url="https://host/")
    (task,) = json.loads((folder / "video.json").read_text())
    assert task["data"]["video"] == "https://host/clip.mkv"
    first, second, third = task["annotations"][0]["result"]
    assert [each["enabled"] for each in first["value"]["sequence"]] == [True] * 5 + [False]
    assert [(each["frame"], each["enabled"]) for each in third["value"]["sequence"]] == [(1, False), (3, False), (5, False)]
    box = second["value"]["sequence"][0]
    assert [box[name] for name in ("x", "y", "width", "height")] == pytest.approx([12.5, 41.667, 50, 25], abs=0.01)
    for name in ("frames", "video"):
        interface = ElementTree.parse(folder / f"{name}.xml").getroot()
        assert {each.attrib["value"] for each in interface.iter("Label")} == {"dog", "unicorn", NAMES[1][0].replace("\n", "\n")}


def test_labelme_masks_are_exact(run: Path, tmp_path: Path) -> None:
    folder = alref.export(run, "labelme", tmp_path / "labelme")
    for frame in range(6):
        content = json.loads((folder / f"{frame:05d}.json").read_text())
        assert (content["imageHeight"], content["imageWidth"], content["imageData"]) == (*SIZE, None)
        with Image.open(folder / content["imagePath"]) as image:
            assert number_of(np.array(image.convert("RGB"))) == frame
        seen = [each["group_id"] - 1 for each in content["shapes"]]
        assert seen == [place for place in range(4) if MASKS[place][frame].any()]
        for place, each in zip(seen, content["shapes"], strict=True):
            (left, top), (right, bottom) = each["points"]
            mask = np.zeros(SIZE, np.bool_)
            with Image.open(io.BytesIO(base64.b64decode(each["mask"]))) as crop:
                mask[top : bottom + 1, left : right + 1] = np.array(crop)
            assert (each["shape_type"], each["flags"], each["description"]) == ("mask", {}, NAMES[place][0])
            assert np.array_equal(mask, MASKS[place][frame])


def test_labelme_polygons_have_a_shape_for_each_piece(run: Path, tmp_path: Path) -> None:
    folder = alref.export(run, "labelme", tmp_path / "labelme", shapes="polygons", images="none")
    content = json.loads((folder / "00000.json").read_text())
    assert [(each["group_id"], each["shape_type"]) for each in content["shapes"]] == [(1, "polygon")] * 2 + [
        (2, "polygon"), (3, "polygon")
    ]  # fmt: skip
    assert all(len(each["points"]) >= 3 for each in content["shapes"])
    assert not list(folder.glob("*.jpg"))
