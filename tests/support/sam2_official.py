"""Weights that anybody can make again from names and shapes, and a small video: what parity with SAM 2's authors is held on."""

from __future__ import annotations

import json
import math
import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch
from zlib import crc32

import cv2
import numpy as np
import torch

from alref.media.video import Video
from alref.records import Phrase, PivotBox, PivotFrame
from alref.testing import ArrayVideo
from alref.utils.masks import Mask
from alref_sam2._original import compute_image_mask, init_video_state
from alref_sam2._runtime import Sam2VideoRunner

GOLDEN = Path(__file__).parents[1] / "data" / "sam2_golden.npz"
SIZE = 64
"""Height and width of the video: those of the predictor's own masks at 256 pixels, so that nothing is resized."""
BOXES = [np.array(box, np.float32) for box in ((12, 16, 36, 32), (30, 34, 56, 50), (4, 4, 40, 60))]
EVERY = 4
THERE = "sam_mask_decoder.pred_obj_score_head.layers.2.bias"

Shapes = dict[str, tuple[int, ...]]
Prompts = list[dict[int, np.ndarray]]
"""Boxes (4,) or masks (H, W) of each object by frame."""


def seeded(shapes: Shapes) -> dict[str, torch.Tensor]:
    """Make float32 weights that depend on names and shapes alone; objects are said to be there."""
    return {name: torch.from_numpy(_weight(name, shape)) for name, shape in shapes.items()}


def _weight(name: str, shape: tuple[int, ...]) -> np.ndarray:
    noise = np.random.Generator(np.random.PCG64(crc32(name.encode()))).random(shape, np.float32) * 2 - 1
    if name == THERE:
        return np.full(shape, 4, np.float32)
    if len(shape) == 1:
        return noise * np.float32(0.1) + np.float32(name.endswith(("weight", "gamma")))
    return noise * np.float32(math.sqrt(3 / math.prod(shape[1:])))


def shapes_of(tensors: Iterable[tuple[str, torch.Tensor]]) -> Shapes:
    return {name: tuple(tensor.shape) for name, tensor in tensors}


def drifting(frames: int = 9, size: int = SIZE) -> ArrayVideo:
    """Make a video of bright patches that move over a dim pattern, without chance and without rounding."""
    across = np.arange(size)
    pictures = np.stack([np.broadcast_to((across * 2 + 3 * across[:, None] + 5) % 97, (size, size))] * 3, axis=-1)
    video = np.stack([pictures] * frames).astype(np.uint8)
    for frame in range(frames):
        left = size // 8 + frame * size // (2 * frames)
        video[frame, size // 4 : size // 2, left : left + size // 4] = (230, 60, 40)
        video[frame, size // 2 + left // 4 : size * 3 // 4, size // 2 : size * 7 // 8] = (50, 200, 90 + frame)
    return ArrayVideo(video)


def prompts(kind: str, objects: int = 3, frames: Sequence[int] = (4,), size: int = SIZE) -> Prompts:
    """Start objects on frames from boxes, or from masks that fill the boxes; the video is ``size`` pixels wide."""
    boxes = [box * size / SIZE for box in BOXES[:objects]]
    return [dict.fromkeys(frames, box if kind == "box" else _filled(box, size)) for box in boxes]


def _filled(box: np.ndarray, size: int) -> Mask:
    left, top, right, bottom = box.astype(int)
    mask = np.zeros((size, size), np.bool_)
    mask[top:bottom, left:right] = True
    return mask


def golden() -> tuple[Shapes, dict[str, np.ndarray]]:
    """Read the names and shapes of a checkpoint, and the logits by prompt, float32 (frame, object, 16, 16)."""
    with np.load(GOLDEN) as kept:
        shapes = {name: tuple(shape) for name, shape in json.loads(str(kept["shapes"])).items()}
        return shapes, {name: kept[name] for name in ("box", "mask")}


def predictor(config: str, image_size: int, *settings: str) -> Any:
    """Build the authors' predictor from a configuration of theirs, with changes; weights are random."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from sam2.build_sam import build_sam2_video_predictor

        changes = [f"++model.image_size={image_size}", *settings]
        return build_sam2_video_predictor(config, device="cpu", hydra_overrides_extra=changes)


@contextmanager
def filling_holes() -> Iterator[None]:
    """Let the authors' code fill holes as on CUDA: OpenCV stands for their kernel, which is not built here."""
    from sam2 import sam2_video_predictor
    from sam2.utils import misc

    kernel = ModuleType("sam2._C")
    kernel.__spec__ = ModuleSpec("sam2._C", None)
    kernel.get_connected_componnets = _components  # type: ignore[attr-defined]
    own = misc.fill_holes_in_mask_scores
    with patch.dict(sys.modules, {"sam2._C": kernel}), patch.object(sam2_video_predictor, own.__name__, own):
        yield


def _components(masks: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the labels of the components of masks, uint8 (N, 1, H, W), and at each pixel the area of its component."""
    labels, areas = np.zeros(masks.shape, np.int32), np.zeros(masks.shape, np.int32)
    for place, mask in enumerate(masks[:, 0].numpy()):
        _, labels[place, 0], facts, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
        areas[place, 0] = facts[:, cv2.CC_STAT_AREA][labels[place, 0]] * (mask > 0)
    return torch.from_numpy(labels), torch.from_numpy(areas)


@filling_holes()
def followed(made: Any, video: Video, prompts: Prompts, image_masks: bool = False) -> np.ndarray:
    """Follow objects both ways with the authors' predictor: logits float32 (frame, object, H, W).

    With ``image_masks``, the mask that the image model predicts for a box is the prompt, as in the published system.
    """
    state = init_video_state(made, video)
    for each, frame, prompt in places(prompts):
        if image_masks:
            pivot = PivotFrame(phrase=Phrase(reference=str(each), text="object"), frame=frame)
            made.add_new_mask(state, frame, each, compute_image_mask(made, state, frame, PivotBox(pivot=pivot, xyxy=prompt)))
        elif prompt.ndim == 1:
            made.add_new_points_or_box(state, frame, each, box=prompt)
        else:
            made.add_new_mask(state, frame, each, prompt)
    logits = np.zeros((len(video), len(prompts), video.height, video.width), np.float32)
    start = sorted(prompts[0])[len(prompts[0]) // 2]
    for reverse in (False, True):
        for frame, _, found in made.propagate_in_video(state, start_frame_idx=start, reverse=reverse):
            logits[frame] = found[:, 0].numpy()
    return logits


def followed_by_us(model: Sam2VideoRunner, video: Video, prompts: Prompts) -> np.ndarray:
    """Follow objects with our session: logits float32 (frame, object, h, w)."""
    boxes: list[dict[int, PivotBox]] = [{} for _ in prompts]
    for each, frame, prompt in places(prompts):
        phrase = Phrase(reference=str(each), text="object")
        drawn = {"xyxy": prompt} if prompt.ndim == 1 else {"xyxy": BOXES[0], "mask": prompt}
        boxes[each][frame] = PivotBox(pivot=PivotFrame(phrase=phrase, frame=frame), **drawn)
    logits = np.full((len(video), len(prompts), *model.network.mask_size), np.nan, np.float32)
    for step in model.iterate_steps(video, boxes):
        logits[step.frame, list(step.objects)] = step.logits[:, 0].numpy()
    return logits


def places(prompts: Prompts) -> Iterator[tuple[int, int, np.ndarray]]:
    """Yield the object, frame and prompt of each prompt."""
    return ((each, frame, prompt) for each, given in enumerate(prompts) for frame, prompt in given.items())


def error(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Return the largest difference of logits (frame, object, h, w), in standard deviations of the object's in the frame."""
    return float((np.abs(ours - theirs).max((2, 3)) / theirs.std((2, 3))).max())
