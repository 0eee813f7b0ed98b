"""Plan the order in which frames are visited, so that each object is propagated in both directions from its pivots."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

PromptedFrames = Sequence[Sequence[int]]
"""The prompted frames of each object, at least one, increasing."""


@dataclass(frozen=True)
class Visit:
    """One use of the features of a frame: the objects that are prompted on it, and those that are propagated to it."""

    frame: int
    prompted: tuple[int, ...] = ()
    tracked: tuple[int, ...] = ()
    reverse: bool = False


def get_start_frame(frames: Sequence[int]) -> int:
    """Return the frame from which an object is propagated: the middle one of its prompted frames, as published."""
    return frames[len(frames) // 2]


def plan_visits(pivots: PromptedFrames, length: int) -> list[Visit]:
    """Plan a video of ``length`` frames: one sweep to its end, and one back from the last object's start to frame 0.

    All prompts of an object are processed before it is propagated. It is not propagated to a prompted frame.
    """
    if not pivots:
        return []
    planned = [*_plan_forward(pivots, length), *_plan_backward(pivots)]
    return [visit for visit in planned if visit.prompted or visit.tracked]


def _plan_forward(pivots: PromptedFrames, length: int) -> Iterator[Visit]:
    for frame in range(min(map(get_start_frame, pivots)), length):
        begun = [index for index, frames in enumerate(pivots) if get_start_frame(frames) == frame]
        for other in sorted({each for index in begun for each in pivots[index]} - {frame}):
            yield Visit(other, tuple(index for index in begun if other in pivots[index]))
        follow = (index for index, frames in enumerate(pivots) if get_start_frame(frames) < frame and frame not in frames)
        yield Visit(frame, tuple(begun), tuple(follow))


def _plan_backward(pivots: PromptedFrames) -> Iterator[Visit]:
    for frame in range(max(map(get_start_frame, pivots)) - 1, -1, -1):
        follow = (index for index, frames in enumerate(pivots) if frame < get_start_frame(frames) and frame not in frames)
        yield Visit(frame, (), tuple(follow), reverse=True)
