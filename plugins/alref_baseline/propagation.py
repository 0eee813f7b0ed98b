"""Propagate all objects of a video in one pass, in both directions from their pivots; each frame is yielded once."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from alref.media.video import Video
from alref.records import FrameMasks, PivotBox, list_object_phrases
from alref.utils.masks import Mask, Rle, decode_mask, encode_mask
from alref_baseline.features import VideoFeatures, get_video_features
from alref_baseline.grabcut import ColorModels
from alref_baseline.label_tracker import LabelTracker, compute_confidence, make_seed_label, segment_box, segment_label
from alref_baseline.points import segment_points

ScoredMask = tuple[Mask, float]

_GONE_AREA = 0.02
"""Share of the area on the pivot frames below which what is left of a label means that the object is gone."""


class TrackedObject:
    """One object: its pivot masks, and a tracker that starts at the pivot with the highest score."""

    def __init__(self, video: Video, video_features: VideoFeatures, boxes: list[PivotBox]) -> None:
        self._video_features, self._size = video_features, (video.height, video.width)
        self._masks: dict[int, Mask] = {}
        self._scores: dict[int, float] = {}
        for box in sorted(boxes, key=lambda box: box.score):
            if box.pivot.frame is not None:
                self._masks[box.pivot.frame], self._scores[box.pivot.frame] = (
                    self._segment_prompt(box, box.pivot.frame),
                    box.score,
                )
        seeds = {frame: make_seed_label(video_features, mask) for frame, mask in self._masks.items() if mask.any()}
        self.start = max(seeds, key=lambda frame: (self._scores[frame], -frame), default=0)
        absent = [frame for frame, mask in self._masks.items() if not mask.any()]
        self._tracker = LabelTracker(video_features, seeds, self.start, absent) if seeds else None
        self._min_cells = _GONE_AREA * max((int((seed > 0.5).sum()) for seed in seeds.values()), default=0)
        self._models = ColorModels()

    def _segment_prompt(self, box: PivotBox, frame: int) -> Mask:
        """Return the mask of what is given on a frame, empty where the object is absent."""
        if box.points is not None and box.point_labels is not None:
            return segment_points(
                self._video_features, frame, box.points, box.point_labels, self._size, box=box.xyxy, prior=box.mask
            )
        if box.mask is not None:
            return box.mask
        if box.xyxy is None:
            return np.zeros(self._size, bool)
        return segment_box(self._video_features, frame, box.xyxy, self._size)

    def reset_to_pivot(self) -> None:
        """Reset to the pivot, to track in the other direction."""
        self._models = ColorModels()
        if self._tracker:
            self._tracker.reset_to_pivot()

    def track_to(self, frame: int) -> ScoredMask:
        """Return the mask and confidence on a frame, the current one or a neighbor of it; empty where the object is gone."""
        if self._tracker is None:
            return np.zeros(self._size, bool), 0.0
        if frame != self._tracker.frame:
            self._tracker.move_to(frame)
        if frame in self._masks:
            return self._masks[frame], float(self._masks[frame].any())
        label = self._tracker.label
        if (label > 0.5).sum() < self._min_cells:
            return np.zeros(self._size, bool), 0.0
        return segment_label(self._video_features, frame, label, self._size, self._models), compute_confidence(label)


def propagate_objects(video: Video, boxes: list[PivotBox]) -> Iterator[FrameMasks]:
    """Yield the masks of all objects: first the frames before every pivot, in reverse; then the others in order.

    Frames between the pivots of different objects are visited twice; masks of the backward pass are stored run-length encoded.
    """
    eye = get_video_features(video)
    owned = [[box for box in boxes if box.pivot.phrase == phrase] for phrase in list_object_phrases(boxes)]
    things = [TrackedObject(video, eye, own) for own in owned]
    first, last = min(thing.start for thing in things), max(thing.start for thing in things)
    before: dict[tuple[int, int], tuple[Rle, float]] = {}
    for frame in range(last - 1, -1, -1):
        found = {number: thing.track_to(frame) for number, thing in enumerate(things) if thing.start > frame}
        if frame < first:
            yield _stack_masks(frame, list(found.values()))
        else:
            before |= {(frame, number): (encode_mask(mask), score) for number, (mask, score) in found.items()}
    for thing in things:
        thing.reset_to_pivot()
    for frame in range(first, len(video)):
        kept = (before.pop((frame, number), None) for number in range(len(things)))
        moved = [
            (decode_mask(old[0]), old[1]) if old else thing.track_to(frame) for old, thing in zip(kept, things, strict=True)
        ]
        yield _stack_masks(frame, moved)


def _stack_masks(frame: int, found: list[ScoredMask]) -> FrameMasks:
    masks, scores = zip(*found, strict=True)
    return FrameMasks(frame=frame, masks=np.stack(masks), scores=np.array(scores, np.float32))
