"""The flags of a result as a queue: the frames to look at, worst first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from alref.records import Flag, Track
from alref.result import Result

MAX_GAP = 2
"""Largest distance of two flagged frames of one object that are one entry of the queue."""


@dataclass(frozen=True)
class DoubtfulFrames:
    """Adjacent flagged frames of one object: the worst ``frame``, its flag, and the ``first`` and the ``last`` of them."""

    object: str
    title: str
    frame: int
    first: int
    last: int
    flag: Flag


def list_doubtful_frames(result: Result) -> list[DoubtfulFrames]:
    """List the flagged frames of all objects, worst first; of equally bad ones, the earlier first."""
    tracks = [(name, result.tracks[number]) for name, number in result.list_objects().items() if number is not None]
    found = [group for name, track in tracks for group in _group_flags(name, track)]
    return sorted(found, key=lambda item: (-item.flag.severity, item.frame))


def _group_flags(name: str, track: Track) -> Iterator[DoubtfulFrames]:
    group: list[Flag] = []
    for flag in [*sorted(track.flags, key=lambda flag: flag.frame), None]:
        if group and (flag is None or flag.frame - group[-1].frame > MAX_GAP):
            worst = max(group, key=lambda item: (item.severity, -item.frame))
            yield DoubtfulFrames(name, track.title, worst.frame, group[0].frame, group[-1].frame, worst)
            group = []
        group += [flag] if flag else []
