"""The memory bank of one object: its prompted frames, and the propagated frames that later frames still read."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TypeVar

import torch

Item = TypeVar("Item")


@dataclass(frozen=True)
class FrameMemory:
    """The memory of one object on one frame: ``features`` (N, C), object ``pointer`` (D,), and whether it is reliable."""

    features: torch.Tensor
    pointer: torch.Tensor
    trusted: bool = True


@dataclass(frozen=True)
class MemoryContext:
    """The memories that one frame reads: features with temporal positions (0 for prompted frames), pointers with distances."""

    features: list[tuple[int, torch.Tensor]]
    pointers: list[tuple[int, torch.Tensor]]

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of memories and pointers: objects with equal numbers are batched."""
        return len(self.features), len(self.pointers)


@dataclass(frozen=True)
class MemoryLimits:
    """How much a frame reads: at most ``max_tracked`` propagated and ``max_prompted`` prompted frames (-1: all).

    Pointers are read of frames up to ``max_pointer_distance`` away. With ``trusted_only``, only reliable frames are read, and
    always the last propagated one.
    """

    max_tracked: int
    max_pointer_distance: int
    max_prompted: int = -1
    trusted_only: bool = False

    def select_memories(self, candidates: list[tuple[int, FrameMemory]]) -> list[tuple[int, FrameMemory]]:
        """Select the memories whose features are read, given nearest first; distances become temporal positions."""
        if not self.trusted_only:
            return [(distance, memory) for distance, memory in candidates if distance <= self.max_tracked]
        trusted = [memory for place, (_, memory) in enumerate(candidates) if memory.trusted or place == 0]
        return list(enumerate(trusted[: self.max_tracked], 1))


class MemoryBank:
    """The memories of one object that is propagated from frame ``start``, forward and then backward.

    ``barriers`` are frames on which a person corrected the object: beyond them, propagated frames before them are not read, so
    that what was wrong there is not remembered.
    """

    def __init__(self, start: int, limits: MemoryLimits, barriers: Collection[int] = ()) -> None:
        self.start, self._limits, self._barriers = start, limits, barriers
        self._prompted: dict[int, FrameMemory] = {}
        self._tracked: dict[int, FrameMemory] = {}
        self._pointers: dict[int, torch.Tensor] = {}

    def add_prompted(self, frame: int, memory: FrameMemory) -> None:
        """Add a prompted frame, which is never dropped."""
        self._prompted[frame] = memory

    def add_tracked(self, frame: int, memory: FrameMemory, reverse: bool) -> None:
        """Add a propagated frame, and drop frames that no later frame reads.

        On the forward pass, frames are dropped that neither the next frame nor the first frames of the backward pass read.
        """
        self._tracked[frame], self._pointers[frame] = memory, memory.pointer
        views = [(frame - 1, -1)] if reverse else [(frame + 1, 1), (self.start - 1, -1)]
        seen = {
            id(each)
            for view in views
            for _, each in self._limits.select_memories(_sort_by_distance(self._tracked.items(), *view))
        }
        near = {id(each) for view in views for _, each in self._select_pointers(view)}
        self._tracked = {each: memory for each, memory in self._tracked.items() if id(memory) in seen}
        self._pointers = {each: pointer for each, pointer in self._pointers.items() if id(pointer) in near}

    def read_context(self, frame: int, reverse: bool) -> MemoryContext:
        """Return the memories that ``frame`` reads, on the forward or the backward pass."""
        sign = -1 if reverse else 1
        given = self._select_prompted(frame)
        rest = {each: memory for each, memory in self._prompted.items() if each not in given}
        nearest = min(((frame - each) * sign for each in self._barriers if (frame - each) * sign > 0), default=None)

        def select_near(memories: dict[int, Item]) -> dict[int, Item]:
            return {each: item for each, item in memories.items() if nearest is None or (frame - each) * sign < nearest}

        behind = _sort_by_distance((select_near(self._tracked) | rest).items(), frame, sign)
        features = [(0, memory.features) for memory in given.values()]
        features += [(place, memory.features) for place, memory in reversed(self._limits.select_memories(behind))]
        pointers = [((frame - each) * sign, memory.pointer) for each, memory in given.items()]
        pointers = [(distance, pointer) for distance, pointer in pointers if distance >= 0]
        others = select_near(self._pointers) | {each: memory.pointer for each, memory in rest.items()}
        pointers += [
            item for item in _sort_by_distance(others.items(), frame, sign) if item[0] <= self._limits.max_pointer_distance
        ]
        return MemoryContext(features, pointers)

    def count_bytes(self) -> int:
        """Return the size of the memories in bytes."""
        memories = [*self._prompted.values(), *self._tracked.values()]
        pointers = {id(each): each for each in [*self._pointers.values(), *(memory.pointer for memory in memories)]}
        return sum(each.untyped_storage().nbytes() for each in [*pointers.values(), *(memory.features for memory in memories)])

    def _select_pointers(self, view: tuple[int, int]) -> list[tuple[int, torch.Tensor]]:
        return [
            item for item in _sort_by_distance(self._pointers.items(), *view) if item[0] <= self._limits.max_pointer_distance
        ]

    def _select_prompted(self, frame: int) -> dict[int, FrameMemory]:
        """Return the prompted frames to read: the nearest on either side, then the nearest of all."""
        limit = self._limits.max_prompted
        if limit < 0 or len(self._prompted) <= limit:
            return self._prompted
        ends = {max((each for each in self._prompted if each < frame), default=-1)}
        ends |= {min((each for each in self._prompted if each >= frame), default=-1)}
        ordered = sorted(self._prompted, key=lambda each: (each not in ends, abs(each - frame)))
        return {each: self._prompted[each] for each in ordered[:limit]}


def _sort_by_distance(items: Iterable[tuple[int, Item]], frame: int, sign: int) -> list[tuple[int, Item]]:
    """List the memories of the frames visited before ``frame``, nearest first, with their distances."""
    distances = (((frame - each) * sign, item) for each, item in items)
    return sorted((item for item in distances if item[0] > 0), key=lambda item: item[0])
