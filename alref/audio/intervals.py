"""Time spans in which something sounds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from alref.records import TimeSpan

GAP_TOLERANCE = 1e-6
"""Maximum distance of consecutive windows, in seconds."""


def merge_windows(
    times: Sequence[float] | npt.NDArray[np.float64],
    flags: Sequence[bool] | npt.NDArray[np.bool_],
    step: float,
    gap: float = 0.0,
) -> tuple[TimeSpan, ...]:
    """Merge windows of ``step`` seconds that begin at ``times`` (N,), ascending, into spans where ``flags`` (N,) are true.

    Windows that overlap or touch become one span, as do windows less than ``gap`` seconds apart.
    """
    found: list[TimeSpan] = []
    for start in np.asarray(times, np.float64)[np.asarray(flags, np.bool_)].tolist():
        if found and start - found[-1][1] <= max(gap, GAP_TOLERANCE):
            found[-1] = (found[-1][0], start + step)
        else:
            found.append((start, start + step))
    return tuple(found)


def merge_spans(span_lists: Iterable[tuple[TimeSpan, ...] | None]) -> tuple[TimeSpan, ...] | None:
    """Return the union of several lists of spans, sorted and disjoint; None, which means always, if one of them is None."""
    listed = list(span_lists)
    known = [spans for spans in listed if spans is not None]
    if len(known) < len(listed):
        return None
    found: list[TimeSpan] = []
    for start, end in sorted(span for spans in known for span in spans):
        if found and start <= found[-1][1] + GAP_TOLERANCE:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return tuple(found)
