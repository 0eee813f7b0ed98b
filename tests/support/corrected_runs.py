"""A finished run of three objects with a propagator that counts its frames, to be corrected."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np

from alref.components.base import Propagator
from alref.components.propagation import group_boxes, make_start_mask
from alref.media.video import Video
from alref.pipeline.corrections import Corrections
from alref.pipeline.engine import Pipeline
from alref.plugins.manager import PluginManager
from alref.records import FrameMasks, PivotBox, Prompt, Reference
from alref.testing import ArrayVideo
from alref.utils.masks import Mask
from support.scripted import announcing

LENGTH, HEIGHT, WIDTH = 20, 24, 32


class NearestPropagator(Propagator):
    """Repeats on every frame what is known on the nearest one; a point is a square of 5 pixels on or off the object."""

    name = "nearest"
    prompts = frozenset({"box", "mask", "points", "absent"})
    visited: ClassVar[list[int]] = []
    """The number of frames of each call."""
    given: ClassVar[list[PivotBox]] = []
    """The boxes of the last call."""

    def propagate(self, video: Video, boxes: list[PivotBox]) -> Iterator[FrameMasks]:
        """Yield the frames in order."""
        self.visited.append(0)
        self.given[:] = boxes
        known = [{box.pivot.frame or 0: draw_box_prompt(video, box) for box in own} for own in group_boxes(boxes)]
        for frame in range(len(video)):
            self.visited[-1] += 1
            masks = [own[min(own, key=lambda each, at=frame: (abs(each - at), each))] for own in known]
            yield FrameMasks(frame=frame, masks=np.stack(masks), scores=np.full(len(masks), 0.5, np.float32))


class BoxPropagator(NearestPropagator):
    """The same, but accepts boxes and masks only."""

    name = "boxes"
    prompts = frozenset({"box", "mask"})


def draw_box_prompt(video: Video, box: PivotBox) -> Mask:
    """Return the mask of one prompt."""
    empty = np.zeros((video.height, video.width), np.bool_)
    if box.finding == "absent":
        return empty
    mask = make_start_mask(video, box) if box.mask is not None or box.xyxy is not None else empty
    if box.points is not None and box.point_labels is not None:
        mask = mask.copy()
        for (x, y), inside in zip(box.points.astype(int), box.point_labels, strict=True):
            mask[max(0, y - 2) : y + 3, max(0, x - 2) : x + 3] = inside
    return mask


def make_plugins() -> PluginManager:
    return PluginManager([announcing("nearby", propagators=[NearestPropagator, BoxPropagator])])


def make_pipeline(propagator: str = "nearest") -> Pipeline:
    return Pipeline(plugins=make_plugins(), propagator=propagator)


def make_video() -> ArrayVideo:
    return ArrayVideo(np.random.default_rng(3).integers(0, 255, (LENGTH, HEIGHT, WIDTH, 3), np.uint8))


def save_run(folder: Path) -> None:
    """Write a run of three objects, each a box that is the same on every frame."""
    boxes = {"cup": [2, 2, 8, 8], "dog": [12, 4, 20, 12], "mug": [4, 14, 12, 22]}
    references = [Reference(id=name, text=f"the {name}", prompts=(Prompt(box=box),)) for name, box in boxes.items()]
    video = make_video()
    with make_pipeline() as pipeline:
        pipeline.run(video, references).save(folder, video)


def open_corrections(folder: Path, propagator: str = "nearest") -> Corrections:
    return Corrections(folder, make_video(), make_pipeline(propagator))
