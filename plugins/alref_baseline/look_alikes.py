"""Find everything in the sampled frames that looks like the regions that the evidence found: other objects of the noun."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from alref import Mask
from alref_baseline.efficientnet import FloatArray
from alref_baseline.features import VideoFeatures, resize_image
from alref_baseline.grammar import ObjectDescription
from alref_baseline.label_propagation import NEIGHBORS, combine_labels, smooth_label
from alref_baseline.neighbor_search import find_neighbors
from alref_baseline.regions import FrameEvidence, Region, extract_regions

_OBJECT_CELLS, _OTHER_CELLS = 120, 240
"""Cells of one frame that others are compared with."""
_ALIKE = 0.9
"""Similarity to the object, as a share of its similarity to itself, from which a cell of the background may be a look-alike."""
_LIKENESS_WEIGHT = 0.6
"""Evidence of a look-alike, as a share of that of the strongest region."""


def find_look_alikes(
    video_features: VideoFeatures, views: Sequence[FrameEvidence], regions: Sequence[Region], description: ObjectDescription
) -> list[Region]:
    """Return the regions of all frames whose cells look like the strongest region of each frame."""
    strongest: dict[int, Region] = {}
    for region in sorted(regions, key=lambda region: region.score):
        strongest[region.frame] = region
    masks = {frame: region.mask for frame, region in strongest.items()}
    labels = compute_likeness(video_features, masks, [view.frame for view in views])
    found = []
    for view in views:
        alike = resize_image(labels[view.frame], *view.evidence.shape)
        evidence = np.maximum(view.evidence, _LIKENESS_WEIGHT * alike)
        found += list(extract_regions(replace(view, evidence=evidence), alike, description))
    return found


def compute_likeness(video_features: VideoFeatures, masks: dict[int, Mask], frames: Sequence[int]) -> dict[int, FloatArray]:
    """Return for each of ``frames`` how much each cell looks like the masked objects, 0..1, float32 (rows, columns).

    ``masks`` are objects by their frame; a frame may have none.
    """
    size = video_features.rows, video_features.columns
    cells = {frame: video_features.get_features(frame).reshape(size[0] * size[1], -1) for frame in {*masks, *frames}}
    inside = {frame: resize_image(mask.astype(np.float32), *size).ravel() > 0.5 for frame, mask in masks.items()}
    known = np.concatenate([_sample_evenly(cells[frame][inside[frame]], _OBJECT_CELLS) for frame in masks])
    others = np.concatenate([_sample_evenly(cells[frame][~inside[frame]], _OTHER_CELLS) for frame in masks])
    if not len(known):
        return {frame: np.zeros(size, np.float32) for frame in frames}
    itself = np.partition(known @ known.T, -2, axis=1)[:, -2]
    others = others[(others @ known.T).max(axis=1) < _ALIKE * np.median(itself)]
    keys, labels = np.concatenate([known, others]), np.repeat([1.0, 0.0], [len(known), len(others)]).astype(np.float32)
    found = {}
    for frame in frames:
        similar, nearest = find_neighbors(cells[frame], keys, NEIGHBORS)
        found[frame] = smooth_label(video_features.get_features(frame), combine_labels(similar, labels[nearest]).reshape(size))
    return found


def _sample_evenly(rows: FloatArray, count: int) -> FloatArray:
    if len(rows) <= count:
        return rows
    return rows[np.linspace(0, len(rows) - 1, count).astype(np.intp)]
