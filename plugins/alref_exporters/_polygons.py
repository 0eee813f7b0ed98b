"""Masks as polygons along the edges of their pixels: a pixel (x, y) is the square from x, y to x + 1, y + 1."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from alref import Mask, RunFrame

Polygon = npt.NDArray[np.float64]
"""Corners float64 (N, 2), x and y in pixels, N >= 4 before simplification and >= 3 after it."""


def trace_object(frame: RunFrame, number: int, tolerance: float) -> list[Polygon]:
    """Return the polygons of an object on a frame, as ``trace_polygons`` does; formats that are written together share them."""
    crop = frame.crops[number]
    corner = np.array([crop.left, crop.top])
    make = lambda: [outline + corner for outline in trace_polygons(crop.mask, tolerance)]  # noqa: E731
    return frame.remember((trace_polygons, number, tolerance), make)


def trace_polygons(mask: Mask, tolerance: float = 0.0) -> list[Polygon]:
    """Return the outlines of the pieces of a mask, the largest first; holes are lost.

    With ``tolerance`` in pixels, corners are left out as long as the outline moves by no more.
    """
    outlines = sorted(_trace_outlines(mask), key=compute_area, reverse=True)
    return [simplify_polygon(outline, tolerance) for outline in outlines]


def _trace_outlines(mask: Mask) -> list[Polygon]:
    """Trace the outer edges of the pieces of a mask; pixels that touch at a corner belong together.

    The mask is doubled, so that the first and the last column of a pixel differ: column u of the doubled mask lies at the edge
    (u + 1) // 2.
    """
    doubled = cv2.resize(mask.view(np.uint8), None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST)
    contours, _ = cv2.findContours(doubled, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    return [_drop_straight_corners((contour[:, 0].astype(np.float64) + 1) // 2) for contour in contours]


def _drop_straight_corners(corners: Polygon) -> Polygon:
    """Leave out repeated corners, and those on a straight line."""
    corners = corners[(corners != np.roll(corners, 1, axis=0)).any(axis=1)]
    before, after = corners - np.roll(corners, 1, axis=0), np.roll(corners, -1, axis=0) - corners
    bent: Polygon = corners[before[:, 0] * after[:, 1] != before[:, 1] * after[:, 0]]
    return bent


def simplify_polygon(polygon: Polygon, tolerance: float) -> Polygon:
    """Leave out corners that are within ``tolerance`` pixels of the new outline; at least three remain."""
    if tolerance <= 0:
        return polygon
    shorter = cv2.approxPolyDP(polygon.astype(np.float32), tolerance, True)[:, 0].astype(np.float64)
    return shorter if len(shorter) >= 3 and compute_area(shorter) > 0 else polygon


def compute_area(polygon: Polygon) -> float:
    """Return the area of a polygon in square pixels."""
    x, y = polygon.T
    return float(abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2)


def join_polygons(polygons: list[Polygon]) -> Polygon:
    """Join pieces to one outline by bridges of no width between the nearest corners, for formats with one per object."""
    joined, *others = polygons
    for other in others:
        apart = ((joined[:, None] - other[None]) ** 2).sum(axis=2)
        here, there = np.unravel_index(int(apart.argmin()), apart.shape)
        around = np.concatenate([other[there:], other[: there + 1]])
        joined = np.concatenate([joined[: here + 1], around, joined[here:]])
    return joined
