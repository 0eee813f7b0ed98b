"""Intervals and rows of an evaluation, its page, and comparisons of evaluations."""

from __future__ import annotations

import csv
import re
import shutil
import tracemalloc
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest

from alref.cli import run_command
from alref.components.scores import ObjectScores, VideoScores
from alref.evaluation.bootstrap import estimate_difference, estimate_interval
from alref.evaluation.comparison import compare_runs
from support.evaluations import EVAL, prepare_evaluation, read_summary
from support.scripted import Script
from support.scripted_dataset import NAMES, Overlap, Squares


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Script:
    return prepare_evaluation(monkeypatch, tmp_path)


def test_a_comparison_says_of_a_run_what_its_summary_says(script: Script) -> None:
    assert run_command(EVAL) == 0
    (alone,) = compare_runs([Path("run")], Overlap())
    assert list(alone.value[1:]) == read_summary()["intervals"]["overlap"]


def test_runs_are_compared_on_what_all_of_them_scored(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command([*EVAL, "--limit", "6"]) == 0
    assert run_command([*EVAL[:-2], "other", "--quiet", "--videos", "h8,g7,f6,e5", "-o", "temporal.patience=4"]) == 0
    first, second = compare_runs([Path("run"), Path("other")], Overlap())
    assert (first.videos, second.videos) == (2, 2)
    assert second.difference == (0.0, 0.0, 0.0)
    assert sorted(move.video for move in second.changes) == ["e5", "f6"]
    assert run_command(["compare", "run", "other"]) == 0
    assert run_command(["compare", "run", "run"]) == 0
    assert "+0.00" in capsys.readouterr().out


def test_the_references_that_differ_most_are_named_with_their_verdicts(
    script: Script, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(EVAL) == 0
    shutil.copytree("run", "other")
    rows = Path("other/rows.csv").read_text().splitlines()
    changed = list(csv.DictReader(rows))[1]
    place = rows[0].split(",").index("score")
    cells = rows[2].split(",")
    cells[place], cells[rows[0].split(",").index("verdict")] = "0.0", "absent"
    Path("other/rows.csv").write_text("\n".join([*rows[:2], ",".join(cells), *rows[3:]]))
    _, other = compare_runs([Path("run"), Path("other")], Overlap())
    worst = other.references[0]
    assert (worst.video, worst.id, worst.text) == (changed["video"], changed["id"], changed["text"])
    assert (worst.difference, worst.base_verdict, worst.other_verdict) == (-float(changed["score"]), "found", "absent")
    assert {each.difference for each in other.references[1:]} == {0.0}
    capsys.readouterr()
    assert run_command(["compare", "run", "other"]) == 0
    assert str(Path("other/report.html")) in capsys.readouterr().out


def test_a_single_video_has_no_interval(script: Script) -> None:
    assert run_command([*EVAL, "--limit", "1"]) == 0
    summary = read_summary()
    assert (summary["intervals"], summary["metric_intervals"]) == ({}, {})


def scores(values: list[float]) -> list[VideoScores]:
    parts = [ObjectScores(case="0", columns={"overlap": (value,)}) for value in values]
    return [VideoScores(protocol="overlap", video=str(n), objects=(part,)) for n, part in enumerate(parts)]


def test_an_interval_narrows_with_more_videos_and_a_pair_is_narrower_than_its_parts() -> None:
    values = np.random.default_rng(0).uniform(0.2, 0.8, 400).tolist()
    few, many = (estimate_interval(Overlap(), scores(values[:count])) for count in (20, 400))
    assert few.low < few.value < few.high
    assert many.high - many.low < 0.5 * (few.high - few.low)
    better = estimate_difference(Overlap(), scores(values), scores([value + 0.05 for value in values]))
    assert better.low == pytest.approx(0.05)
    assert better.high == pytest.approx(0.05)


def test_the_memory_of_an_interval_does_not_grow_with_every_draw_of_every_video() -> None:
    many = scores([0.5] * 1_500)
    tracemalloc.start()
    estimate_interval(Overlap(), many)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000 * 1_500 * 8 / 5


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    draws = np.random.default_rng(1).normal(0.5, 0.1, (100, 40))
    found = [estimate_interval(Overlap(), scores(row.tolist())) for row in draws]
    assert 0.88 < np.mean([each.low <= 0.5 <= each.high for each in found]) < 0.99


def test_the_report_shows_scores_failures_and_pictures_and_needs_no_network(script: Script) -> None:
    Path("data/missing").write_text("e5")
    assert run_command(EVAL) == 3
    page = Path("run/report.html").read_text()
    assert "7 of 8" in page
    assert "e5: <span" in page
    assert page.count("data:image/jpeg") == 2 * 7
    links = re.findall(r'(?:src|href)="(?!data:)([^"]*)"', page)
    assert {link for link in links if not link.startswith("videos/")} == {"summary.json", "eval.yaml", "rows.csv", "masks/"}
    assert all(Path("run", unquote(link)).exists() for link in links)
    assert [name for name in NAMES if name not in page] == []


def test_a_picture_that_cannot_be_shown_says_why(script: Script) -> None:
    assert run_command(EVAL) == 0
    Path("data/missing").write_text("e5")
    assert run_command(EVAL) == 0
    page = Path("run/report.html").read_text()
    assert "e5: frame 3 cannot be read; download it again" in page
    assert page.count("data:image/jpeg") == 2 * 7


def test_a_split_without_public_truth_has_no_empty_table(
    script: Script, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Squares, "split_protocols", {"valid": ()})
    assert run_command([*EVAL[:-1], "--limit", "1"]) == 0
    printed = capsys.readouterr().out
    assert "protocol" not in printed
    assert "run/report.html" in printed
    page = Path("run/report.html").read_text()
    assert "1 of 1" in page
    assert "Scores" not in page


def test_every_reference_has_a_row_with_its_scores_and_verdict(script: Script) -> None:
    assert run_command(EVAL) == 0
    with Path("run/rows.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["video"], row["id"], row["text"]) for row in rows] == [(name, "0", f"the square of {name}") for name in NAMES]
    values = {line["video"]: line["scores"]["overlap"] for line in read_summary()["lines"]}
    assert {row["video"]: float(row["score"]) for row in rows} == values
    assert {(row["verdict"], row["frames_found"], row["J"]) for row in rows} == {("found", "4", "")}
    assert all(row["pivot_frame"].isdigit() for row in rows)
    assert all(Path("run", row["path"]).is_file() for row in rows)
