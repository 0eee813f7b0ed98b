"""All objects of a video in one pass: forwards and backwards from their pivots, each frame given out once."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from alref.media.video import Video
from alref.records import FrameMasks, PivotBox, objects
from alref.utils.masks import Mask, Rle, decode, encode
from alref_baseline.features import Eye, eye_of
from alref_baseline.label_tracker import Trace, confidence, mask_of_box, mask_of_label, seed_of_mask

Scored = tuple[Mask, float]


class Object:
    """One object: its pivot masks, and its trace from the surest of them."""

    def __init__(self, video: Video, eye: Eye, boxes: list[PivotBox]) -> None:
        self._eye, self._size = eye, (video.height, video.width)
        self._masks: dict[int, Mask] = {}
        self._scores: dict[int, float] = {}
        for box in sorted(boxes, key=lambda box: box.score):
            frame = box.pivot.frame
            if frame is not None and box.xyxy is not None:
                mask = box.mask if box.mask is not None else mask_of_box(eye, frame, box.xyxy, self._size)
                self._masks[frame], self._scores[frame] = mask, box.score
        seeds = {frame: seed_of_mask(eye, mask) for frame, mask in self._masks.items() if mask.any()}
        self.start = max(seeds, key=lambda frame: (self._scores[frame], -frame), default=0)
        self._trace = Trace(eye, seeds, self.start) if seeds else None

    def restart(self) -> None:
        """Go back to the pivot, to go the other way."""
        if self._trace:
            self._trace.restart()

    def move(self, frame: int) -> Scored:
        """Return the mask and the confidence on the frame of the pivot or the one after the last asked for."""
        if self._trace is None:
            return np.zeros(self._size, bool), 0.0
        if frame != self._trace.frame:
            self._trace.move(frame)
        if frame in self._masks:
            return self._masks[frame], 1.0
        label = self._trace.label
        return mask_of_label(self._eye, frame, label, self._size), confidence(label)


def propagate(video: Video, boxes: list[PivotBox]) -> Iterator[FrameMasks]:
    """Yield the masks of all objects: first the frames before every pivot, last first; then the others in their order.

    Frames between the pivots of different objects are seen twice; what was found on the way back is kept run-length encoded.
    """
    eye = eye_of(video)
    owned = [[box for box in boxes if box.pivot.phrase == phrase] for phrase in objects(boxes)]
    things = [Object(video, eye, own) for own in owned]
    first, last = min(thing.start for thing in things), max(thing.start for thing in things)
    before: dict[tuple[int, int], tuple[Rle, float]] = {}
    for frame in range(last - 1, -1, -1):
        found = {number: thing.move(frame) for number, thing in enumerate(things) if thing.start > frame}
        if frame < first:
            yield _together(frame, list(found.values()))
        else:
            before |= {(frame, number): (encode(mask), score) for number, (mask, score) in found.items()}
    for thing in things:
        thing.restart()
    for frame in range(first, len(video)):
        kept = (before.pop((frame, number), None) for number in range(len(things)))
        moved = [(decode(old[0]), old[1]) if old else thing.move(frame) for old, thing in zip(kept, things, strict=True)]
        yield _together(frame, moved)


def _together(frame: int, found: list[Scored]) -> FrameMasks:
    masks, scores = zip(*found, strict=True)
    return FrameMasks(frame=frame, masks=np.stack(masks), scores=np.array(scores, np.float32))
