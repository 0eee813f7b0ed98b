"""Link the objects of neighboring sections by their masks on the frames that the sections share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pycocotools import mask as coco

from alref import Rle, Video, encode_mask
from alref.utils.masks import to_coco
from alref_tracking._sections import Section

MIN_LINK = 0.5
"""Mean overlap on shared frames from which two objects are one."""


@dataclass(eq=False)
class FollowedObject:
    """An object of a section, or of the video: its score, a mask and a score for each frame."""

    score: float
    rles: list[Rle]
    scores: list[float]


def link_sections(sections: Sequence[Section], found: Sequence[list[FollowedObject]], video: Video) -> list[FollowedObject]:
    """Return the objects of the whole video. The score of a linked object is the mean of its parts, by seen frames."""
    empty = encode_mask(np.zeros((video.height, video.width), np.bool_))
    whole: list[FollowedObject] = []
    last: Section | None = None
    for section, objects in zip(sections, found, strict=True):
        shared = range(section.start, last.stop) if last else range(0)
        fits = sorted(
            (
                (_compute_overlap(one, other, shared, section), a, b)
                for a, one in enumerate(whole)
                for b, other in enumerate(objects)
            ),
            reverse=True,
        )
        linked: dict[int, int] = {}
        for fit, a, b in fits:
            if fit >= MIN_LINK and a not in linked.values() and b not in linked:
                linked[b] = a
        for number, each in enumerate(objects):
            if number not in linked:
                whole.append(FollowedObject(each.score, [empty] * len(video), [0.0] * len(video)))
            _extend_object(whole[linked.get(number, len(whole) - 1)], each, section, number in linked)
        last = section
    return whole


def _compute_overlap(one: FollowedObject, other: FollowedObject, shared: range, section: Section) -> float:
    """Return the mean overlap on the shared frames where either is seen."""
    pairs = [(one.rles[frame], other.rles[frame - section.start]) for frame in shared]
    seen = [(a, b) for a, b in pairs if a.area or b.area]
    if not seen:
        return 0.0
    return float(np.mean([np.asarray(coco.iou([to_coco(a)], [to_coco(b)], [False]))[0, 0] for a, b in seen]))


def _extend_object(whole: FollowedObject, part: FollowedObject, section: Section, linked: bool) -> None:
    """Add the frames of a section to an object; where both have a mask, the earlier one stays."""
    before, more = (sum(rle.area > 0 for rle in each.rles) for each in (whole, part))
    if linked:
        whole.score = (whole.score * before + part.score * more) / max(before + more, 1)
    for frame, (rle, score) in enumerate(zip(part.rles, part.scores, strict=True), section.start):
        if rle.area and not whole.rles[frame].area:
            whole.rles[frame], whole.scores[frame] = rle, score
