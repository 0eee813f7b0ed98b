"""Segments of a sound track: parts that follow each other, in each of which the same things sound."""

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
from alref.records import TimeSpan, format_validation_error

Floats = npt.NDArray[np.floating[Any]]
SIMILARITY_THRESHOLD = 0.5
"""Similarity of neighboring seconds under which AL-Ref-SAM 2 (arXiv 2408.15876) begins a new segment."""
SEGMENTS_ADAPTER = TypeAdapter(dict[str, tuple[TimeSpan, ...]], config=ConfigDict(allow_inf_nan=False))


def segment_by_similarity(
    features: Floats, edges: Sequence[float] | Floats, threshold: float = SIMILARITY_THRESHOLD
) -> tuple[TimeSpan, ...]:
    """Cut where the cosine similarity of neighboring features is below ``threshold``, as AL-Ref-SAM 2 does each second.

    Row i of ``features`` (N, D) describes the seconds ``edges[i]`` to ``edges[i + 1]`` of ``edges`` (N + 1,). Returns at least
    one segment, the first beginning at the first edge, the last ending at the last, without gaps; none for N = 0.
    """
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    unit = features / np.maximum(lengths, np.finfo(np.float32).tiny)
    alike = (unit[1:] * unit[:-1]).sum(axis=1)
    inner = np.flatnonzero(alike < threshold) + 1
    places = [0, *inner.tolist(), len(features)] if len(features) else []
    return tuple(pairwise(float(edges[place]) for place in places))


def read_segments(path: str | Path) -> dict[str, tuple[TimeSpan, ...]]:
    """Read segments from a JSON file: an object with a list of [start, end] in seconds for each clip by its name.

    Raises InputError when it cannot be read or segments are not in order.
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
            raise InputError(f"{path}: {clip}: expected segments one after the other, got {[list(each) for each in segments]}")
    return clips
