"""What is remembered of one object: its prompted frames, and of the followed ones as much as later frames can still read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

import torch

Kept = TypeVar("Kept")


@dataclass(frozen=True)
class Memory:
    """One frame of one object: ``features`` (N, C) of its mask and picture, ``pointer`` (D,), and whether it is trusted."""

    features: torch.Tensor
    pointer: torch.Tensor
    trusted: bool = True


@dataclass(frozen=True)
class Reading:
    """What one frame reads: features with their place in time, 0 for a prompted frame, and pointers with their distances."""

    features: list[tuple[int, torch.Tensor]]
    pointers: list[tuple[int, torch.Tensor]]

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of memories and of pointers: objects that share them are computed together."""
        return len(self.features), len(self.pointers)


@dataclass(frozen=True)
class Rule:
    """How much a frame reads: ``near`` followed frames, pointers of ``far`` frames, ``given`` prompted frames (-1: all).

    ``selected`` reads the trusted ones among the followed frames, and the last one whatever it is.
    """

    near: int
    far: int
    given: int = -1
    selected: bool = False

    def chosen(self, behind: list[tuple[int, Memory]]) -> list[tuple[int, Memory]]:
        """Choose whose features are read, among memories with their distances, nearest first; distances become places."""
        if not self.selected:
            return [(distance, memory) for distance, memory in behind if distance <= self.near]
        trusted = [memory for place, (_, memory) in enumerate(behind) if memory.trusted or place == 0]
        return list(enumerate(trusted[: self.near], 1))


class Bank:
    """The memories of one object that is followed from frame ``start``, forwards and then back."""

    def __init__(self, start: int, rule: Rule) -> None:
        self.start, self._rule = start, rule
        self._given: dict[int, Memory] = {}
        self._made: dict[int, Memory] = {}
        self._pointers: dict[int, torch.Tensor] = {}

    def give(self, frame: int, memory: Memory) -> None:
        """Take in a prompted frame; it stays."""
        self._given[frame] = memory

    def remember(self, frame: int, memory: Memory, reverse: bool) -> None:
        """Take in a followed frame, and let go of what no later frame reads.

        On the way forwards that is what neither the next frame reads nor the first ones of the way back.
        """
        self._made[frame], self._pointers[frame] = memory, memory.pointer
        views = [(frame - 1, -1)] if reverse else [(frame + 1, 1), (self.start - 1, -1)]
        seen = {id(each) for view in views for _, each in self._rule.chosen(_behind(self._made.items(), *view))}
        near = {id(each) for view in views for _, each in self._near(view)}
        self._made = {each: memory for each, memory in self._made.items() if id(memory) in seen}
        self._pointers = {each: pointer for each, pointer in self._pointers.items() if id(pointer) in near}

    def read(self, frame: int, reverse: bool) -> Reading:
        """Return what ``frame`` reads, on the way forwards or back."""
        sign = -1 if reverse else 1
        given = self._nearest_given(frame)
        rest = {each: memory for each, memory in self._given.items() if each not in given}
        behind = _behind((self._made | rest).items(), frame, sign)
        features = [(0, memory.features) for memory in given.values()]
        features += [(place, memory.features) for place, memory in reversed(self._rule.chosen(behind))]
        pointers = [((frame - each) * sign, memory.pointer) for each, memory in given.items()]
        pointers = [(distance, pointer) for distance, pointer in pointers if distance >= 0]
        others = self._pointers | {each: memory.pointer for each, memory in rest.items()}
        pointers += [item for item in _behind(others.items(), frame, sign) if item[0] <= self._rule.far]
        return Reading(features, pointers)

    def size(self) -> int:
        """Bytes that are kept."""
        memories = [*self._given.values(), *self._made.values()]
        pointers = {id(each): each for each in [*self._pointers.values(), *(memory.pointer for memory in memories)]}
        return sum(each.untyped_storage().nbytes() for each in [*pointers.values(), *(memory.features for memory in memories)])

    def _near(self, view: tuple[int, int]) -> list[tuple[int, torch.Tensor]]:
        return [item for item in _behind(self._pointers.items(), *view) if item[0] <= self._rule.far]

    def _nearest_given(self, frame: int) -> dict[int, Memory]:
        """Return the prompted frames that are read as such: the nearest on either side, and then the nearest of all."""
        limit = self._rule.given
        if limit < 0 or len(self._given) <= limit:
            return self._given
        ends = {max((each for each in self._given if each < frame), default=-1)}
        ends |= {min((each for each in self._given if each >= frame), default=-1)}
        ordered = sorted(self._given, key=lambda each: (each not in ends, abs(each - frame)))
        return {each: self._given[each] for each in ordered[:limit]}


def _behind(kept: Iterable[tuple[int, Kept]], frame: int, sign: int) -> list[tuple[int, Kept]]:
    """List what is kept of the frames that were passed before ``frame``, nearest first, with their distances."""
    distances = (((frame - each) * sign, item) for each, item in kept)
    return sorted((item for item in distances if item[0] > 0), key=lambda item: item[0])
