"""Follow the objects of a noun in one section, by the association rules of published video detectors."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from pycocotools import mask as coco

from alref import (
    Phrase,
    PivotBox,
    PivotFrame,
    Propagator,
    PropagatorOptions,
    Proposer,
    Rle,
    Video,
    decode_mask,
    encode_mask,
    list_object_phrases,
)
from alref.utils.masks import to_coco
from alref_tracking._detection import Detection, NounDetections, compute_box_iou, detect_alone
from alref_tracking._linking import FollowedObject

if TYPE_CHECKING:
    from alref_tracking import DetectAndFollowOptions

GOOD_FIT = 0.8
"""Overlap, and share of the best score, from which a later detection is a start too."""
MIN_APART = 16
"""Frames between two starts of one object."""
MIN_RIVAL_AREA = 0.05
"""Area of a start, as a share of that of the best start, below which it is rather a fragment than another object."""
FULL_PRESENCE = 0.5
"""Share of the searched frames from which presence counts in full: an object may be out of view for the rest of the time."""


@dataclass(eq=False)
class Followed:
    """An object that is followed: the detections that it starts from, a mask and a score for each frame of the section.

    ``confirmed`` are the detections that it was matched with, by frame.
    """

    starts: list[Detection]
    rles: list[Rle]
    scores: list[float]
    confirmed: dict[int, Detection] = field(default_factory=dict)

    def measure_score(self, searched: list[int]) -> float:
        """Return the mean score of what confirms it, over the searched frames in which it is seen, times its presence.

        Presence is the share of all searched frames in which it is seen, of FULL_PRESENCE.
        """
        seen = [frame for frame in searched if self.rles[frame].area]
        known = [self.confirmed[frame].score for frame in seen if frame in self.confirmed]
        presence = min(1.0, len(seen) / (FULL_PRESENCE * max(len(searched), 1)))
        return presence * sum(known) / max(len(seen), 1)


class SectionFollower:
    """Follows the objects of one noun in one section. ``best_score`` is the best one of the noun in the whole video."""

    def __init__(
        self,
        proposer: Proposer,
        propagator: Propagator,
        video: Video,
        noun: str,
        options: DetectAndFollowOptions,
        best_score: float,
    ) -> None:
        self._proposer, self._propagator, self._video, self._noun = proposer, propagator, video, noun
        self._options, self._best_score = options, best_score
        self._empty = encode_mask(np.zeros((video.height, video.width), np.bool_))

    def follow(self, detections: NounDetections) -> list[FollowedObject]:
        """Return the objects, each with its score."""
        strong = detections.select_supported(self._options.new_score * self._best_score)
        known = detections.select(self._options.min_score * self._best_score)
        followed: list[Followed] = []
        for _ in range(self._options.passes):
            starts = self._choose_starts(strong, followed)[: self._options.max_tracks - len(followed)]
            if not starts:
                break
            if not followed and starts[0].rle is not None:
                starts = self._refine_starts(starts, strong, detections.frames)
            followed += self._propagate([[start] for start in starts])
            self._confirm(followed, known)
            followed = self._drop_duplicates(followed)
        followed = [each for each in followed if self._is_confirmed(each, detections.frames)]
        if self._options.recondition:
            followed = self._recondition(followed, known)
        for each in followed:
            self._end_unconfirmed(each)
        followed = [each for each in followed if any(rle.area for rle in each.rles)]
        followed.sort(key=lambda each: -each.measure_score(detections.frames))
        self._suppress_overlaps(followed)
        made = [FollowedObject(each.measure_score(detections.frames), each.rles, each.scores) for each in followed]
        return [each for each in made if each.score > 0]

    def _choose_starts(self, strong: list[Detection], followed: list[Followed]) -> list[Detection]:
        """Return the detections of one frame where no track is: the frame with the highest sum of scores."""
        free: dict[int, list[Detection]] = {}
        for each in strong:
            if all(self._overlap(track, each) < self._options.new_iou for track in followed):
                free.setdefault(each.frame, []).append(each)
        return max(free.values(), key=lambda own: sum(each.score for each in own), default=[])

    def _refine_starts(self, starts: list[Detection], strong: list[Detection], searched: list[int]) -> list[Detection]:
        """Return starts with the mask of one object, asked for alone, in place of the one that it overlaps: it is tighter.

        A single object starts on the frame on which it is best seen alone, if it overlaps a strong detection there.
        """
        is_single = all(each.area < MIN_RIVAL_AREA * starts[0].area for each in starts[1:])
        for each in detect_alone(self._proposer, self._video, self._noun, searched):
            others = strong if is_single else starts
            same = [other for other in others if other.frame == each.frame and self._is_same(each, other)]
            if same:
                replaced = starts[0] if is_single else same[0]
                return [each, *(start for start in starts if start is not replaced)]
        return starts

    def _is_same(self, one: Detection, other: Detection) -> bool:
        overlap = compute_mask_iou(one.rle, other.rle) if one.rle and other.rle else 0.0
        return overlap >= self._options.match_iou

    def _propagate(self, objects: list[list[Detection]]) -> list[Followed]:
        """Follow objects together, in both directions, from the detections of each; masks are encoded as they arrive."""
        boxes = [self._make_box(number, start) for number, starts in enumerate(objects) for start in starts]
        order = list_object_phrases(boxes)
        made = [Followed(starts, [self._empty] * len(self._video), [0.0] * len(self._video)) for starts in objects]
        for masks in self._propagator.propagate(self._video, boxes):
            for index, phrase in enumerate(order):
                one = made[int(phrase.reference)]
                if masks.masks[index].any():
                    one.rles[masks.frame], one.scores[masks.frame] = encode_mask(masks.masks[index]), float(masks.scores[index])
        return made

    def _make_box(self, number: int, start: Detection) -> PivotBox:
        options = self._propagator.options
        uses_mask = isinstance(options, PropagatorOptions) and options.proposal_masks and start.rle is not None
        phrase = Phrase(reference=str(number), text=self._noun, category=self._noun)
        return PivotBox(
            pivot=PivotFrame(phrase=phrase, frame=start.frame),
            xyxy=start.xyxy,
            score=start.score,
            mask=decode_mask(start.rle) if uses_mask and start.rle is not None else None,
        )

    def _confirm(self, followed: list[Followed], known: list[Detection]) -> None:
        """Match each detection with the track that it overlaps most, best detections first."""
        for track in followed:
            track.confirmed = {}
        for each in known:
            free = [track for track in followed if each.frame not in track.confirmed]
            fits = {index: self._overlap(track, each) for index, track in enumerate(free)}
            best = max(fits, key=lambda index: fits[index], default=-1)
            if best >= 0 and fits[best] >= self._options.match_iou:
                free[best].confirmed[each.frame] = each

    def _overlap(self, track: Followed, detection: Detection) -> float:
        """Return the IoU of a track with a detection: of the boxes, or of the masks if that is higher."""
        rle = track.rles[detection.frame]
        if not rle.area:
            return 0.0
        left, top, width, height = np.asarray(coco.toBbox(to_coco(rle)), np.float32).tolist()
        boxes = compute_box_iou(np.array([left, top, left + width, top + height], np.float32), detection.xyxy)
        return boxes if detection.rle is None else max(boxes, compute_mask_iou(rle, detection.rle))

    def _drop_duplicates(self, followed: list[Followed]) -> list[Followed]:
        """Drop each track that lies on a stronger one where both are seen."""
        kept: list[Followed] = []
        for each in sorted(followed, key=lambda track: -sum(found.score for found in track.confirmed.values())):
            if all(compute_mean_iou(each.rles, other.rles) < self._options.duplicate_iou for other in kept):
                kept.append(each)
        return kept

    def _is_confirmed(self, track: Followed, searched: list[int]) -> bool:
        """Return whether at least half of the searched frames around the start of a track confirm it."""
        start = track.starts[0].frame
        seen = sorted((frame for frame in searched if track.rles[frame].area), key=lambda frame: abs(frame - start))
        first = seen[: self._options.hot_start]
        return 2 * sum(frame in track.confirmed for frame in first) >= len(first)

    def _end_unconfirmed(self, track: Followed) -> None:
        """Empty the masks that are far from every detection that confirms the track."""
        for frame in range(len(track.rles)):
            if all(abs(frame - known) > self._options.keep_alive for known in track.confirmed):
                track.rles[frame], track.scores[frame] = self._empty, 0.0

    def _recondition(self, followed: list[Followed], known: list[Detection]) -> list[Followed]:
        """Follow the tracks again that later detections fit very well, starting from these too."""
        again = [self._choose_restarts(track) for track in followed]
        if all(len(starts) == 1 for starts in again):
            return followed
        made = self._propagate(again)
        self._confirm(made, known)
        return made

    def _choose_restarts(self, track: Followed) -> list[Detection]:
        chosen = [track.starts[0]]
        for frame, each in sorted(track.confirmed.items()):
            apart = all(abs(frame - other.frame) >= MIN_APART for other in chosen)
            if apart and each.score >= GOOD_FIT * self._best_score and self._overlap(track, each) >= GOOD_FIT:
                chosen.append(each)
        return chosen

    def _suppress_overlaps(self, followed: list[Followed]) -> None:
        """Give each pixel to the best track; a mask that is mostly covered becomes empty. ``followed`` is best first."""
        for frame in range(len(self._video)):
            seen = [track for track in followed if track.rles[frame].area]
            for index, track in enumerate(seen[1:], 1):
                above: list[Any] = [to_coco(other.rles[frame]) for other in seen[:index] if other.rles[frame].area]
                own: Any = to_coco(track.rles[frame])
                covered = float(coco.area(coco.merge([own, coco.merge(above)], intersect=True))) if above else 0.0
                if covered > self._options.overlap * track.rles[frame].area:
                    track.rles[frame], track.scores[frame] = self._empty, 0.0
                elif covered:
                    rest = decode_mask(track.rles[frame]) & ~np.asarray(coco.decode(coco.merge(above)), np.bool_)
                    track.rles[frame] = encode_mask(rest)


def compute_mask_iou(one: Rle, other: Rle) -> float:
    """Return the intersection over union of two masks."""
    return float(np.asarray(coco.iou([to_coco(one)], [to_coco(other)], [False]))[0, 0])


def compute_mean_iou(one: list[Rle], other: list[Rle]) -> float:
    """Return the mean intersection over union on the frames that the shorter of two tracks shares with the other.

    It is 0 if they share less than half of the shorter one's frames.
    """
    shared = [(a, b) for a, b in zip(one, other, strict=True) if a.area and b.area]
    shorter = min(sum(rle.area > 0 for rle in rles) for rles in (one, other))
    if not shared or 2 * len(shared) < shorter:
        return 0.0
    return float(np.mean([compute_mask_iou(a, b) for a, b in shared]))
