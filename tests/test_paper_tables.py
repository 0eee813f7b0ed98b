"""Tables for papers, in Markdown and LaTeX, with published results that name their sources."""

from __future__ import annotations

from pathlib import Path

import pytest

from alref.cli import run_command
from alref.components.scores import ScoreTable
from alref.evaluation.folder import EvaluationRow
from alref.evaluation.summary import EvaluationSummary, VideoSummary
from alref.evaluation.tables import build_paper_table, format_latex, format_markdown, read_published_results
from alref.plugins.manager import PluginManager
from alref.result import Usage
from support import benchmark_fixtures

COLUMNS = ("J&F", "J", "F", "N-acc")


def summarize(score: float, usage: tuple[Usage, ...] = ()) -> EvaluationSummary:
    metrics = {"J&F": score, "J": score, "F": score, "N-acc": float("nan")}
    row = EvaluationRow(video="v", fingerprint="", frames=1, seconds={"unifier": 3.0}, usage=usage, verdicts={}, fallbacks=0)
    return EvaluationSummary(
        dataset="mevis",
        split="valid",
        requested=1,
        tables=(ScoreTable(protocol="mevis", main_metric="J&F", metrics=metrics),),
        intervals={"mevis": (0.0, 1.0)},
        lines=(VideoSummary(video="v", scores={"mevis": score}, row=row),),
        failed={},
        seconds={"unifier": 3.0},
        usage=usage,
    )


def ask(**counts: float) -> Usage:
    return Usage.model_validate({"model": "gpt", "questions": 4, **counts})


def test_the_columns_are_those_of_papers() -> None:
    table = build_paper_table({"mine": summarize(0.5), "other_1": summarize(0.25)}, COLUMNS)
    assert table.columns == ("method", "J&F", "J", "F", "N-acc", "s/video")
    assert table.rows == (("mine", "50.0", "50.0", "50.0", "", "3.0"), ("other_1", "25.0", "25.0", "25.0", "", "3.0"))
    assert "protocol mevis" in table.caption
    assert "1 of 1" in table.caption


@pytest.mark.parametrize(
    ("usage", "columns"),
    [((), {"s/video"}), ((ask(cached=4),), set()), ((ask(cost=0.5, uncached_cost=0.5),), {"s/video", "dollars"})],
    ids=["nothing asked", "cached", "paid"],
)
def test_seconds_and_dollars_are_shown_where_they_mean_something(usage: tuple[Usage, ...], columns: set[str]) -> None:
    table = build_paper_table({"mine": summarize(0.5, usage)}, COLUMNS)
    assert set(table.columns) - {"method", *COLUMNS} == columns


def test_published_results_stand_beside_with_their_sources() -> None:
    results = read_published_results("mevis", "valid")
    table = build_paper_table({"mine": summarize(0.5)}, COLUMNS, results)
    assert [row[0] for row in table.rows] == [*(each.method for each in results), "mine"]
    assert all(each.source in table.caption for each in results)
    assert all(len(row) == len(table.columns) for row in table.rows)


def test_every_published_result_is_of_a_known_split_and_has_a_source() -> None:
    known = {(name, split) for name, cls in PluginManager().datasets.items() for split in cls.splits}
    results = [each for name, split in known for each in read_published_results(name, split)]
    assert {each.dataset for each in results} >= {"mevis", "ref-davis17", "ref-youtube-vos"}
    assert all(each.source.startswith("arXiv ") for each in results)
    assert all(0 < value <= 100 for each in results for value in each.metrics.values())


def test_special_characters_are_escaped() -> None:
    table = build_paper_table({"a_b & 50% | #1": summarize(0.5)}, COLUMNS)
    assert r"a\_b \& 50\% | \#1 & 50.0 & 50.0" in format_latex(table)
    assert r"J\&F" in format_latex(table)
    assert r"| a_b & 50% \| #1 | 50.0 |" in format_markdown(table)


def test_eval_and_compare_write_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    benchmark_fixtures.build("mevis", Path("data"))
    evaluate = ["eval", "mevis", "--data", "data", "--split", "valid_u", "--quiet"]
    assert run_command([*evaluate, "--out", "one"]) == 0
    assert run_command([*evaluate, "--out", "two", "--spatial", "top-score"]) == 0
    assert "| one | " in Path("one/table.md").read_text(encoding="utf-8")
    assert r"\toprule" in Path("one/table.tex").read_text(encoding="utf-8")
    assert run_command(["compare", "one", "two", "--table", "both.tex", "--published"]) == 0
    rows = Path("both.tex").read_text(encoding="utf-8").splitlines()
    assert [line.split(" & ")[0].strip() for line in rows if line.endswith(r"\\")] == ["method", "one", "two"]
    assert run_command(["compare", "one", "two", "--table", "both.doc"]) == 4
