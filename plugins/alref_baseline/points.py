"""Grow a region from points that a person gives on one frame, or correct a mask by them.

The extent of an object around a point is not known, so boxes of several sizes around it are tried: each gives a region, and the
one whose border follows edges best is taken. A point that is not on the object takes away what looks like it.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from alref import Mask
from alref_baseline.efficientnet import FloatArray
from alref_baseline.features import CELL_SIZE, VideoFeatures, resize_image
from alref_baseline.grabcut import find_connected_components
from alref_baseline.label_tracker import make_seed_label, segment_box, segment_label
from alref_baseline.linear_probe import compute_descriptors, fit_predict, normalize_weights
from alref_baseline.regions import compute_edge_contrast

_SIDES = (0.1, 0.2, 0.36, 0.65)
"""Sides of the boxes that are tried around a point, as shares of the longer side of the frame."""
_CUT_SHARE = 0.22
"""Share of the border of a region on the border of its box, above which the box is too small for the object."""
_CENTRAL_DEPTH = 0.6
"""Depth of a point in one of several parts of a mask, as a share of the deepest one, from which it means the whole part."""
_ADDED_SIZES, _REMOVED_SIZE, _SLACK = (3.0, 1.5), 3.0, 3
"""Size of the part that a point means, in units of its distance from the border of the mask, and pixels beyond it."""
_MAX_GROWTH = 3.0
"""Area with what a point adds, as a multiple of the area before, above which the point means a smaller part."""
_CERTAIN_SIZE = 0.7
"""Size of what is added around a point at least, in the same units."""
_OBJECT_SHARE = 0.5
"""Share of a cell that belongs to the object, from which the cell does."""
_REJECTED_REACH = 12
"""Cells around the object that points off the object speak about."""
_SAME_THING = 0.6
"""Likeness to a point off the object, from which a cell may be of the same thing."""
_NUM_ROUNDS, _DOUBT = 2, 0.4
"""Fits of what a point off the object takes away; the chance up to which a cell does not count as the object in the next."""
_REACH = 1.5
"""Cells around a point that belong to it for certain."""


def segment_points(
    video_features: VideoFeatures,
    frame: int,
    points: FloatArray,
    labels: npt.NDArray[np.bool_],
    size: tuple[int, int],
    box: FloatArray | None = None,
    prior: Mask | None = None,
) -> Mask:
    """Return the mask of ``points`` (K, 2), in pixels of a video of ``size`` (H, W): bool of that size, empty if none is left.

    ``labels`` (K,) say which are on the object. They correct ``prior``, or the object in ``box``, if one is given.
    """
    if prior is None and box is not None:
        prior = segment_box(video_features, frame, box, size)
    mask = np.zeros(size, bool) if prior is None else np.array(prior)
    for point in points[labels]:
        if not mask[find_pixel(point, size)]:
            others = points[~labels]
            if mask.any():
                mask = _add_part(video_features, frame, mask, point, others)
            else:
                mask = _grow_region(video_features, frame, point, others, size)
    for point in points[~labels]:
        if mask[find_pixel(point, size)]:
            mask = _remove_region(video_features, frame, mask, point, points[labels])
    return mask


def find_pixel(point: FloatArray, size: tuple[int, int]) -> tuple[int, int]:
    """Return the row and the column of the pixel of a point (x, y)."""
    column, row = np.floor(point).astype(int).clip(0, [size[1] - 1, size[0] - 1])
    return int(row), int(column)


def _grow_region(
    video_features: VideoFeatures, frame: int, point: FloatArray, others: FloatArray, size: tuple[int, int]
) -> Mask:
    """Return the region around a point whose border follows edges best, without the ``others``; never empty."""
    longer, image = max(size), video_features.get_image(frame)
    best, best_score = np.zeros(size, bool), -1.0
    for share in _SIDES:
        half = share * longer / 2
        box = np.concatenate([point - half, point + half]).clip(0, [size[1], size[0]] * 2).astype(np.float32)
        mask = _select_component(segment_box(video_features, frame, box, size), point)
        small = np.asarray(resize_image(mask.astype(np.float32), *image.shape[:2]) > 0.5)
        if not small.any() or any(mask[find_pixel(other, size)] for other in others):
            continue
        score = compute_edge_contrast(image, small) * (1.0 if _measure_cut_share(mask, box) < _CUT_SHARE else 0.3)
        if score > best_score:
            best, best_score = mask, score
    if not best.any():
        cv2.circle(view := best.astype(np.uint8), find_pixel(point, size)[::-1], max(2, longer // 60), 1, -1)
        return np.asarray(view > 0)
    return best


def _add_part(video_features: VideoFeatures, frame: int, mask: Mask, point: FloatArray, others: FloatArray) -> Mask:
    """Return a mask with the missing part that a point in the middle of it means: what looks like it, or like the object."""
    place = find_pixel(point, mask.shape)
    away = float(cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5)[place])
    for size in _ADDED_SIZES:
        reached = cv2.circle(np.zeros(mask.shape, np.uint8), place[::-1], round(size * away) + _SLACK, 1, -1) > 0
        grown = mask | (_find_alike(video_features, frame, mask, point, others, reached) & reached)
        if grown.sum() <= _MAX_GROWTH * mask.sum():
            break
    view = cv2.circle(grown.astype(np.uint8), place[::-1], max(1, round(_CERTAIN_SIZE * away)), 1, -1)
    return np.asarray(view > 0)


def _find_alike(
    video_features: VideoFeatures, frame: int, mask: Mask, point: FloatArray, others: FloatArray, reached: Mask
) -> Mask:
    """Return what looks like a point or like the object in a mask, within ``reached``."""
    scale = np.array([video_features.width / mask.shape[1], video_features.height / mask.shape[0]], np.float32)
    label, added = make_seed_label(video_features, mask), _mark_cells(video_features, point * scale)
    reached_cells = make_seed_label(video_features, reached) > 0.3
    near = (cv2.dilate(np.maximum(label, added), np.ones((17, 17), np.uint8)) > 0.1) & (label < 0.1) & ~reached_cells
    outside = near.astype(np.float32)
    for other in others:
        outside = np.maximum(outside, 4 * _mark_cells(video_features, other * scale))
    inside = label + added * label.sum() / max(float(added.sum()), 1e-6)
    (chance,) = fit_predict([compute_descriptors(video_features, frame)], [normalize_weights(inside, outside)])
    whole = np.maximum(np.where(reached_cells, chance, 0), np.maximum(label, added))
    return segment_label(video_features, frame, np.asarray(whole, np.float32), mask.shape)


def _select_component(mask: Mask, point: FloatArray) -> Mask:
    """Return the connected component of a mask at a point, an empty mask if there is none."""
    labels, _ = find_connected_components(mask)
    number = labels[find_pixel(point, mask.shape)]
    return np.asarray(labels == number) if number else np.zeros_like(mask)


def _measure_cut_share(mask: Mask, box: FloatArray) -> float:
    """Return the share of the border of a mask that lies on the border of its box, but not on that of the frame."""
    border = mask & (cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8)) == 0)
    left, top, right, bottom = np.round(box).astype(int)
    height, width = mask.shape
    sides = [
        border[:, left : left + 2] if left > 0 else border[:, :0],
        border[:, max(0, right - 2) : right] if right < width else border[:, :0],
        border[top : top + 2] if top > 0 else border[:0],
        border[max(0, bottom - 2) : bottom] if bottom < height else border[:0],
    ]
    return float(sum(side.sum() for side in sides) / max(1, border.sum()))


def _remove_region(video_features: VideoFeatures, frame: int, mask: Mask, point: FloatArray, others: FloatArray) -> Mask:
    """Return a mask without what a point means: one of several parts if it is in its middle, else what looks like it."""
    part, place = _select_component(mask, point), find_pixel(point, mask.shape)
    depth = cv2.distanceTransform(np.pad(part, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    rest = mask & ~part
    is_central = depth[place] >= _CENTRAL_DEPTH * depth.max()
    if rest.any() and is_central and not any(part[find_pixel(other, mask.shape)] for other in others):
        return rest
    scale = np.array([video_features.width / mask.shape[1], video_features.height / mask.shape[0]], np.float32)
    label = make_seed_label(video_features, mask)
    outside = _mark_cells(video_features, point * scale)
    inside = label * (1 - outside)
    for other in others:
        inside = np.maximum(inside, 2 * _mark_cells(video_features, other * scale))
    near = (cv2.dilate(label, np.ones((9, 9), np.uint8)) > 0.1) & (label < 0.1)
    background = 4 * outside * label.sum() / max(float(outside.sum()), 1e-6) + 0.2 * near
    cells, chance = [compute_descriptors(video_features, frame)], np.ones_like(label)
    for _ in range(_NUM_ROUNDS):  # what turns out to look like the point is not an example of the object any more
        examples = inside * np.maximum(chance - _DOUBT, 0)
        (chance,) = fit_predict(cells, [normalize_weights(examples, background)])
    kept = segment_label(video_features, frame, np.asarray(np.minimum(chance, label), np.float32), mask.shape)
    place_size = round(_REMOVED_SIZE * float(depth[place])) + _SLACK
    reached = cv2.circle(np.zeros(mask.shape, np.uint8), place[::-1], place_size, 1, -1)
    view = (mask & (kept | (reached == 0))).astype(np.uint8)
    cv2.circle(view, place[::-1], max(1, round(CELL_SIZE * _REACH / float(scale.mean()) / 2)), 0, -1)
    return np.asarray(view > 0)


def find_rejected_cells(
    video_features: VideoFeatures, frame: int, points: FloatArray, mask: Mask, prior: Mask | None = None
) -> Mask:
    """Return the cells that points off the object take away: bool (rows, columns).

    They are the cells at the points, those near the mask that look more like them than like the object, and those of the mask
    before, ``prior``, that are not in the mask any more.
    """
    features, label = video_features.get_features(frame), make_seed_label(video_features, mask)
    flat = features.reshape(-1, features.shape[2])
    scale = np.array([video_features.width / mask.shape[1], video_features.height / mask.shape[0]], np.float32)
    marked = np.max([_mark_cells(video_features, point * scale) for point in points], axis=0) > 0
    marked &= label < _OBJECT_SHARE
    near = (cv2.dilate(label, np.ones((2 * _REJECTED_REACH + 1,) * 2, np.uint8)) > _OBJECT_SHARE) & (label < _OBJECT_SHARE)
    inside = flat[np.flatnonzero(label >= _OBJECT_SHARE)]
    likeness = [(flat @ keys.T).max(axis=1, initial=-1).reshape(label.shape) for keys in (flat[np.flatnonzero(marked)], inside)]
    rejected = marked | (near & (likeness[0] > np.maximum(likeness[1], _SAME_THING)))
    if prior is not None and (cut := prior & ~mask).any():
        rejected |= (make_seed_label(video_features, cut) >= _OBJECT_SHARE) & (label < _OBJECT_SHARE)
    return np.asarray(rejected)


def _mark_cells(video_features: VideoFeatures, point: FloatArray) -> FloatArray:
    """Return 1 for the cells around a point in internal pixels, else 0: float32 (rows, columns)."""
    down, across = np.meshgrid(np.arange(video_features.rows) + 0.5, np.arange(video_features.columns) + 0.5, indexing="ij")
    away = np.hypot(across - point[0] / CELL_SIZE, down - point[1] / CELL_SIZE)
    return np.asarray(away <= max(_REACH, float(away.min())), np.float32)
