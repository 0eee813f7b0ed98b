"""Segments of an audio track: consecutive parts within which the same things sound."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import ConfigDict, TypeAdapter, ValidationError

from alref.errors import InputError
from alref.records import TimeSpan
from alref.utils.text import format_validation_error

Floats = npt.NDArray[np.floating[Any]]
SIMILARITY_THRESHOLD = 0.5
"""Similarity of neighboring seconds below which AL-Ref-SAM 2 (arXiv 2408.15876) starts a new segment."""
SEGMENTS_ADAPTER = TypeAdapter(dict[str, tuple[TimeSpan, ...]], config=ConfigDict(allow_inf_nan=False))


def segment_by_similarity(
    features: Floats, edges: Sequence[float] | Floats, threshold: float = SIMILARITY_THRESHOLD
) -> tuple[TimeSpan, ...]:
    """Cut where the cosine similarity of neighboring features is below ``threshold``, as AL-Ref-SAM 2 does each second.

    Row i of ``features`` (N, D) describes the seconds ``edges[i]`` to ``edges[i + 1]`` of ``edges`` (N + 1,). Returns at least
    one segment, or none for N = 0. The segments cover the range from the first edge to the last without gaps.
    """
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    unit = features / np.maximum(lengths, np.finfo(np.float32).tiny)
    alike = (unit[1:] * unit[:-1]).sum(axis=1)
    inner = np.flatnonzero(alike < threshold) + 1
    indices = [0, *inner.tolist(), len(features)] if len(features) else []
    return tuple(pairwise(float(edges[index]) for index in indices))


def read_segments(path: str | Path) -> dict[str, tuple[TimeSpan, ...]]:
    """Read segments from a JSON file: an object that maps each clip's name to a list of [start, end] in seconds.

    Raises InputError when the file cannot be read or the segments are not in order.
    """
    try:
        read = json.loads(Path(path).expanduser().read_text(encoding="utf-8"))
        clips = SEGMENTS_ADAPTER.validate_python(read)
    except ValidationError as error:
        raise InputError(
            f"{path}: {format_validation_error(error)}; expected {{clip: [[start, end], ...]}} in seconds"
        ) from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as JSON ({error}); expected {{clip: [[start, end], ...]}}") from None
    for clip, segments in clips.items():
        times = [time for segment in segments for time in segment]
        if times != sorted(times) or any(start == end for start, end in segments):
            raise InputError(
                f"{path}: {clip}: expected segments one after the other, got {[list(segment) for segment in segments]}"
            )
    return clips
