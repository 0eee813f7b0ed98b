"""Turn stored images upright by the display matrix of a file."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import cast

import av
import numpy as np
from av.sidedata.sidedata import SideDataContainer, Type

from alref.media.video import Frame


@dataclass(frozen=True)
class Orientation:
    """One of the eight orientations: rows and columns are exchanged if ``transposed``, then reversed if flipped."""

    transposed: bool = False
    flip_rows: bool = False
    flip_columns: bool = False

    @classmethod
    def from_image(cls, image: av.VideoFrame) -> Orientation:
        """Return the orientation nearest to the display matrix of a decoded image.

        The matrix [[a, b, u], [c, d, v], [x, y, w]] shows the pixel in column p and row q in column ap + cq and row bp + dq.
        """
        side_data = cast(SideDataContainer, image.side_data)
        if Type.DISPLAYMATRIX not in side_data:
            return cls()
        a, b, _, c, d = struct.unpack_from("=5i", side_data[Type.DISPLAYMATRIX])
        if abs(b) + abs(c) > abs(a) + abs(d):
            return cls(True, flip_rows=b < 0, flip_columns=c < 0)
        return cls(False, flip_rows=d < 0, flip_columns=a < 0)

    def turn(self, image: Frame) -> Frame:
        """Return an image (H, W, 3) upright."""
        turned = image.transpose(1, 0, 2) if self.transposed else image
        return np.ascontiguousarray(turned[:: -1 if self.flip_rows else 1, :: -1 if self.flip_columns else 1])
