"""What the evaluating commands show of how far they are, and of the numbers at the end."""

from __future__ import annotations

from io import StringIO

from rich.console import Console

from alref.cli.eval_output import Tally, numbers
from alref.components.scores import Table
from alref.evaluation.runner import Outcome
from alref.evaluation.summary import Line, Summary


def test_the_time_left_counts_on_those_that_are_under_way_beside_the_first_that_is_done() -> None:
    tally = Tally(total=8, jobs=4, as_json=False, quiet=True, verbose=False)
    assert tally.rest() == ""
    tally.add(Outcome("a", seconds=320.0))
    assert tally.rest() == "9 min left"
    tally.add(Outcome("b", seconds=0.1, kept=True))
    assert tally.rest() == "8 min left"
    for video in "cdefgh":
        tally.add(Outcome(video, seconds=320.0))
    assert tally.rest() == ""


def test_a_video_that_was_predicted_and_failed_to_be_scored_is_not_done() -> None:
    assert made(lines=("a", "b"), failed={"b": "no truth"}).counted == 1


def test_protocols_can_be_told_apart_on_a_narrow_screen() -> None:
    console = Console(file=StringIO(), width=50)
    console.print(numbers(made(tables=("davis17-semi-supervised", "davis17-unsupervised"))))
    assert "…" not in console.file.getvalue()


def made(lines: tuple[str, ...] = (), tables: tuple[str, ...] = (), failed: dict[str, str] | None = None) -> Summary:
    return Summary(
        dataset="d",
        split="valid",
        asked=len(lines),
        tables=tuple(Table(protocol=name, main="J&F", numbers={"J&F": 0.5}) for name in tables),
        intervals=dict.fromkeys(tables, (0.4, 0.6)),
        lines=tuple(Line(video=video, numbers={}) for video in lines),
        failed=failed or {},
    )
