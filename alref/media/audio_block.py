"""A block of audio samples, placed in time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]


@dataclass(frozen=True)
class AudioBlock:
    """Consecutive samples float32, (N,) mono or (N, C) of all channels; the first is at second ``time`` of the file's clock."""

    time: float
    rate: int
    samples: Samples
