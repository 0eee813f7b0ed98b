"""Helpers to test propagators on SAM 2: tiny models, boxes of several objects, logits by object and frame."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from alref.media.video import Frame
from alref.records import PivotBox
from alref.testing import SQUARE, ArrayVideo, make_moving_square, make_square_box
from alref_sam2 import EdgeTam, Sam2, Sam2FamilyPropagator, Sam3Tracker
from alref_sam2._runtime import Sam2VideoRunner
from support.tiny_sam2 import save_edgetam, save_sam2, save_sam3_tracker

SAVED = {Sam2: save_sam2, EdgeTam: save_edgetam, Sam3Tracker: save_sam3_tracker}
Logits = dict[tuple[int, int], torch.Tensor]


class CountedVideo(ArrayVideo):
    """A video that counts how often each frame is read."""

    def __init__(self, frames: Sequence[Frame] | Frame) -> None:
        super().__init__(frames)
        self.reads = [0] * len(self)

    def read_frame(self, index: int) -> Frame:
        self.reads[index] += 1
        return super().read_frame(index)


def save_all(folder: Path) -> dict[type[Sam2FamilyPropagator], Path]:
    """Save one tiny model of each family."""
    return {cls: save(folder / cls.name) for cls, save in SAVED.items()}


def made(cls: type[Sam2FamilyPropagator], folder: Path, **options: Any) -> Sam2FamilyPropagator:
    """Return a component on the processor."""
    return cls(cls.Options(model=str(folder), **options), "cpu")


def model_of(cls: type[Sam2FamilyPropagator], folder: Path, **options: Any) -> Sam2VideoRunner:
    """Return a component's model, loaded."""
    component = made(cls, folder, **options)
    component.load()
    assert isinstance(component.model, Sam2VideoRunner)
    return component.model


def counted(frames: int) -> CountedVideo:
    """Return a moving square whose reads are counted."""
    video, _ = make_moving_square(frames, size=(48, 64), side=16)
    return CountedVideo(np.stack([frame for _, frame in video.read_frames()]))


def boxes(*pivots: Sequence[int], frames: int) -> list[PivotBox]:
    """Return pivot boxes of objects that start on the given frames, each box a little larger than the last object's."""
    _, truth = make_moving_square(frames, size=(48, 64), side=16)
    found = []
    for number, starts in enumerate(pivots):
        phrase = SQUARE.model_copy(update={"reference": str(number)})
        for frame in starts:
            box = make_square_box(truth, frame, phrase)
            assert box.xyxy is not None
            found.append(box.model_copy(update={"xyxy": box.xyxy + np.array([-number, -number, number, 0], np.float32)}))
    return found


def logits(model: Sam2VideoRunner, video: ArrayVideo, given: Sequence[PivotBox]) -> Logits:
    """Return the logits (1, h, w) of each object on each frame; objects are numbered by their references."""
    names = list(dict.fromkeys(box.pivot.phrase.reference for box in given))
    prompts = [{box.pivot.frame or 0: box for box in given if box.pivot.phrase.reference == name} for name in names]
    found: Logits = {}
    for step in model.iterate_steps(video, prompts):
        for index, each in zip(step.objects, step.logits, strict=True):
            assert (int(names[index]), step.frame) not in found
            found[int(names[index]), step.frame] = each
    return found


def farthest(one: Logits, other: Logits) -> float:
    """Return the largest relative error of the logits of an object on a frame, by their norms."""
    return max(float((one[key] - other[key]).norm() / other[key].norm()) for key in other)
