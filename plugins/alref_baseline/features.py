"""Input images, features and class scores of one video, each computed once while it is cached.

All components of a run share the ``VideoFeatures`` of their video, which has one internal size for any size of the video.
"""

from __future__ import annotations

import weakref
from functools import lru_cache
from typing import TypeVar

import cv2
import numpy as np

from alref import Frame, Video
from alref.utils.array_cache import ArrayCache
from alref_baseline.deeplab import DeepLab
from alref_baseline.efficientnet import SIZE_MULTIPLE, EfficientNetLite, FloatArray
from alref_baseline.neighbor_search import Roi
from alref_baseline.weights import SEGMENTER, load_classifier

ImageArray = TypeVar("ImageArray", Frame, FloatArray)

LONG_SIDE = 768
"""Longer side of the network's input image in pixels."""

CELL_SIZE = 8
"""Pixels between neighboring cells of the feature grid."""

_CACHE_BYTES = 112 << 20
_IMAGE_CACHE_BYTES = 32 << 20
_WINDOW_CACHE_BYTES = 16 << 20
_WINDOW_CONTEXT = 4
"""Cells around the requested ones that a window contains at least; features need context."""
_WINDOW_STEP = 4
"""Cells between possible borders of a window, so that objects in the same place share a window."""
_MAX_WINDOW_SHARE = 0.75
"""Share of the frame above which a window is the whole frame."""


@lru_cache(maxsize=1)
def load_network() -> EfficientNetLite:
    """Return the network, loaded once per process. Raises MissingError if its weights are not installed."""
    return EfficientNetLite(load_classifier())


@lru_cache(maxsize=1)
def load_segmenter() -> DeepLab:
    """Return the segmentation network, loaded once per process. Raises MissingError if its weights are not installed."""
    return DeepLab(SEGMENTER.read())


class VideoFeatures:
    """The frames of one video as input images, features and class scores of the network.

    ``height`` and ``width`` are the internal size in pixels, multiples of 16; ``rows`` and ``columns`` the feature grid,
    one cell for every 8 x 8 pixels.
    """

    def __init__(self, video: Video) -> None:
        self._video: Video = weakref.proxy(video)
        scale = LONG_SIDE / max(video.height, video.width)
        self.height, self.width = (
            max(2, round(side * scale / SIZE_MULTIPLE)) * SIZE_MULTIPLE for side in (video.height, video.width)
        )
        self.rows, self.columns = self.height // CELL_SIZE, self.width // CELL_SIZE
        self._cache: ArrayCache[tuple[str, int], np.float32] = ArrayCache(_CACHE_BYTES)
        self._windows: ArrayCache[tuple[int, Roi], np.float32] = ArrayCache(_WINDOW_CACHE_BYTES)
        self._images: ArrayCache[int, np.uint8] = ArrayCache(_IMAGE_CACHE_BYTES)

    def __len__(self) -> int:
        return len(self._video)

    def get_image(self, frame: int) -> Frame:
        """Return a frame at internal size: uint8 (height, width, 3) RGB."""
        return self._images.get_or_compute(frame, lambda: resize_image(self._video.read_frame(frame), self.height, self.width))

    def get_half_image(self, frame: int) -> Frame:
        """Return a frame at half the internal size."""
        return resize_image(self.get_image(frame), self.height // 2, self.width // 2)

    def get_features(self, frame: int) -> FloatArray:
        """Return a frame's features: float32 (rows, columns, 152), each cell of length 1."""
        return self._cache.get_or_compute(("features", frame), lambda: self._compute_features(frame))

    def find_window(self, roi: Roi) -> Roi:
        """Return the window whose features are computed for the cells of ``roi``: somewhat larger, or the whole frame."""
        window = Roi(
            max(0, (roi.top - _WINDOW_CONTEXT) // _WINDOW_STEP * _WINDOW_STEP),
            min(self.rows, -(-(roi.bottom + _WINDOW_CONTEXT) // _WINDOW_STEP) * _WINDOW_STEP),
            max(0, (roi.left - _WINDOW_CONTEXT) // _WINDOW_STEP * _WINDOW_STEP),
            min(self.columns, -(-(roi.right + _WINDOW_CONTEXT) // _WINDOW_STEP) * _WINDOW_STEP),
        )
        whole = Roi(0, self.rows, 0, self.columns)
        return window if window.area <= _MAX_WINDOW_SHARE * whole.area else whole

    def get_window_features(self, frame: int, window: Roi) -> FloatArray:
        """Return the features of a window from ``find_window``: float32 (rows, columns, 152), each cell of length 1.

        Near the border of the window they differ from those of the whole frame, whose context they lack.
        """
        if window.area == self.rows * self.columns:
            return self.get_features(frame)
        return self._windows.get_or_compute((frame, window), lambda: self._compute_window_features(frame, window))

    def get_class_scores(self, frame: int) -> FloatArray:
        """Return a frame's ImageNet class scores (logits): float32 (1000, height / 16, width / 16)."""
        return self._cache.get_or_compute(("classes", frame), lambda: self._compute_class_scores(frame))

    def get_segments(self, frame: int) -> FloatArray:
        """Return the probabilities of DeepLab's classes, float32 (21, rows, columns): the greatest over three image sizes.

        Small things are found at full size, large ones at half and at a quarter of it.
        """
        return self._cache.get_or_compute(("segments", frame), lambda: self._compute_segments(frame))

    def compute_class_scores(self, image: Frame) -> FloatArray:
        """Return class scores (logits) of any RGB image whose sides are multiples of 16."""
        return load_network().compute_class_scores(load_network().extract_features(image)[1])

    def _compute_features(self, frame: int) -> FloatArray:
        fine, deep = load_network().extract_features(self.get_image(frame))
        self._cache.get_or_compute(("deep", frame), lambda: deep)
        return _combine_maps(fine, deep)

    def _compute_class_scores(self, frame: int) -> FloatArray:
        self.get_features(frame)
        deep = self._cache.get(("deep", frame))
        image = self.get_image(frame)
        return self.compute_class_scores(image) if deep is None else load_network().compute_class_scores(deep)

    def _compute_segments(self, frame: int) -> FloatArray:
        sides = (self.height, self.width)
        sizes = [[max(1, side // (part * SIZE_MULTIPLE)) * SIZE_MULTIPLE for side in sides] for part in (1, 2, 4)]
        found = [_segment_image(resize_image(self.get_image(frame), height + 1, width + 1)) for height, width in sizes]
        return np.asarray(np.maximum.reduce([_resize_maps(each, self.rows, self.columns) for each in found]))

    def _compute_window_features(self, frame: int, window: Roi) -> FloatArray:
        rows, columns = (slice(part.start * CELL_SIZE, part.stop * CELL_SIZE) for part in window.index)
        return _combine_maps(*load_network().extract_features(self.get_image(frame)[rows, columns]))


def _combine_maps(fine: FloatArray, deep: FloatArray) -> FloatArray:
    """Combine the maps of the network to features of one cell of ``fine`` each, (rows, columns, 152), each of length 1."""
    first, second = (_normalize_vectors(map_.transpose(1, 2, 0)) for map_ in (fine, deep))
    return _normalize_vectors(np.concatenate([first, cv2.resize(second, first.shape[1::-1])], axis=2))


def _segment_image(image: Frame) -> FloatArray:
    """Return class probabilities (21, H // 8, W // 8) of an image whose sides are multiples of 16, plus 1.

    The network computes them at the corners of the cells; a cell has the mean of its four.
    """
    scores = load_segmenter().compute_class_scores(image)
    likely = np.exp(scores - scores.max(axis=0))
    corners = likely / likely.sum(axis=0)
    rows = corners[:, 1:] + corners[:, :-1]
    return np.asarray((rows[..., 1:] + rows[..., :-1]) / 4, np.float32)


def _resize_maps(maps: FloatArray, rows: int, columns: int) -> FloatArray:
    return np.stack([resize_image(each, rows, columns) for each in maps])


def get_video_features(video: Video) -> VideoFeatures:
    """Return the features of a video, the same object during the lifetime of the video."""
    return video.remember(VideoFeatures, lambda: VideoFeatures(video))


def resize_image(image: ImageArray, height: int, width: int) -> ImageArray:
    """Resize (H, W) or (H, W, C) to ``height`` and ``width``: area averaging to shrink, bilinear to enlarge."""
    shrinks = height * width < image.shape[0] * image.shape[1]
    made = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return np.asarray(made, image.dtype)


def _normalize_vectors(vectors: FloatArray) -> FloatArray:
    """Scale the vectors along the last axis to length 1; a zero vector remains unchanged."""
    return np.ascontiguousarray(vectors / np.maximum(np.linalg.norm(vectors, axis=2, keepdims=True), 1e-6), np.float32)
