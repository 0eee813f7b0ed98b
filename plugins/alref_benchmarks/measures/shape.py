"""The shape that every protocol shares: cases in, numbers of one video out, a table of all videos at the end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, ClassVar

import numpy.typing as npt
from pydantic import ConfigDict

from alref.errors import InputError
from alref.records import Record

Frame = npt.NDArray[Any]


@dataclass(frozen=True)
class Case:
    """One thing to score in a video: its true frames and the predicted ones, each (H, W), read once, in order.

    ``id`` is the expression, the annotator or the sound. ``predicted`` is None when nothing was handed in, and a frame of it is
    None when that frame is missing. ``place`` is the position in the official list, for scores that depend on the order.
    """

    id: str
    truth: Iterable[Frame]
    predicted: Iterable[Frame | None] | None
    place: int = 0


class Part(Record):
    """What was measured of one object of one case: named columns, most of them with one number for each frame."""

    case: str
    object: str = ""
    place: int = 0
    columns: dict[str, tuple[float, ...]]


class VideoScores(Record):
    """What one video gave under one protocol. JSON and back changes no bit, so that a resumed run scores the same."""

    protocol: str
    video: str
    parts: tuple[Part, ...]


class Table(Record):
    """The named numbers of a protocol over all its videos, 0..1; ``main`` names the one that papers report.

    ``groups`` are the same numbers for parts of the data: one annotator, one class. NaN is the string "NaN" in JSON.
    """

    model_config = ConfigDict(allow_inf_nan=True, ser_json_inf_nan="strings")

    protocol: str
    main: str
    numbers: dict[str, float]
    groups: dict[str, dict[str, float]] = {}


class Protocol(ABC):
    """A published way to score. It keeps nothing between videos, so that any process may score any video."""

    name: ClassVar[str]

    def score_video(self, video: str, cases: Iterable[Case]) -> VideoScores:
        """Measure all cases of one video. Raises InputError if frames are missing or do not fit."""
        parts = [part for case in cases for part in self.parts(f"{video}, {case.id}", case)]
        return VideoScores(protocol=self.name, video=video, parts=tuple(parts))

    def summarise(self, scores: Sequence[VideoScores]) -> Table:
        """Combine videos, in the order of the data set. Raises InputError for none, or for another protocol's."""
        for other in (each for each in scores if each.protocol != self.name):
            raise InputError(f"{other.video}: expected numbers of protocol {self.name}, got {other.protocol}; score it again")
        parts = sorted((part for each in scores for part in each.parts), key=lambda part: part.place)
        if not parts:
            raise InputError(f"{self.name}: expected the numbers of at least one object, got none; score a video first")
        return self.table(parts)

    @abstractmethod
    def parts(self, where: str, case: Case) -> list[Part]:
        """Measure one case; ``where`` names it in errors."""

    @abstractmethod
    def table(self, parts: Sequence[Part]) -> Table:
        """Combine the parts of all videos; there is at least one."""


def pairs(where: str, case: Case) -> Iterator[tuple[Frame, Frame]]:
    """Yield (truth, predicted) frame by frame. Raises InputError if one is missing or of another size."""
    if case.predicted is None:
        raise InputError(f"{where}: expected predicted masks, got none; predict this video or leave it out")
    number = -1
    for number, (truth, predicted) in enumerate(zip_longest(case.truth, case.predicted)):
        if truth is None or predicted is None:
            lacking = "true" if truth is None else "predicted"
            raise InputError(f"{where}: frame {number} has no {lacking} mask; expected both for every frame")
        yield truth, fitting(f"{where}, frame {number}", truth, predicted)
    if number < 0:
        raise InputError(f"{where}: expected masks, got not a single frame")


def fitting(where: str, truth: Frame, predicted: Frame) -> Frame:
    """Return ``predicted``. Raises InputError if it is not (H, W) as the truth is."""
    if truth.ndim != 2 or truth.shape != predicted.shape:
        expected, got = ("x".join(map(str, frame.shape)) for frame in (truth, predicted))
        raise InputError(f"{where}: expected masks of one height and width, got a true one of {expected} and a predicted {got}")
    return predicted
