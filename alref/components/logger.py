"""Base of loggers: each records a finished evaluation in an experiment tracker."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from alref.errors import Problem
from alref.utils.libraries import find_missing_libraries

if TYPE_CHECKING:
    from pathlib import Path

    from alref.components.scores import ScoreTable


@dataclass(frozen=True)
class FinishedEvaluation:
    """A finished evaluation, whose files are written. A logger must not change it.

    ``key`` is the same whenever the same command runs again, so that a logger can update what it recorded before. ``config`` is
    the resolved configuration. ``metrics`` are those of all protocols, 0..1 except counts, by ``PROTOCOL/METRIC``; none is NaN.
    ``intervals`` has the bounds of the 95 % bootstrap interval of those that have one; ``spreads`` has mean and standard
    deviation over repeated runs. ``columns`` and ``rows`` are those of ``rows.csv``: one row for each reference, None without a
    value. ``files`` are the reports and tables. ``videos`` are scored, of ``requested``. ``seconds`` is the sum over stages;
    ``dollars`` is None if nothing was paid or a price is not known.
    """

    name: str
    key: str
    folder: Path
    dataset: str
    split: str
    homepage: str
    config: Mapping[str, Any]
    versions: Mapping[str, str]
    tables: Sequence[ScoreTable]
    metrics: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]]
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    files: Sequence[Path]
    videos: int
    requested: int
    seconds: float
    dollars: float | None = None
    spreads: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def numbers(self) -> dict[str, float]:
        """All numbers by name: metrics, their bounds and spreads as ``J_low``, ``_high``, ``_mean``, ``_std``, and the rest."""
        ends = ((("low", "high"), self.intervals), (("mean", "std"), self.spreads))
        derived = {
            f"{name}_{end}": value
            for words, pairs in ends
            for name, pair in pairs.items()
            for end, value in zip(words, pair, strict=True)
        }
        cost = {} if self.dollars is None else {"dollars": self.dollars}
        return {**self.metrics, **derived, "videos": self.videos, "requested": self.requested, "seconds": self.seconds, **cost}


class EvaluationLogger(ABC):
    """Records a finished evaluation, which users choose with the flag ``--logger`` of ``alref eval``.

    ``needs`` are the import names of the libraries that it uses; ``extra`` is the extra of its own distribution that installs
    them. Settings come from the environment variables of its library.
    """

    name: ClassVar[str]
    extra: ClassVar[str] = ""
    needs: ClassVar[tuple[str, ...]] = ()

    def problems(self) -> list[Problem]:
        """Return what keeps it from recording, before the first video is processed. Default: missing libraries."""
        return find_missing_libraries(type(self))

    @abstractmethod
    def log_evaluation(self, evaluation: FinishedEvaluation) -> str:
        """Record an evaluation, and return where: an address or a path.

        The same ``evaluation.key`` replaces what was recorded under it. An error is reported; the evaluation is complete.
        """
