"""The true frames of one video, decoded once for all its references."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import numpy as np
import numpy.typing as npt

from alref.components.scores import LabelMap

MAX_BYTES = 128 * 2**20


class FrameCache:
    """Frames by any key, up to ``MAX_BYTES``; further frames are decoded again. Masks take one bit per pixel."""

    def __init__(self) -> None:
        self._frames: dict[Hashable, tuple[npt.NDArray[Any], tuple[int, ...] | None]] = {}
        self._free = MAX_BYTES

    def read(self, key: Hashable, decode: Callable[[], LabelMap]) -> LabelMap:
        """Return a frame (H, W); ``decode`` makes it the first time."""
        if key in self._frames:
            stored, shape = self._frames[key]
            return stored if shape is None else np.unpackbits(stored, count=shape[0] * shape[1]).view(np.bool_).reshape(shape)
        frame = decode()
        stored, shape = (np.packbits(frame), frame.shape) if frame.dtype == np.bool_ else (frame, None)
        if stored.nbytes <= self._free:
            self._free -= stored.nbytes
            self._frames[key] = stored, shape
        return frame
