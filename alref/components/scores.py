"""Inputs and outputs of scoring: cases, the scores of one video, a table of all videos."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt
from pydantic import ConfigDict

from alref.records import Record

LabelMap = npt.NDArray[Any]
NAN_CONFIG = ConfigDict(allow_inf_nan=True, ser_json_inf_nan="strings")
"""Configuration of records with NaN, which is the string "NaN" in JSON."""


@dataclass(frozen=True)
class Case:
    """One item to score in a video: its ground truth and predicted frames, each (H, W), read once, in order.

    ``id`` is the expression, the annotator or the sound. ``predicted`` is None if there is no prediction, and a frame of it is
    None if that frame is missing. ``position`` is the index in the official list, for scores that depend on the order. ``kind``
    is the type of the expression, for scores that are averaged by type. ``foreground`` is the area of all annotated objects on
    each frame, in pixels, for scores that depend on it; None if that is the truth.
    """

    id: str
    truth: Iterable[LabelMap]
    predicted: Iterable[LabelMap | None] | None
    position: int = 0
    kind: str = ""
    foreground: Sequence[int] | None = None


class ObjectScores(Record):
    """The scores of one object of one case: named columns, most of them with one number for each frame."""

    case: str
    object: str = ""
    position: int = 0
    columns: dict[str, tuple[float, ...]]


class VideoScores(Record):
    """The scores of one video under one protocol. A JSON round trip is exact, so that a resumed run scores the same."""

    protocol: str
    video: str
    objects: tuple[ObjectScores, ...]


class ScoreTable(Record):
    """The named scores of a protocol over all its videos, 0..1; ``main_metric`` names the one that papers report.

    ``counts`` are the names of metrics that count something, and so are not shares. ``groups`` are the same scores for parts of
    the data: one annotator, one class. ``lower_is_better`` are the names of metrics that are errors.
    """

    model_config = NAN_CONFIG

    protocol: str
    main_metric: str
    metrics: dict[str, float]
    counts: tuple[str, ...] = ()
    groups: dict[str, dict[str, float]] = {}
    lower_is_better: tuple[str, ...] = ()

    @property
    def main_value(self) -> float:
        """The score that papers report."""
        return self.metrics[self.main_metric]

    def describe_metric(self, name: str) -> str:
        """Return the name of a metric, which says so if lower is better."""
        return f"{name} (lower is better)" if name in self.lower_is_better else name

    def format_metric(self, name: str, decimals: int) -> str:
        """Format a metric: a score in percent, a count as it is."""
        value = self.metrics[name]
        return f"{value:,.0f}" if name in self.counts else f"{100 * value:.{decimals}f}"
