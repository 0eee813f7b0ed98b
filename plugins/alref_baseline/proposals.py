"""Convert groundings to candidates: boxes and masks at the size of the video."""

from __future__ import annotations

import cv2
import numpy as np

from alref import Candidates, PivotFrame, Video
from alref_baseline.grabcut import compute_bounding_box
from alref_baseline.grounding import GroundingQuery, find_grounding


def propose_candidates(video: Video, pivots: list[PivotFrame], max_candidates: int) -> list[Candidates]:
    """Return up to ``max_candidates`` candidates per pivot."""
    asked: dict[GroundingQuery, list[int]] = {}
    for pivot in pivots:
        asked.setdefault(GroundingQuery.from_phrase(pivot.phrase), []).extend([pivot.frame] if pivot.frame is not None else [])
    return [
        _propose_for_pivot(video, pivot, asked[GroundingQuery.from_phrase(pivot.phrase)], max_candidates) for pivot in pivots
    ]


def _propose_for_pivot(video: Video, pivot: PivotFrame, frames: list[int], max_candidates: int) -> Candidates:
    grounding = find_grounding(video, GroundingQuery.from_phrase(pivot.phrase), frames)
    found = [] if grounding.is_absent or pivot.frame is None else grounding.get_regions(pivot.frame)[:max_candidates]
    grown = [(each, cv2.resize(each.region.mask.astype(np.float32), (video.width, video.height)) > 0.5) for each in found]
    sized = [(each, mask) for each, mask in grown if mask.any()]
    if not sized:
        return Candidates(pivot=pivot, xyxy=np.zeros((0, 4), np.float32), scores=np.zeros(0, np.float32))
    return Candidates(
        pivot=pivot,
        xyxy=np.stack([compute_bounding_box(mask) for _, mask in sized]),
        scores=np.array([each.score for each, _ in sized], np.float32),
        labels=(pivot.phrase.category or pivot.phrase.text,) * len(sized),
        masks=np.stack([mask for _, mask in sized]),
    )
