"""A proposer and a propagator that take next to no time, so that ``fuzz_media.py`` runs only what reads and writes files."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

import alref
from alref.media.video import Video
from alref.records import Candidates, FrameMasks, PivotBox, PivotFrame


class FuzzProposer(alref.Proposer):
    """Proposes the left half of the frame."""

    name = "fuzz"

    class Options(alref.StageOptions):
        """None."""

    def propose(self, video: Video, pivots: list[PivotFrame]) -> list[Candidates]:
        """Return one box for each pivot."""
        box = [[0, 0, max(1, video.width // 2), video.height]]
        return [Candidates(pivot=pivot, xyxy=box, scores=[0.9], labels=("left",)) for pivot in pivots]


class FuzzPropagator(alref.Propagator):
    """Fills the box on each frame, after reading it."""

    name = "fuzz"

    class Options(alref.StageOptions):
        """None."""

    def propagate(self, video: Video, boxes: list[PivotBox]) -> Iterator[FrameMasks]:
        """Yield one mask for each box."""
        masks = np.zeros((len(boxes), video.height, video.width), np.bool_)
        for mask, box in zip(masks, boxes, strict=True):
            left, top, right, bottom = (round(float(value)) for value in box.xyxy)
            mask[top:bottom, left:right] = True
        for index, _ in video.read_frames():
            yield FrameMasks(frame=index, masks=masks, scores=np.ones(len(boxes), np.float32))


@alref.hookimpl
def register_proposers() -> list[type[alref.Proposer]]:
    """Register the proposer."""
    return [FuzzProposer]


@alref.hookimpl
def register_propagators() -> list[type[alref.Propagator]]:
    """Register the propagator."""
    return [FuzzPropagator]
