"""Agreement between the masks of two rows, for videos without ground truth."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

import numpy as np

from alref.evaluation.folder import EvaluationFolder
from alref.result import Result
from alref.utils.masks import Mask


def compute_agreement(own: EvaluationFolder, base: EvaluationFolder, videos: Sequence[str]) -> float | None:
    """Return the mean agreement over the videos of both rows; None if no video is comparable."""
    pairs = [(own.read_result(video), base.read_result(video)) for video in videos]
    found = [compute_similarity(one, other) for one, other in pairs if one and other and _has_same_input(one, other)]
    return fmean(found) if found else None


def compute_similarity(one: Result, other: Result) -> float:
    """Return the region similarity J of two results of one video, 0..1: the mean over references and frames.

    J is the intersection over the union of the masks of all objects of a reference; two empty masks agree (1).
    """
    return fmean(
        _compute_iou(mine, theirs)
        for reference in one.references
        for mine, theirs in zip(one.iterate_masks(reference.id), other.iterate_masks(reference.id), strict=True)
    )


def _has_same_input(one: Result, other: Result) -> bool:
    """Return whether two results have the same frames, in time and size, and the same references."""
    mine, theirs = (
        (each.video.times, each.video.height, each.video.width, [reference.id for reference in each.references])
        for each in (one, other)
    )
    return mine == theirs


def _compute_iou(one: Mask, other: Mask) -> float:
    union = np.count_nonzero(one | other)
    return np.count_nonzero(one & other) / union if union else 1.0
