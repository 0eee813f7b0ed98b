"""Candidates from groundings: boxes and masks at the video's own size."""

from __future__ import annotations

import cv2
import numpy as np

from alref.media.video import Video
from alref.records import Candidates, PivotFrame
from alref.utils.masks import Mask
from alref_baseline.grabcut import boundary_box
from alref_baseline.grounding import Found, Sought, ground


def propose(video: Video, pivots: list[PivotFrame], most: int) -> list[Candidates]:
    """Return up to ``most`` candidates for each pivot."""
    asked: dict[Sought, list[int]] = {}
    for pivot in pivots:
        asked.setdefault(Sought.of(pivot.phrase), []).extend([pivot.frame] if pivot.frame is not None else [])
    return [_proposed(video, pivot, asked[Sought.of(pivot.phrase)], most) for pivot in pivots]


def _proposed(video: Video, pivot: PivotFrame, frames: list[int], most: int) -> Candidates:
    grounding = ground(video, Sought.of(pivot.phrase), frames)
    found = [] if grounding.absent or pivot.frame is None else grounding.on(pivot.frame)[:most]
    sized = [(each, mask) for each in found if (mask := _full_size(video, each)).any()]
    if not sized:
        return Candidates(pivot=pivot, xyxy=np.zeros((0, 4), np.float32), scores=np.zeros(0, np.float32))
    return Candidates(
        pivot=pivot,
        xyxy=np.stack([boundary_box(mask) for _, mask in sized]),
        scores=np.array([each.score for each, _ in sized], np.float32),
        labels=(pivot.phrase.category or pivot.phrase.text,) * len(sized),
        masks=np.stack([mask for _, mask in sized]),
    )


def _full_size(video: Video, found: Found) -> Mask:
    grown = cv2.resize(found.region.mask.astype(np.float32), (video.width, video.height))
    return np.asarray(grown > 0.5)
