"""Our session computes what the video predictor of SAM 2's authors computes, and what the transformers library computes.

Kept logits of the authors' predictor stand for it where their package is not installed; test_sam2_parity_live.py runs it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import Sam2VideoInferenceSession

from alref.media.video import Video
from alref.records import Phrase, PivotBox, PivotFrame
from alref_sam2 import EdgeTam, Sam2, Sam2Options, Sam3Tracker
from alref_sam2._images import ImageReader, resize_mask, resize_smoothly, scale_box, scale_points
from alref_sam2._runtime import Sam2VideoRunner
from alref_sam2.families import IMAGENET_NORMALIZATION
from support.sam2_official import BOXES, EVERY, drifting, error, followed_by_us, golden, prompts, seeded
from support.tiny_sam2 import save_edgetam, save_sam2, save_sam3_tracker

TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Sam2VideoRunner:
    """Load SAM 2.1, tiny, from a checkpoint as the authors publish them."""
    path = tmp_path_factory.mktemp("checkpoint") / "sam2.1_hiera_tiny.pt"
    torch.save({"model": seeded(golden()[0])}, path)
    return Sam2VideoRunner(Sam2Options(model=str(path), image_size=256, prompt="box", dtype="float32", fill_holes=8), "cpu")


@pytest.mark.parametrize("kind", ["box", "mask"])
def test_masks_are_those_of_the_authors(original: Sam2VideoRunner, kind: str) -> None:
    ours = followed_by_us(original, drifting(), prompts(kind))[..., ::EVERY, ::EVERY]
    assert error(ours, golden()[1][kind]) < TOLERANCE


def test_an_object_alone_is_followed_as_it_is_beside_others(original: Sam2VideoRunner) -> None:
    alone = followed_by_us(original, drifting(), prompts("box", objects=1))[..., ::EVERY, ::EVERY]
    assert error(alone, golden()[1]["box"][:, :1]) < TOLERANCE


def test_a_wrong_object_would_show() -> None:
    theirs = golden()[1]["mask"]
    assert error(theirs[:, :1], theirs[:, 1:2]) > 50 * TOLERANCE


class Frames:
    """The frames of a video as the library's session takes them."""

    def __init__(self, video: Video, size: int) -> None:
        self._pictures = ImageReader(video, size, "bicubic", IMAGENET_NORMALIZATION, torch.device("cpu"))
        self._length = len(video)

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> torch.Tensor:
        return self._pictures.take_image(index)[0]


@torch.inference_mode()
def followed_by_the_library(model: Sam2VideoRunner, video: Video, boxes: list[np.ndarray], start: int) -> np.ndarray:
    """Follow boxes both ways with the library's own session: logits float32 (frame, object, h, w)."""
    network = model.network
    session = Sam2VideoInferenceSession(video_height=video.height, video_width=video.width, dtype=torch.float32)
    session.processed_frames = Frames(video, network.image_size)
    for each, box in enumerate(boxes):
        corners = scale_box(box, video, network.image_size, network.device)
        labels = torch.tensor([[[2, 3]]], dtype=torch.int32)
        session.add_point_inputs(session.obj_id_to_idx(each), start, {"point_coords": corners, "point_labels": labels})
    session.obj_with_new_inputs = list(range(len(boxes)))
    network.model(session, frame_idx=start)
    logits = np.full((len(video), len(boxes), *network.mask_size), np.nan, np.float32)
    for reverse in (False, True):
        for seen in network.model.propagate_in_video_iterator(session, start_frame_idx=start, reverse=reverse):
            logits[seen.frame_idx] = seen.pred_masks[:, 0].numpy()
    return logits


@pytest.mark.parametrize(("size", "objects"), [(128, 1), (128, 3), (256, 3)])
def test_boxes_are_followed_as_by_the_library(tmp_path: Path, size: int, objects: int) -> None:
    folder = save_sam2(tmp_path, image_size=size)
    model = Sam2VideoRunner(Sam2Options(model=str(folder), prompt="box", dtype="float32"), "cpu")
    video = drifting(frames=12)
    started = prompts("box", objects, frames=(5,))
    theirs = followed_by_the_library(model, video, [given[5] for given in started], 5)
    assert error(followed_by_us(model, video, started), theirs) < TOLERANCE


POINTS = np.array([[20, 24], [28, 20], [50, 6]], np.float32)
LABELS = np.array([True, True, False])
FAMILIES = {"sam2": (Sam2, save_sam2), "edgetam": (EdgeTam, save_edgetam), "sam3-tracker": (Sam3Tracker, save_sam3_tracker)}


def make_click(video: Video, frame: int, count: int, box: bool, mask: bool) -> PivotBox:
    """Return a pivot box with the first points, and with a box or a mask that they correct."""
    pivot = PivotFrame(phrase=Phrase(reference="1", text="patch"), frame=frame)
    given = np.zeros((video.height, video.width), bool)
    given[16:32, 12:36] = True
    return PivotBox(
        pivot=pivot,
        xyxy=BOXES[0] if box else None,
        mask=given if mask else None,
        points=POINTS[:count],
        point_labels=LABELS[:count],
    )


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("count", "box"), [(1, False), (3, False), (2, True)], ids=["one", "three", "beside a box"])
@torch.inference_mode()
def test_points_are_followed_as_by_the_library(tmp_path: Path, family: str, count: int, box: bool) -> None:
    cls, save = FAMILIES[family]
    component = cls(cls.Options(model=str(save(tmp_path)), dtype="float32"), "cpu")
    component.load()
    model: Any = component.model
    video, network = drifting(frames=4), model.network
    click = make_click(video, 0, count, box, mask=False)
    (step, *_) = model.iterate_steps(video, [{0: click}])
    points, labels = scale_points(click, video, network.image_size, network.device)
    image = ImageReader(video, network.image_size, "bicubic", cls.family.normalization, network.device).take_image(0)
    session = Sam2VideoInferenceSession(video=image, video_height=video.height, video_width=video.width, dtype=torch.float32)
    session.add_point_inputs(session.obj_id_to_idx(1), 0, {"point_coords": points, "point_labels": labels})
    session.obj_with_new_inputs = [1]
    theirs = network.model(session, frame_idx=0)
    torch.testing.assert_close(step.logits[0], theirs.pred_masks[0], atol=TOLERANCE, rtol=TOLERANCE)


@torch.inference_mode()
def test_points_correct_a_mask(tmp_path: Path) -> None:
    model: Any = Sam2VideoRunner(Sam2Options(model=str(save_sam2(tmp_path)), dtype="float32"), "cpu")
    video, network = drifting(frames=1), model.network
    click = make_click(video, 0, 3, box=False, mask=True)
    (step,) = model.iterate_steps(video, [{0: click}])
    points, labels = scale_points(click, video, network.image_size, network.device)
    image = ImageReader(video, network.image_size, "bicubic", IMAGENET_NORMALIZATION, network.device).take_image(0)
    given = resize_mask(torch.from_numpy(np.array(click.mask))[None], network.image_size) * 20 - 10
    features = network.encode_image(image).maps
    found = network.model._single_frame_forward(
        input_points=points,
        input_labels=labels,
        input_masks=resize_smoothly(given, network.mask_size),
        image_embeddings=[*features[:-1], features[-1] + network.model.no_memory_embedding.reshape(1, -1, 1, 1)],
        multimask_output=False,
    )
    torch.testing.assert_close(step.logits[0], found.pred_masks.reshape(step.logits[0].shape), atol=TOLERANCE, rtol=TOLERANCE)
    (alone,) = model.iterate_steps(video, [{0: make_click(video, 0, 3, box=False, mask=False)}])
    assert (alone.logits - step.logits).abs().max() > 0.1
