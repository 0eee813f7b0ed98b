"""The report of an evaluation: the worst references first, at the frame that made them so, with intervals and reasons."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from alref.cli import run_command
from alref.components.scores import Case, ObjectScores, ScoreTable, VideoScores
from alref.evaluation.bootstrap import estimate_intervals
from alref.evaluation.previews import (
    EXTRA_COLOR,
    MISSED_COLOR,
    PREDICTED_COLOR,
    TRUTH_COLOR,
    draw_errors,
    draw_outlines,
    find_lowest_frame,
)
from alref.evaluation.report import sort_from_worst
from alref.evaluation.rows import ReferenceLine
from alref.utils.masks import Mask
from alref_benchmarks.metrics import get_metric
from support import benchmark_fixtures


def make_part(name: str = "", matched: int = 0) -> ObjectScores:
    columns = {"matched": (float(matched),)} if matched else {}
    return ObjectScores(case="0", object=name, columns=columns)


def make_box(left: int, right: int) -> Mask:
    mask = np.zeros((20, 30), np.bool_)
    mask[5:15, left:right] = True
    return mask


def test_the_frame_with_the_least_overlap_is_shown() -> None:
    truth = [make_box(0, 10), make_box(0, 10), make_box(0, 10), make_box(0, 20)]
    predicted = [make_box(0, 10), make_box(8, 12), make_box(20, 25), make_box(25, 30)]
    frame, overlap, true, found = find_lowest_frame(Case("0", truth, predicted), make_part())
    assert (frame, overlap) == (3, 0.0)  # of the two without an overlap, the one with the larger masks
    assert np.array_equal(true, truth[3])
    assert np.array_equal(found, predicted[3])


def test_of_a_label_map_only_the_object_and_its_match_are_compared() -> None:
    truth = [make_box(0, 10) * np.uint8(2) + make_box(20, 30) * np.uint8(255)]
    predicted = [make_box(0, 5) * np.uint8(7) + make_box(10, 15) * np.uint8(2)]
    _, overlap, true, found = find_lowest_frame(Case("0", truth, predicted), make_part("2", matched=7))
    assert overlap == 0.5
    assert (int(true.sum()), int(found.sum())) == (100, 50)


def test_frames_without_a_prediction_are_empty() -> None:
    frame, overlap, _, found = find_lowest_frame(Case("0", [make_box(0, 10)], None), make_part())
    assert (frame, overlap, bool(found.any())) == (0, 0.0, False)


@pytest.mark.parametrize("gray", [0, 20, 128, 235, 255])
@pytest.mark.parametrize("color", [TRUTH_COLOR, PREDICTED_COLOR, (128, 128, 128)], ids=["blue", "orange", "gray"])
def test_both_outlines_differ_from_any_background(gray: int, color: tuple[int, int, int]) -> None:
    image = np.full((20, 30, 3), np.array(color) * gray // 255, np.uint8)
    drawn = draw_outlines(image, make_box(2, 12), make_box(18, 27)).astype(int)
    left, right = drawn[:, :15].reshape(-1, 3), drawn[:, 15:].reshape(-1, 3)
    assert all((half == wanted).all(axis=1).any() for half, wanted in ((left, TRUTH_COLOR), (right, PREDICTED_COLOR)))
    assert all(np.abs(half - image[0, 0].astype(int)).sum(axis=1).max() > 150 for half in (left, right))


def test_the_error_map_tells_what_is_missed_from_what_is_too_much() -> None:
    drawn = draw_errors(np.zeros((20, 30, 3), np.uint8), make_box(0, 10), make_box(5, 15))
    assert tuple(drawn[10, 2]) == MISSED_COLOR
    assert tuple(drawn[10, 12]) == EXTRA_COLOR
    assert tuple(drawn[0, 0]) == (0, 0, 0)


def make_line(score: float) -> ReferenceLine:
    return ReferenceLine("v", "0", "", {"score": score}, None, "found", "", (), 0, 1, 0, 0.0, None, "")


@pytest.mark.parametrize(("lower", "first"), [((), 0.1), (("S",), 0.9)], ids=["higher is better", "lower is better"])
def test_the_worst_reference_is_first(lower: tuple[str, ...], first: float) -> None:
    table = ScoreTable(protocol="p", main_metric="S", metrics={"S": 0.5}, lower_is_better=lower)
    assert sort_from_worst([make_line(0.5), make_line(0.9), make_line(0.1)], table)[0].score == first


def score_mevis(masks: Sequence[tuple[Mask, Mask]], video: str) -> VideoScores:
    cases = [Case(str(place), [true], [found]) for place, (true, found) in enumerate(masks)]
    return get_metric("mevis").score_video(video, cases)


def test_every_mean_of_mevis_has_an_interval_that_contains_it() -> None:
    nothing, metric = make_box(0, 0), get_metric("mevis")
    scores = [score_mevis([(make_box(0, 10), make_box(0, 5 + k)), (nothing, make_box(0, k % 2))], f"v{k}") for k in range(6)]
    scores.append(score_mevis([(make_box(0, 10), nothing)], "w"))
    values = metric.summarize_scores(scores).metrics
    found = estimate_intervals(metric, scores, values)
    assert found.keys() == values.keys() - {"dropped"}
    assert all(low <= values[name] <= high for name, (low, high) in found.items())
    assert found["N-acc"][0] < values["N-acc"] == 0.5 < found["N-acc"][1]


def test_a_metric_that_is_not_a_mean_over_videos_has_no_interval() -> None:
    metric = get_metric("avss-alref")
    clips = [np.full((2, 8, 8), number, np.uint8) for number in (1, 2, 3)]
    scores = [metric.score_video(f"v{place}", [Case("sound", clip, clip)]) for place, clip in enumerate(clips)]
    values = metric.summarize_scores(scores).metrics
    assert "mIoU-noBg" not in estimate_intervals(metric, scores, values)


def test_the_page_shows_words_reasons_and_links_of_each_reference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    benchmark_fixtures.build("mevis", Path("data"))
    assert run_command(["eval", "mevis", "--data", "data", "--split", "valid_u", "--out", "run", "--quiet"]) == 0
    page = Path("run/report.html").read_text(encoding="utf-8")
    with Path("run/rows.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["text"] for row in rows if row["text"] not in page] == []
    assert page.count("<tr data-verdict=") == len(rows) == 6
    worst = sum(float(row["score"]) < 1 for row in rows)
    assert page.count("data:image/jpeg") == 2 * worst
    summary = json.loads(Path("run/summary.json").read_text(encoding="utf-8"))
    assert set(summary["metric_intervals"]["mevis"]) == set(summary["tables"][0]["metrics"]) - {"dropped"}
    reasons = [each["why"] for file in Path("run/rows").glob("*.json") for each in json.loads(file.read_text())["references"]]
    assert all(reasons)
