"""Score the regions of sampled frames by their own fit and by their agreement with the regions of the other frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from alref_baseline.efficientnet import FloatArray
from alref_baseline.features import VideoFeatures, resize_image
from alref_baseline.grammar import ObjectDescription
from alref_baseline.label_propagation import NEIGHBORS, combine_labels
from alref_baseline.neighbor_search import find_neighbors
from alref_baseline.region_score import score_region
from alref_baseline.regions import Region

_MAX_RIVALS = 3
_MIN_RIVAL_FIT = 0.25
"""Fit of a region, as a share of the best one's on its frame, from which it counts as another object of the noun."""
_SIZE_RANGE = 1.5
"""How many times larger or smaller than usual a region may be before it is distrusted."""


@dataclass(frozen=True)
class ScoredRegion:
    """A region with its ``score`` as the object, 0..1, and its ``agreement`` with the other sampled frames, 0..1.

    ``match_score`` is how well it matches the best region of all frames when that is propagated to this frame, 1 for the best
    region itself.
    """

    region: Region
    score: float
    agreement: float
    match_score: float


def score_regions(
    video_features: VideoFeatures, regions: Sequence[Region], description: ObjectDescription, evidence: float
) -> list[ScoredRegion]:
    """Score every region: its own fit, multiplied by its agreement with the other frames."""
    frames = sorted({region.frame for region in regions})
    rivals = {frame: [region for region in regions if region.frame == frame] for frame in frames}
    fits = {id(region): score_region(region, description) for region in regions}
    top = max(max(fits.values()), 1e-9)
    for frame in frames:
        rivals[frame] = sorted(rivals[frame], key=lambda region: -fits[id(region)])[:_MAX_RIVALS]
    overlaps = _compute_overlaps(video_features, rivals)
    strength = {key: float(np.sqrt(fit / top)) for key, fit in fits.items()}
    kept = [region for frame in frames for region in rivals[frame]]
    agreed = {id(region): _compute_agreement(region, rivals, overlaps, strength) for region in kept}
    clear = {
        id(region): 0.3 + 0.7 * region.edge_contrast / max(1e-6, *(other.edge_contrast for other in kept)) for region in kept
    }
    usual = float(np.median([rivals[frame][0].area for frame in frames]))
    sized = {id(region): min(1.0, _SIZE_RANGE * usual / region.area, _SIZE_RANGE * region.area / usual) for region in kept}
    standing = {
        id(region): strength[id(region)] * (0.02 + agreed[id(region)]) * clear[id(region)] * sized[id(region)]
        for region in kept
    }
    best = max(kept, key=lambda region: standing[id(region)])
    found = []
    for region in kept:
        linked = 1.0 if region is best else overlaps.get((id(best), id(region)), 0.0)
        share = np.sqrt(standing[id(region)] / max(standing[id(best)], 1e-9)) * (0.3 + 0.7 * linked)
        found.append(ScoredRegion(region, float(min(1.0, evidence * share)), agreed[id(region)], linked))
    return sorted(found, key=lambda each: -each.score)


def score_several(
    video_features: VideoFeatures, regions: Sequence[Region], description: ObjectDescription, evidence: float
) -> list[ScoredRegion]:
    """Score the frames by all objects of the noun on them together, then each region by its own fit on its frame.

    Agreement is that of all objects of a frame, since one of them resembles the others as much as itself.
    """
    fits = {id(region): score_region(region, description) for region in regions}
    top = max(max(fits.values()), 1e-9)
    by_frame: dict[int, list[Region]] = {}
    for region in sorted(regions, key=lambda region: -fits[id(region)]):
        by_frame.setdefault(region.frame, []).append(region)
    rivals = {
        frame: [each for each in own if fits[id(each)] >= _MIN_RIVAL_FIT * fits[id(own[0])]] for frame, own in by_frame.items()
    }
    together = {frame: [_join_regions(own)] for frame, own in rivals.items()}
    overlaps = _compute_overlaps(video_features, together)
    strength = {id(one): float(np.sqrt(fits[id(rivals[frame][0])] / top)) for frame, (one,) in together.items()}
    agreed = {frame: _compute_agreement(one, together, overlaps, strength) for frame, (one,) in together.items()}
    usual = float(np.median([len(own) for own in rivals.values()]))
    sharpest = max(1e-6, *(one.edge_contrast for (one,) in together.values()))
    standing = {
        frame: strength[id(one)]
        * (0.02 + agreed[frame])
        * (0.3 + 0.7 * one.edge_contrast / sharpest)
        * min(1.0, len(rivals[frame]) / usual)
        for frame, (one,) in together.items()
    }
    best = max(standing, key=lambda frame: standing[frame])
    found = []
    for frame, own in by_frame.items():
        linked = 1.0 if frame == best else overlaps.get((id(together[best][0]), id(together[frame][0])), 0.0)
        share = np.sqrt(standing[frame] / max(standing[best], 1e-9)) * (0.3 + 0.7 * linked)
        for region in own:
            score = float(min(1.0, evidence * share * np.sqrt(fits[id(region)] / max(fits[id(own[0])], 1e-9))))
            found.append(ScoredRegion(region, score, agreed[frame], linked))
    return sorted(found, key=lambda each: -each.score)


def _join_regions(regions: Sequence[Region]) -> Region:
    """Return the best region, the first, with the mask of all."""
    mask = np.logical_or.reduce([region.mask for region in regions])
    return replace(regions[0], mask=mask, area=float(mask.mean()))


def _compute_agreement(
    region: Region,
    rivals: dict[int, list[Region]],
    overlaps: dict[tuple[int, int], float],
    strength: dict[int, float],
) -> float:
    """Return the mean over the other frames of how well the region, propagated there, overlaps a strong region."""
    others = [others for frame, others in rivals.items() if frame != region.frame]
    met = [max(overlaps[id(region), id(other)] * strength[id(other)] for other in each) for each in others]
    return float(np.mean(met)) if met else 1.0


def _compute_overlaps(video_features: VideoFeatures, rivals: dict[int, list[Region]]) -> dict[tuple[int, int], float]:
    """Propagate each region to every other frame; return its soft IoU with the regions there, by pairs of ids."""
    size = video_features.rows // 2, video_features.columns // 2
    looks = {frame: _get_coarse_features(video_features, frame, size) for frame in rivals}
    labels = {id(one): resize_image(one.mask.astype(np.float32), *size).ravel() for each in rivals.values() for one in each}
    overlaps = {}
    for source, regions in rivals.items():
        known = np.stack([labels[id(region)] for region in regions], axis=1)
        for target, others in rivals.items():
            if target == source:
                continue
            similar, cells = find_neighbors(looks[target], looks[source], NEIGHBORS)
            for region, carried in zip(regions, (combine_labels(similar, column[cells]) for column in known.T), strict=True):
                for other in others:
                    overlaps[id(region), id(other)] = _compute_soft_iou(carried, labels[id(other)])
    return overlaps


def _get_coarse_features(video_features: VideoFeatures, frame: int, size: tuple[int, int]) -> FloatArray:
    features = video_features.get_features(frame)
    small = np.dstack([resize_image(features[..., part], *size) for part in (slice(0, 64), slice(64, None))])
    flat = small.reshape(-1, small.shape[2])
    return np.asarray(flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6), np.float32)


def _compute_soft_iou(first: FloatArray, second: FloatArray) -> float:
    return float(np.minimum(first, second).sum() / max(float(np.maximum(first, second).sum()), 1e-6))
