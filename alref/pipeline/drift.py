"""Flag frames of a track to review, from its masks and scores alone.

A step is the change of a mask from one frame to the next. A mask jumps when its step differs from the steps around it, in place
or in area, by more than a least amount and by several times their own scatter (a Hampel filter), and when the two masks have
little in common. A score dips when it is lower than those of the frames nearer to the pivot, by a share of their level and by
several times their scatter.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import compress
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt
from pycocotools import mask as coco

from alref.records import Flag
from alref.utils.masks import Rle, to_coco

Floats = npt.NDArray[np.float64]

NEIGHBOR_STEPS = 8
"""Number of steps on either side to compare a step with."""
SCORE_WINDOW = 16
"""Number of frames nearer to the pivot to compare a score with."""
MIN_NEIGHBORS = 3
"""Minimum number of steps or scores for a comparison."""
SCATTER_FACTOR = 5.0
"""Factor of the median deviation beyond which a value is an outlier."""
MAX_JUMP_IOU = 0.6
"""Jaccard index of neighboring masks above which there is no jump."""
MIN_SHIFT = 0.5
"""Minimum deviation of a shift, in units of the square root of the object's area."""
SHIFT_FACTOR = 2.5
"""Minimum deviation of a shift, in units of the usual step: an object that turns back at full speed deviates by two."""
MIN_GROWTH = float(np.log(1.5))
"""Minimum deviation of the change of area, as a logarithm."""
MIN_DIP = 0.25
"""Minimum dip of a score, as a share of its level."""


def flag_frames(rles: Sequence[Rle], scores: Sequence[float], pivots: Sequence[int]) -> tuple[Flag, ...]:
    """Return flags in the order of frames, at most one of each kind on a frame.

    ``rles`` and ``scores`` have one entry per frame; ``pivots`` are the frames where the object starts. A jump is flagged on
    the frame that is further from a pivot. There are no flags on a pivot, next to an empty mask, without enough frames to
    compare with, or for the area of an object at the edge of the frame.
    """
    masks: Any = [to_coco(rle) for rle in rles]
    areas = np.array([rle.area for rle in rles], np.float64)
    away = [min((abs(frame - pivot) for pivot in pivots), default=frame) for frame in range(len(rles))]
    found = [*_find_jumps(masks, areas, away), *_find_dips(scores, areas, pivots)]
    return tuple(sorted(found, key=lambda flag: (flag.frame, flag.kind)))


def _find_jumps(masks: Any, areas: Floats, away: Sequence[int]) -> Iterator[Flag]:
    ends = np.flatnonzero((areas[1:] > 0) & (areas[:-1] > 0)) + 1
    apart = [end for end in ends.tolist() if _compute_iou(masks, end) <= MAX_JUMP_IOU] if len(ends) > MIN_NEIGHBORS else []
    changes = _measure_steps(masks, areas, ends) if apart else np.empty((0, 3))
    for end in apart:
        change, beside = changes[ends == end][0], changes[(np.abs(ends - end) <= NEIGHBOR_STEPS) & (ends != end)]
        far, near = sorted((end, end - 1), key=lambda frame: -away[frame])
        if away[far] and len(beside) >= MIN_NEIGHBORS and _is_outlier(change, beside):
            moved, times = _compute_median_shift(change), areas[far] / areas[near]
            common = _compute_iou(masks, end)
            change_text = f"moved by {moved:.1f} of its size, {times:.1f} times as large"
            why = f"has {common:.0%} in common with frame {near}: {change_text}"
            yield Flag(frame=far, kind="mask jumps", why=why, severity=round(1 - common, 3))


def _compute_iou(masks: Any, end: int) -> float:
    """Return the Jaccard index of a mask and the previous one."""
    return float(np.asarray(coco.iou([masks[end]], [masks[end - 1]], [False]))[0, 0])


def _measure_steps(masks: Any, areas: Floats, ends: npt.NDArray[np.int_]) -> Floats:
    """Measure the steps to the frames ``ends``: the shift of the box's center in units of the object's size, and the growth.

    Returns float64 (S, 3): x, y, logarithm of the ratio of areas, which is 0 if the box is at the edge of the frame.
    """
    boxes = np.asarray(coco.toBbox(masks), np.float64).reshape(-1, 4)
    low, high = boxes[:, :2], boxes[:, :2] + boxes[:, 2:]
    picture = np.array([mask["size"][::-1] for mask in masks], np.float64).reshape(-1, 2)
    cut = np.any((low < 1) | (high > picture - 1), axis=1)
    size = np.sqrt(np.maximum(areas[ends], areas[ends - 1]))
    shift = (low + high)[ends] / 2 - (low + high)[ends - 1] / 2
    growth = np.where(cut[ends] | cut[ends - 1], 0.0, np.log(areas[ends] / areas[ends - 1]))
    return np.column_stack([shift / size[:, None], growth])


def _is_outlier(change: Floats, neighbors: Floats) -> bool:
    """Return whether a step (3,) differs in position or area from its neighbors (S, 3)."""
    usual = np.median(neighbors, axis=0)
    apart, others = change - usual, neighbors - usual
    shifted = _compute_median_shift(apart) > max(
        MIN_SHIFT, SHIFT_FACTOR * _compute_median_shift(neighbors), SCATTER_FACTOR * _compute_median_shift(others)
    )
    grown = abs(apart[2]) > max(MIN_GROWTH, SCATTER_FACTOR * float(np.median(np.abs(others[:, 2]))))
    return bool(shifted or grown)


def _compute_median_shift(steps: Floats) -> float:
    """Return the median length of the shifts of steps (..., 3)."""
    return float(np.median(np.hypot(steps[..., 0], steps[..., 1])))


def _find_dips(scores: Sequence[float], areas: Floats, pivots: Sequence[int]) -> Iterator[Flag]:
    visible = (areas > 0).tolist()
    for frame in np.flatnonzero(visible).tolist():
        pivot = min(pivots, key=lambda pivot: abs(pivot - frame), default=-1)
        nearer = slice(max(0, frame - SCORE_WINDOW), frame) if pivot < frame else slice(frame + 1, frame + 1 + SCORE_WINDOW)
        before = list(compress(scores[nearer], visible[nearer]))
        if frame == pivot or len(before) < MIN_NEIGHBORS:
            continue
        level = median(before)
        if level - scores[frame] > max(MIN_DIP * abs(level), SCATTER_FACTOR * median(abs(score - level) for score in before)):
            why = f"scores {scores[frame]:.2g}, {level:.2g} nearer to the start"
            lost = min(1.0, (level - scores[frame]) / abs(level)) if level else 1.0
            yield Flag(frame=frame, kind="score dips", why=why, severity=round(lost, 3))
