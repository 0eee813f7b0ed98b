"""What the evaluating commands show of how far they are, and of the numbers at the end."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from alref.cli.eval_output import EvaluationProgress, build_score_table, print_summary
from alref.components.scores import ScoreTable
from alref.evaluation.runner import VideoOutcome
from alref.evaluation.summary import EvaluationSummary, VideoSummary
from alref.records import Finding


def test_the_time_left_counts_on_those_that_are_under_way_beside_the_first_that_is_done() -> None:
    tally = EvaluationProgress(total=8, jobs=4, as_json=False, quiet=True, verbose=False)
    assert tally.format_remaining() == ""
    tally.add_outcome(VideoOutcome("a", seconds=320.0))
    assert tally.format_remaining() == "9 min left"
    tally.add_outcome(VideoOutcome("b", seconds=0.1, already_done=True))
    assert tally.format_remaining() == "8 min left"
    for video in "cdefgh":
        tally.add_outcome(VideoOutcome(video, seconds=320.0))
    assert tally.format_remaining() == ""


def test_a_video_that_was_predicted_and_failed_to_be_scored_is_not_done() -> None:
    assert made(lines=("a", "b"), failed={"b": "no truth"}).scored_count == 1


def test_protocols_can_be_told_apart_on_a_narrow_screen() -> None:
    console = Console(file=StringIO(), width=50)
    console.print(build_score_table(made(tables=("davis17-semi-supervised", "davis17-unsupervised"))))
    assert "…" not in console.file.getvalue()


@pytest.mark.parametrize(("verdicts", "said"), [({"silent": 3}, True), ({"silent": 3, "found": 1}, False)])
def test_a_dataset_in_which_no_sound_is_recognized_is_said_in_one_line(
    verdicts: dict[Finding, int], said: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    summary = made(lines=("a",), tables=("overlap",)).model_copy(update={"verdicts": verdicts})
    print_summary(summary, Path("run"), [], {"as_json": False, "quiet": False})
    assert ("no sound was recognized for any of 3 references" in capsys.readouterr().out) == said


def made(lines: tuple[str, ...] = (), tables: tuple[str, ...] = (), failed: dict[str, str] | None = None) -> EvaluationSummary:
    return EvaluationSummary(
        dataset="d",
        split="valid",
        requested=len(lines),
        tables=tuple(ScoreTable(protocol=name, main_metric="J&F", metrics={"J&F": 0.5}) for name in tables),
        intervals=dict.fromkeys(tables, (0.4, 0.6)),
        lines=tuple(VideoSummary(video=video, scores={}) for video in lines),
        failed=failed or {},
    )
