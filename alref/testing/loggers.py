"""The contract of a logger."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from alref.components.logger import EvaluationLogger, FinishedEvaluation
from alref.components.scores import ScoreTable
from alref.errors import Problem

COLUMNS = ("video", "id", "text", "score", "verdict", "dollars")
TABLE = ScoreTable(
    protocol="overlap",
    main_metric="J&F",
    metrics={"J&F": 0.625, "J": 0.5, "F": 0.75, "dropped": 1.0, "N-acc": float("nan")},
    counts=("dropped",),
)


def make_finished_evaluation(folder: Path, **changes: Any) -> FinishedEvaluation:
    """Return a finished evaluation of two references, with its report in ``folder``, and with ``changes`` of its fields."""
    report = folder / "report.html"
    report.write_text("<!doctype html><title>squares</title><p>62.5", encoding="utf-8")
    made = FinishedEvaluation(
        name="mine",
        key="0123456789abcdef",
        folder=folder,
        dataset="squares",
        split="valid",
        homepage="https://example.org/squares",
        config={"order": "pivot", "temporal": {"use": "rules", "votes": 1}, "video": {"fps": None}},
        versions={"alref": "0"},
        tables=[TABLE],
        metrics={f"overlap/{name}": value for name, value in TABLE.metrics.items() if value == value},
        intervals={"overlap/J&F": (0.5, 0.75)},
        columns=COLUMNS,
        rows=[["a/b", "0", "the red square", 0.5, "found", 0.25], ["é", "1", 'a "big" | one', None, "absent", None]],
        files=[report],
        videos=2,
        requested=3,
        seconds=12.5,
        dollars=0.25,
        spreads={"overlap/J&F": (0.62, 0.01)},
    )
    return replace(made, **changes)


class LoggerContract:
    """The contract of a logger. Override ``make_logger``; set the environment of its library so that it needs no network."""

    def make_logger(self) -> EvaluationLogger:
        """Return a new instance of the logger to test."""
        raise NotImplementedError("return the logger to test")

    @contextmanager
    def make_evaluation(self) -> Iterator[FinishedEvaluation]:
        """Yield an evaluation in a temporary folder."""
        with TemporaryDirectory() as folder:
            yield make_finished_evaluation(Path(folder).resolve())

    def test_explains_itself(self) -> None:
        """It has a name that can be typed and a docstring.

        Set ``name`` to one word in lower case, and write a docstring.
        """
        logger = self.make_logger()
        assert logger.name == "".join(logger.name.lower().split()), f"expected one word in lower case, got {logger.name!r}"
        assert (type(logger).__doc__ or "").strip(), f"expected a docstring, got none in {type(logger).__name__}"

    def test_says_what_to_install(self) -> None:
        """If a library is missing, it reports the command that installs it instead of raising.

        Call ``super().problems()`` first and return what it finds.
        """
        cls = type(self.make_logger())
        lacking = type(cls.__name__, (cls,), {"needs": ("a_library_that_is_not_there",), "__module__": cls.__module__})
        found = lacking().problems()
        assert found, "expected a problem, got none"
        assert all(isinstance(each, Problem) for each in found), f"expected a list of Problem, got {found!r}"

    def test_returns_where(self) -> None:
        """It returns where it recorded an evaluation.

        Return an address or a path.
        """
        with self.make_evaluation() as evaluation:
            place = self.make_logger().log_evaluation(evaluation)
        assert isinstance(place, str), f"expected an address or a path, got {place!r}"
        assert place, "expected an address or a path, got an empty text"

    def test_records_again(self) -> None:
        """It records the same evaluation again, with other numbers.

        Update what is recorded under ``evaluation.key``.
        """
        logger = self.make_logger()
        with self.make_evaluation() as evaluation:
            places = [logger.log_evaluation(replace(evaluation, metrics={"overlap/J": value})) for value in (0.25, 0.5)]
        assert all(places), f"expected an address or a path each time, got {places!r}"

    def test_takes_an_evaluation_without_truth(self) -> None:
        """It records an evaluation without scores, as of a split whose truth is not public.

        Iterate over ``tables`` and ``metrics``; both may be empty.
        """
        with self.make_evaluation() as evaluation:
            bare = replace(evaluation, tables=[], metrics={}, intervals={}, rows=[], dollars=None)
            self.make_logger().log_evaluation(bare)

    def test_changes_nothing(self) -> None:
        """It changes neither the evaluation nor its files.

        Copy what you change, and write files with names of your own.
        """
        with self.make_evaluation() as evaluation:
            before, content = deepcopy(evaluation), [path.read_bytes() for path in evaluation.files]
            self.make_logger().log_evaluation(evaluation)
            assert str(evaluation) == str(before), "expected the same evaluation, got a changed one"
            assert [path.read_bytes() for path in evaluation.files] == content, "expected the same files, got changed ones"
