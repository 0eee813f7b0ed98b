"""What the network sees of one video: pictures, features and class scores of its frames, each computed once while remembered.

All components of a run share the ``Eye`` of their video. It works at one internal size, whatever the size of the video.
"""

from __future__ import annotations

import weakref
from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

import cv2
import numpy as np

from alref.media.video import Frame, Video
from alref_baseline.efficientnet import STEP, Floats, Network
from alref_baseline.weights import load_weights

Pixels = TypeVar("Pixels", Frame, Floats)

SIDE = 768
"""Longer side of the pictures that the network sees, in pixels."""

CELL = 8
"""Pixels between neighbouring cells of the feature grid."""

_BYTES = 192 << 20


@lru_cache(maxsize=1)
def network() -> Network:
    """Return the network, loaded once in a process. Raises MissingError when its weights are not installed."""
    return Network(load_weights())


class Memory:
    """Arrays by key, the least recently used dropped when together they exceed ``limit`` bytes."""

    def __init__(self, limit: int) -> None:
        self._limit, self._held = limit, 0
        self._arrays: OrderedDict[tuple[str, int], Floats] = OrderedDict()

    def get(self, key: tuple[str, int], make: Callable[[], Floats]) -> Floats:
        """Return the array of ``key``, made when it is not held."""
        if key not in self._arrays:
            self._arrays[key] = made = make()
            self._held += made.nbytes
        self._arrays.move_to_end(key)
        while self._held > self._limit and len(self._arrays) > 1:
            self._held -= self._arrays.popitem(last=False)[1].nbytes
        return self._arrays[key]


class Eye:
    """The frames of one video as the network sees them.

    ``height`` and ``width`` are the internal size in pixels, multiples of 16; ``rows`` and ``columns`` the feature grid,
    one cell for every 8 x 8 pixels.
    """

    def __init__(self, video: Video) -> None:
        self._video: Video = weakref.proxy(video)
        scale = SIDE / max(video.height, video.width)
        self.height, self.width = (max(2, round(side * scale / STEP)) * STEP for side in (video.height, video.width))
        self.rows, self.columns = self.height // CELL, self.width // CELL
        self._memory = Memory(_BYTES)

    def __len__(self) -> int:
        return len(self._video)

    def picture(self, frame: int) -> Frame:
        """Return a frame at internal size: uint8 (height, width, 3) RGB."""
        return resized(self._video.frame(frame), self.height, self.width)

    def half(self, frame: int) -> Frame:
        """Return a frame at half the internal size."""
        return resized(self.picture(frame), self.height // 2, self.width // 2)

    def features(self, frame: int) -> Floats:
        """Return a frame's features: float32 (rows, columns, 152), each cell of length 1."""
        return self._memory.get(("features", frame), lambda: self._look(frame))

    def classes(self, frame: int) -> Floats:
        """Return a frame's ImageNet class scores (logits): float32 (1000, height / 16, width / 16)."""
        return self._memory.get(("classes", frame), lambda: self.classes_of(self.picture(frame)))

    def classes_of(self, picture: Frame) -> Floats:
        """Return class scores of any RGB picture whose sides are multiples of 16."""
        return network().classes(network().features(picture)[1])

    def _look(self, frame: int) -> Floats:
        fine, deep = (_unit(map_.transpose(1, 2, 0)) for map_ in network().features(self.picture(frame)))
        return _unit(np.concatenate([fine, cv2.resize(deep, (self.columns, self.rows))], axis=2))


_EYES: weakref.WeakKeyDictionary[Video, Eye] = weakref.WeakKeyDictionary()


def eye_of(video: Video) -> Eye:
    """Return the eye of a video, the same one as long as the video lives."""
    if video not in _EYES:
        _EYES[video] = Eye(video)
    return _EYES[video]


def resized(image: Pixels, height: int, width: int) -> Pixels:
    """Resize (H, W) or (H, W, C) to that many rows and columns: averaging areas when it shrinks, bilinear when it grows."""
    shrinks = height * width < image.shape[0] * image.shape[1]
    made = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return np.asarray(made, image.dtype)


def _unit(vectors: Floats) -> Floats:
    """Scale the vectors along the last axis to length 1; a vector of zeros stays."""
    return np.ascontiguousarray(vectors / np.maximum(np.linalg.norm(vectors, axis=2, keepdims=True), 1e-6), np.float32)
