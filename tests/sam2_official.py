"""Weights that anybody can make again from names and shapes, and a small video: what parity with SAM 2's authors is held on."""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import torch

from alref.arrays import Mask
from alref.testing import ArrayVideo
from alref.video import Video

GOLDEN = Path(__file__).parent / "data" / "sam2_golden.npz"
SIZE = 64
"""Height and width of the video: those of the predictor's own masks at 256 pixels, so that nothing is resized."""
MEMORY = 3
"""How much stronger than the others the weights are by which memories act, so that a wrong memory shows."""

START = 4
BOXES = [np.array(box, np.float32) for box in ((12, 16, 36, 32), (30, 34, 56, 50), (4, 4, 40, 60))]
EVERY = 4
THERE = "sam_mask_decoder.pred_obj_score_head.layers.2.bias"

Shapes = dict[str, tuple[int, ...]]


def seeded(shapes: Shapes) -> dict[str, torch.Tensor]:
    """Make float32 weights that depend on names and shapes alone; objects are said to be there."""
    return {name: torch.from_numpy(_weight(name, shape)) for name, shape in shapes.items()}


def _weight(name: str, shape: tuple[int, ...]) -> np.ndarray:
    noise = np.random.Generator(np.random.PCG64(crc32(name.encode()))).random(shape, np.float32) * 2 - 1
    if name == THERE:
        return np.full(shape, 4, np.float32)
    if len(shape) == 1:
        return noise * np.float32(0.1) + np.float32(name.endswith(("weight", "gamma")))
    strength = MEMORY if "cross_attn_image." in name else 1
    return noise * np.float32(strength * math.sqrt(3 / math.prod(shape[1:])))


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


def as_mask(box: np.ndarray, size: int = SIZE) -> Mask:
    """Fill a box: bool (size, size)."""
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
        made = build_sam2_video_predictor(config, device="cpu", hydra_overrides_extra=changes)
    made.fill_hole_area = 0
    return made


def followed(made: Any, video: Video, start: int, prompts: list[np.ndarray]) -> np.ndarray:
    """Follow objects both ways with the authors' predictor from boxes (4,) or masks (H, W): logits (frame, object, H, W)."""
    from alref_sam2._original import opened

    state = opened(made, video)
    for each, prompt in enumerate(prompts):
        if prompt.ndim == 1:
            made.add_new_points_or_box(state, start, each, box=prompt)
        else:
            made.add_new_mask(state, start, each, prompt)
    logits = np.zeros((len(video), len(prompts), video.height, video.width), np.float32)
    for reverse in (False, True):
        for frame, _, found in made.propagate_in_video(state, start_frame_idx=start, reverse=reverse):
            logits[frame] = found[:, 0].numpy()
    return logits
