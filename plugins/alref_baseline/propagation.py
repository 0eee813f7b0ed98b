"""Propagate all objects of a video in one pass, each frame from the nearest pivot; each frame is yielded once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from alref import FrameMasks, Mask, PivotBox, Rle, Video, decode_mask, encode_mask, list_object_phrases, split_frames
from alref.components.propagation import PivotRange
from alref_baseline.features import VideoFeatures, get_video_features
from alref_baseline.grabcut import ColorModels
from alref_baseline.label_tracker import LabelTracker, compute_confidence, make_seed_label, segment_box, segment_label
from alref_baseline.points import find_rejected_cells, segment_points

ScoredMask = tuple[Mask, float]
StoredMask = tuple[Rle, float]

_GONE_AREA = 0.02
"""Share of the area on the pivot frames below which what is left of a label means that the object is gone."""


class TrackedObject:
    """One object: its pivot masks, and a tracker that starts at each of them.

    Each frame is tracked from the nearest pivot frame. An absence counts from its frame on: the frames before it are tracked
    from the pivot frame before, if there is one.
    """

    def __init__(self, video: Video, video_features: VideoFeatures, boxes: list[PivotBox]) -> None:
        self._video_features, self._size, self._count = video_features, (video.height, video.width), len(video)
        self._masks = {
            box.pivot.frame: self._segment_prompt(box, box.pivot.frame)
            for box in sorted(boxes, key=lambda box: box.score)
            if box.pivot.frame is not None
        }
        seeds = {frame: make_seed_label(video_features, mask) for frame, mask in self._masks.items() if mask.any()}
        self.first = min(self._masks, default=0)
        self._pivots = {frame: span.pivot for span in self._list_ranges() for frame in (*span.before, *span.after)}
        self._tracker = LabelTracker(video_features, seeds, self._find_rejected(boxes)) if seeds else None
        self._min_cells = _GONE_AREA * max((int((seed > 0.5).sum()) for seed in seeds.values()), default=0)
        self._waiting: dict[int, StoredMask] = {}

    def _list_ranges(self) -> list[PivotRange]:
        """Return the frames that are tracked from each pivot frame."""
        ranges: list[PivotRange] = []
        for span in split_frames(self._masks, self._count) if self._masks else []:
            if ranges and not self._masks[span.pivot].any():
                ranges[-1] = replace(ranges[-1], after=ranges[-1].after + span.before[::-1])
                span = replace(span, before=())
            ranges.append(span)
        return ranges

    def _find_rejected(self, boxes: list[PivotBox]) -> dict[int, Mask]:
        """Return the cells that points take away, by pivot frame."""
        rejected = {}
        for box in boxes if self._count > 1 else ():
            if box.points is None or box.point_labels is None or box.point_labels.all() or box.pivot.frame is None:
                continue
            frame, mask = box.pivot.frame, self._masks[box.pivot.frame]
            if mask.any():
                points = box.points[~box.point_labels]
                rejected[frame] = find_rejected_cells(self._video_features, frame, points, mask, box.mask)
        return rejected

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

    def track_back(self) -> Iterator[ScoredMask]:
        """Yield the mask and confidence on each frame before the first pivot frame, in reverse."""
        return (self._track(self.first, frame) for frame in range(self.first - 1, -1, -1))

    def track_on(self) -> Iterator[ScoredMask]:
        """Yield the mask and confidence on each frame from the first pivot frame on; empty where the object is gone."""
        for frame in range(self.first, self._count):
            pivot = self._pivots.get(frame, frame)
            if frame < pivot and frame not in self._waiting:
                for before in range(pivot - 1, frame - 1, -1):
                    mask, score = self._track(pivot, before)
                    self._waiting[before] = encode_mask(mask), score
            if frame in self._waiting:
                rle, score = self._waiting.pop(frame)
                yield decode_mask(rle), score
            else:
                yield self._track(pivot, frame)

    def _track(self, pivot: int, frame: int) -> ScoredMask:
        """Return the mask and confidence on a pivot frame, or on a frame one farther from it than the last one."""
        known = self._masks.get(pivot)
        if self._tracker is None or known is None or not known.any():
            return np.zeros(self._size, bool), 0.0
        if frame == pivot:
            return known, 1.0
        if abs(frame - pivot) == 1:
            self._models = ColorModels()
            self._tracker.start_at(pivot)
        self._tracker.move_to(frame)
        label = self._tracker.label
        if (label > 0.5).sum() < self._min_cells:
            return np.zeros(self._size, bool), 0.0
        return segment_label(self._video_features, frame, label, self._size, self._models), compute_confidence(label)


def propagate_objects(video: Video, boxes: list[PivotBox]) -> Iterator[FrameMasks]:
    """Yield the masks of all objects: first the frames before every pivot, in reverse; then the others in order.

    Masks that are found before it is their turn wait run-length encoded.
    """
    eye = get_video_features(video)
    owned = [[box for box in boxes if box.pivot.phrase == phrase] for phrase in list_object_phrases(boxes)]
    things = [TrackedObject(video, eye, own) for own in owned]
    first, last = min(thing.first for thing in things), max(thing.first for thing in things)
    backward, forward = [thing.track_back() for thing in things], [thing.track_on() for thing in things]
    before: dict[tuple[int, int], StoredMask] = {}
    for frame in range(last - 1, -1, -1):
        found = {number: next(backward[number]) for number, thing in enumerate(things) if thing.first > frame}
        if frame < first:
            yield _stack_masks(frame, list(found.values()))
        else:
            before |= {(frame, number): (encode_mask(mask), score) for number, (mask, score) in found.items()}
    for frame in range(first, len(video)):
        kept = (before.pop((frame, number), None) for number in range(len(things)))
        moved = [(decode_mask(old[0]), old[1]) if old else next(walk) for old, walk in zip(kept, forward, strict=True)]
        yield _stack_masks(frame, moved)


def _stack_masks(frame: int, found: list[ScoredMask]) -> FrameMasks:
    masks, scores = zip(*found, strict=True)
    return FrameMasks(frame=frame, masks=np.stack(masks), scores=np.array(scores, np.float32))
