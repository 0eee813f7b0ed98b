"""Mask logits at low resolution at rest: what can decide between objects and the background, compressed."""

from __future__ import annotations

import base64
import zlib

import cv2
import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

Floats = npt.NDArray[np.float32]
BACKGROUND_LOGIT = -1.0
"""Logit of the background in the published merge of objects."""
FAR_LOGIT = -1024.0
"""Logit where no object is near."""


class LogitMap(BaseModel):
    """The logits of one object on one frame: ``size`` (height, width) of the map, and ``data``, zlib and base64 of float32."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: tuple[int, int]
    data: str


def encode_logits(logits: Floats) -> LogitMap:
    """Encode float32 (h, w). Cells are exact if they or a neighbor exceed the background, all others are far below it.

    A pixel of the bilinear enlargement depends on neighboring cells only, so those above the background are exact too.
    """
    near = cv2.dilate((logits > BACKGROUND_LOGIT).astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    data = zlib.compress(np.where(near, logits, np.float32(FAR_LOGIT)).astype("<f4").tobytes(), 1)
    return LogitMap(size=(logits.shape[0], logits.shape[1]), data=base64.b64encode(data).decode("ascii"))


def decode_logits(encoded: LogitMap, size: tuple[int, int]) -> Floats:
    """Decode to float32 at ``size`` (height, width) by bilinear interpolation."""
    cells = np.frombuffer(zlib.decompress(base64.b64decode(encoded.data)), "<f4").reshape(encoded.size)
    return np.asarray(cv2.resize(cells, size[::-1], interpolation=cv2.INTER_LINEAR), np.float32)
