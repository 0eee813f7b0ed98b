"""Grow regions from the rough evidence for an object in sampled frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from alref import Frame, Mask
from alref_baseline.attributes import compute_color_map, compute_saliency
from alref_baseline.class_activation import EvidenceMap, add_segments, compute_class_evidence
from alref_baseline.efficientnet import FloatArray
from alref_baseline.features import VideoFeatures, resize_image
from alref_baseline.grabcut import compute_bounding_box, find_connected_components, run_grabcut
from alref_baseline.grammar import ObjectDescription
from alref_baseline.label_propagation import smooth_label
from alref_baseline.lexicon import NounEntry, look_up_noun
from alref_baseline.linear_probe import compute_descriptors, fit_predict, normalize_weights
from alref_baseline.motion import compute_motion_strength, compute_residual_motion

_NUM_ROUNDS = 3
_MAX_REGIONS = 5
_MIN_AREA = 0.0005
_MIN_EVIDENCE = 0.2
_FULL_SYNCHRONY = 0.3
"""Correlation of motion with the audio that counts in full."""
_SEVERAL_VIEWS = 4
"""Closer views of a frame in which one among several objects is sought."""
_NECK_RATIO = 0.75
"""Width of the neck between two touching objects, as a share of the smaller one's, below which they are split."""
_CORE_THRESHOLD = 0.55
"""Probability below which a cell does not belong to a small handheld object."""


@dataclass(frozen=True, eq=False)
class FrameEvidence:
    """One sampled frame: all maps are float32 (h, w) at half the internal size.

    ``evidence`` is 0..1 with a maximum of 1; ``peak`` is its maximum before scaling, comparable between frames;
    ``class_probability`` is the probability of the classes; ``extent`` as in ``EvidenceMap``.
    """

    frame: int
    image: Frame
    evidence: FloatArray
    peak: float
    class_probability: float
    motion: FloatArray
    color_map: FloatArray | None
    extent: FloatArray | None = None


@dataclass(frozen=True, eq=False)
class Region:
    """A region of one frame that may be the object.

    ``mask`` is bool (h, w) at half the internal size; ``score`` rates its evidence, comparable over the regions of a grounding;
    ``color_share`` and ``part_color_share`` are the shares of it with the requested colors, 1 if none is requested;
    ``motion_strength`` is 0..1; ``velocity`` (right, down) is in shares of the longer side per frame; ``area`` is a share of
    the frame; ``box`` is xyxy in 0..1; ``edge_contrast`` is the contrast along its border, in gray levels per pixel.
    """

    frame: int
    mask: Mask
    score: float
    color_share: float
    part_color_share: float
    motion_strength: float
    velocity: tuple[float, float]
    area: float
    box: tuple[float, float, float, float]
    edge_contrast: float

    @property
    def center(self) -> tuple[float, float]:
        """The center of the box, (right, down) in 0..1."""
        left, top, right, bottom = self.box
        return (left + right) / 2, (top + bottom) / 2


def gather_evidence(
    video_features: VideoFeatures,
    frame: int,
    description: ObjectDescription,
    entry: NounEntry,
    synchrony_map: FloatArray | None = None,
) -> FrameEvidence:
    """Gather the evidence of one frame: the classes of the noun, its colors, and motion.

    ``synchrony_map`` (h, w), of any size, is how well motion follows the audio, for an object known only by its sound. Motion
    is then weighted by it, and saliency is the fallback.
    """
    picture = video_features.get_half_image(frame)
    motion = compute_residual_motion(video_features, frame)
    if entry.classes:
        views = _SEVERAL_VIEWS if description.is_among_several else 1
        found = compute_class_evidence(video_features, frame, entry.classes, views)
        found = add_segments(video_features, frame, entry, found) if entry.segments or entry.kin else found
    elif synchrony_map is None:
        found = EvidenceMap(0.25 + 0.25 * compute_motion_strength(motion), 0.0)
    else:
        together = (
            np.clip(resize_image(synchrony_map, *motion.shape[:2]) / max(float(synchrony_map.max()), _FULL_SYNCHRONY), 0, 1)
            ** 2
        )
        motion = motion * (0.1 + 0.9 * together)[..., None] if together.any() else motion
        found = EvidenceMap(0.1 * compute_saliency(picture) + 0.6 * compute_motion_strength(motion) + 0.3 * together, 0.0)
    evidence = found.heatmap
    color = None
    if description.colors:
        soft = np.asarray(cv2.GaussianBlur(picture, (5, 5), 0), np.uint8)
        color = np.maximum.reduce([compute_color_map(soft, name) for name in description.colors])
        evidence = (0.1 + 0.9 * evidence) * color
    peak = float(evidence.max())
    return FrameEvidence(frame, picture, evidence / max(peak, 1e-6), peak, found.probability, motion, color, found.extent)


def grow_regions(
    video_features: VideoFeatures, views: Sequence[FrameEvidence], description: ObjectDescription, entry: NounEntry
) -> list[Region]:
    """Grow the evidence of all sampled frames together with one probe, and extract the regions of each.

    A small handheld object without a color is grown less far, and without motion, because it moves with the person who holds
    it.
    """
    held = entry.is_handheld and not description.colors
    size = video_features.rows, video_features.columns
    moves = [
        np.zeros(size, np.float32) if held else resize_image(compute_motion_strength(view.motion), *size) for view in views
    ]
    cells = [
        compute_descriptors(video_features, view.frame, 1.5 * moved, color_scale=2.0 if description.colors else 1.0)
        for view, moved in zip(views, moves, strict=True)
    ]
    seeds = [_weigh_by_motion(video_features, view, moved, description) for view, moved in zip(views, moves, strict=True)]
    shares = [_limit_growth(view, size) for view in views]
    strongest = max(float(seed.max()) * view.peak for seed, view in zip(seeds, views, strict=True))
    chances = [
        seed * view.peak / max(float(seed.max()) * view.peak, 0.4 * strongest, 1e-6)
        for seed, view in zip(seeds, views, strict=True)
    ]
    for _ in range(_NUM_ROUNDS):
        weights = [
            normalize_weights(np.maximum(_normalize_peak(chance) - 0.35, 0), np.maximum(0.12 - _normalize_peak(chance), 0))
            for chance in chances
        ]
        answers = fit_predict(cells, weights)
        chances = [chance * share for chance, share in zip(answers, shares, strict=True)]
    found: list[Region] = []
    for view, chance in zip(views, chances, strict=True):
        grown = _normalize_peak(smooth_label(video_features.get_features(view.frame), chance))
        if view.extent is not None:
            grown = np.asarray((grown + view.extent) / 2, np.float32)
        grown = resize_image(grown, *view.evidence.shape)
        found += extract_regions(
            view, np.maximum(grown - _CORE_THRESHOLD, 0) / (1 - _CORE_THRESHOLD) if held else grown, description
        )
    return found


def _weigh_by_motion(
    video_features: VideoFeatures, view: FrameEvidence, moves: FloatArray, description: ObjectDescription
) -> FloatArray:
    """Weight evidence by motion, unless the object that is meant may stand still."""
    weight = 0.3 + 0.7 * moves if description.favors_motion else 1.0
    return np.asarray(resize_image(view.evidence, video_features.rows, video_features.columns) * weight, np.float32)


def _mark_near_evidence(evidence: FloatArray) -> FloatArray:
    """Return how near each cell is to evidence, 0..1."""
    near = cv2.GaussianBlur((evidence > _MIN_EVIDENCE).astype(np.float32), (0, 0), 0.056 * evidence.shape[1])
    return np.asarray(np.minimum(near, 0.5) * 2, np.float32)


def _limit_growth(view: FrameEvidence, size: tuple[int, int]) -> FloatArray:
    """Return the share of its probability that each cell keeps: less far from evidence, and beyond the widened extent."""
    share = 0.5 + 0.5 * _mark_near_evidence(resize_image(view.evidence, *size))
    if view.extent is not None:
        share = share * (0.1 + 0.9 * np.asarray(cv2.dilate(view.extent, np.ones((3, 3), np.uint8))))
    return np.asarray(share, np.float32)


def _normalize_peak(values: FloatArray) -> FloatArray:
    return values / max(float(values.max()), 1e-6)


def extract_regions(view: FrameEvidence, probability: FloatArray, description: ObjectDescription) -> Iterator[Region]:
    """Yield the regions of one frame with the most evidence."""
    labels, areas = find_connected_components(probability > 0.4)
    mass = np.bincount(labels.ravel(), view.evidence.ravel(), len(areas))
    mass[0] = -1
    for number in np.argsort(-mass, kind="stable")[:_MAX_REGIONS]:
        part = labels == number
        if number == 0 or areas[number] < _MIN_AREA * part.size or view.evidence[part].max() < 0.3:
            continue
        mask = _cut_part(view, probability, part)
        for each in _split_several(mask, description) if description.is_among_several else [mask]:
            yield _measure_region(view, each, float(view.evidence[each].max()), description)


def _cut_part(view: FrameEvidence, probability: FloatArray, part: Mask) -> Mask:
    """Segment one part by color and edges, and return the connected component with the most evidence."""
    near = cv2.dilate(part.astype(np.uint8), np.ones((9, 9), np.uint8))
    cut = _select_best_component(view, run_grabcut(view.image, probability * near, background_threshold=0.25, rounds=3))
    return cut if cut.sum() >= _MIN_AREA * cut.size else part


def _select_best_component(view: FrameEvidence, mask: Mask) -> Mask:
    labels, areas = find_connected_components(mask)
    mass = np.bincount(labels.ravel(), view.evidence.ravel() + 1e-3, len(areas))
    mass[0] = 0
    return np.asarray(labels == int(mass.argmax())) & mask


def _measure_region(view: FrameEvidence, mask: Mask, strongest: float, description: ObjectDescription) -> Region:
    height, width = mask.shape
    area = float(mask.mean())
    score = view.peak * strongest * float(np.sqrt(view.evidence[mask].mean())) * (1.0 if area < 0.5 else 0.3)
    right, down = view.motion[mask].mean(axis=0) / max(height, width)
    left, top, end, bottom = (compute_bounding_box(mask) / np.array([width, height] * 2)).tolist()
    return Region(
        frame=view.frame,
        mask=mask,
        score=score,
        color_share=float(view.color_map[mask].mean()) if view.color_map is not None else 1.0,
        part_color_share=_compute_part_color(view, mask, description.part_colors),
        motion_strength=float(compute_motion_strength(view.motion)[mask].mean()),
        velocity=(float(right), float(down)),
        area=area,
        box=(left, top, end, bottom),
        edge_contrast=compute_edge_contrast(view.image, mask),
    )


def _split_several(mask: Mask, description: ObjectDescription) -> list[Mask]:
    """Split a mask into objects that touch; people stand beside each other, so a waist does not split one."""
    parts = split_touching(mask)
    return join_stacked(parts) if look_up_noun(description.noun).is_person else parts


def join_stacked(parts: Sequence[Mask]) -> list[Mask]:
    """Join the parts of which one is above the other: they share at least half of the columns of the narrower one."""
    joined: list[Mask] = []
    for part in parts:
        beside: list[Mask] = []
        stacked = [part]
        for other in joined:
            own, its = part.any(axis=0), other.any(axis=0)
            (stacked if 2 * (own & its).sum() >= min(own.sum(), its.sum()) else beside).append(other)
        joined = [*beside, np.asarray(np.logical_or.reduce(stacked))]
    return joined


def split_touching(mask: Mask) -> list[Mask]:
    """Split a mask into objects that touch: thick parts that a narrow neck connects. Small parts stay with the nearest one."""
    depth = np.asarray(cv2.distanceTransform(np.pad(mask, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1], np.float32)
    best = [mask]
    for share in np.linspace(0.3, 0.9, 7):
        cores, areas = find_connected_components(depth > share * depth.max())
        peaks = [float(depth[cores == number].max()) for number in range(1, len(areas))]
        full = max(peaks, default=0.0)
        thick = [
            number for number, peak in enumerate(peaks, start=1) if share * full < _NECK_RATIO * peak and peak > 0.6 * full
        ]
        if len(thick) > len(best):
            far = [cv2.distanceTransform((cores != number).astype(np.uint8), cv2.DIST_L2, 5) for number in thick]
            nearest = np.argmin(far, axis=0)
            best = [np.asarray(mask & (nearest == index)) for index in range(len(thick))]
    return best


def compute_edge_contrast(image: Frame, mask: Mask) -> float:
    """Return the mean image gradient along the border of a mask.

    It is low if the border does not follow an edge, if the image is blurred, or if the frame cuts the object off.
    """
    smooth = cv2.GaussianBlur(image, (3, 3), 0).astype(np.float32)
    slope = np.hypot(cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)).max(axis=2) / 8
    slope[[0, -1]] = slope[:, [0, -1]] = 0
    inner = cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=0)
    border = mask & (inner == 0)
    return float(cv2.dilate(slope, np.ones((3, 3), np.uint8))[border].mean())


def _compute_part_color(view: FrameEvidence, mask: Mask, names: Sequence[str]) -> float:
    """Return the smallest share of the colors, relative to half of the region, the maximum for a part."""
    shares = [min(1.0, 2 * float(compute_color_map(view.image, name)[mask].mean())) for name in names]
    return min(shares, default=1.0)
